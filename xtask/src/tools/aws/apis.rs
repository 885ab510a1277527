//! HTTP APIs of API Gateway. Some reads of one service, so they are made by hand rather than with another SDK.

use super::signed::{Request, encoded, found};
use super::{Aws, failed};
use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::Value;

impl Aws {
    /// Whether the HTTP API exists.
    pub(crate) fn has_api(&self, id: &str) -> Result<bool> {
        let answer = self.signed(self.about_apis(&format!("/{id}")));
        Ok(found(&format!("cannot tell whether the HTTP API `{id}` is there"), answer)?.is_some())
    }

    /// The HTTP APIs, or of one of them (`/a1b2c3/routes`) what it has, all pages
    /// (<https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis.html>).
    pub(crate) fn apis(&self, path: &str) -> Result<Vec<Value>> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Page {
            #[serde(default)]
            items: Vec<Value>,
            next_token: Option<String>,
        }
        let (mut all, mut query) = (Vec::new(), String::new());
        loop {
            let what = format!("cannot list `/v2/apis{path}`");
            let answer = self.signed(self.about_apis(&format!("{path}{query}")));
            let page: Page = serde_json::from_str(&answer.map_err(|error| failed(&what, &error))?).context(what)?;
            all.extend(page.items);
            match page.next_token.filter(|token| !token.is_empty()) {
                Some(token) => query = format!("?nextToken={}", encoded(&token)),
                None => return Ok(all),
            }
        }
    }

    fn about_apis(&self, path: &str) -> Request {
        Request {
            service: "apigateway",
            method: "GET",
            endpoint: self.endpoint("apigateway"),
            path: format!("/v2/apis{path}"),
            body: Vec::new(),
            target: None,
        }
    }
}
