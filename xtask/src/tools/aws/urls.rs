//! Function URLs of aliases: a preview of a branch without a gateway.

use super::{Aws, code, failed, status};
use anyhow::{Context, Result};
use aws_sdk_lambda::types::FunctionUrlAuthType;
use serde::{Deserialize, Serialize};

/// The URL of an alias.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct FunctionUrl {
    pub(crate) url: String,
    /// Whether anybody may call it; otherwise only who signs the request with IAM credentials that allow it.
    pub(crate) public: bool,
}

impl std::fmt::Display for FunctionUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}  for {}", self.url, if self.public { "anybody" } else { "callers with IAM credentials" })
    }
}

impl Aws {
    /// The URL of an alias, or `None` when it has none.
    pub(crate) fn url(&self, lambda: &str, alias: &str) -> Result<Option<FunctionUrl>> {
        let call = self.lambda.get_function_url_config().function_name(lambda).qualifier(alias);
        match self.runtime.block_on(call.send()) {
            Ok(found) => Ok(Some(FunctionUrl {
                public: *found.auth_type() == FunctionUrlAuthType::None,
                url: self.reachable(found.function_url),
            })),
            Err(error) if code(&error) == Some("ResourceNotFoundException") => Ok(None),
            Err(error) => Err(failed(&format!("cannot read the URL of alias `{alias}` of `{lambda}`"), &error)),
        }
    }

    /// Gives an alias a URL, or the one that it has the callers wanted.
    pub(crate) fn make_url(&self, lambda: &str, alias: &str, public: bool) -> Result<FunctionUrl> {
        let auth = if public { FunctionUrlAuthType::None } else { FunctionUrlAuthType::AwsIam };
        let what = format!("cannot give alias `{alias}` of `{lambda}` a URL");
        let url = match self.url(lambda, alias)? {
            Some(found) if found.public == public => found.url,
            Some(_) => {
                let call = self.lambda.update_function_url_config().function_name(lambda).qualifier(alias);
                let made = self.runtime.block_on(call.auth_type(auth).send());
                self.reachable(made.map_err(|error| failed(&what, &error))?.function_url)
            }
            None => {
                let call = self.lambda.create_function_url_config().function_name(lambda).qualifier(alias);
                let made = self.runtime.block_on(call.auth_type(auth).send());
                self.reachable(made.map_err(|error| failed(&what, &error))?.function_url)
            }
        };
        if public {
            self.open_to_all(lambda, alias)?;
        } else {
            self.close_to_all(lambda, alias)?;
        }
        Ok(FunctionUrl { url, public })
    }

    /// Takes the URL of an alias away, and what let anybody in. Deleting the alias alone would leave the URL behind.
    pub(crate) fn close_url(&self, lambda: &str, alias: &str) -> Result<()> {
        let call = self.lambda.delete_function_url_config().function_name(lambda).qualifier(alias);
        match self.runtime.block_on(call.send()) {
            Err(error) if code(&error) != Some("ResourceNotFoundException") => {
                Err(failed(&format!("cannot delete the URL of alias `{alias}` of `{lambda}`"), &error))
            }
            _ => self.close_to_all(lambda, alias),
        }
    }

    /// Where an emulated AWS serves a URL: loopback names below `localhost` need no DNS.
    fn reachable(&self, url: String) -> String {
        let port = self.sdk.endpoint_url().and_then(|endpoint| endpoint.trim_end_matches('/').rsplit_once(':'));
        match (port, url.strip_prefix("https://").and_then(|rest| rest.split_once(".on.aws"))) {
            (Some((_, port)), Some((host, _))) => format!("http://{host}.localhost:{port}/"),
            _ => url,
        }
    }

    /// A URL without authentication still wants a policy that lets anybody in: one statement for the URL, and one for
    /// the invocation behind it (<https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html>).
    fn open_to_all(&self, lambda: &str, alias: &str) -> Result<()> {
        let call = || self.lambda.add_permission().function_name(lambda).qualifier(alias).principal("*");
        let [url, invoke] = STATEMENTS;
        let url = call().statement_id(url).action("lambda:InvokeFunctionUrl");
        let invoke = call().statement_id(invoke).action("lambda:InvokeFunction");
        for call in [url.function_url_auth_type(FunctionUrlAuthType::None), invoke.invoked_via_function_url(true)] {
            match self.runtime.block_on(call.send()) {
                Ok(_) => {}
                // It is there already, or the function is being changed: the policy tells which.
                Err(error) if status(&error) == Some(409) && self.is_open(lambda, alias)? => {}
                Err(error) => {
                    return Err(failed(&format!("cannot open the URL of alias `{alias}` of `{lambda}`"), &error));
                }
            }
        }
        Ok(())
    }

    fn close_to_all(&self, lambda: &str, alias: &str) -> Result<()> {
        for statement in STATEMENTS {
            let call = self.lambda.remove_permission().function_name(lambda).qualifier(alias).statement_id(statement);
            match self.runtime.block_on(call.send()) {
                Ok(_) => {}
                Err(error) if code(&error) == Some("ResourceNotFoundException") => {}
                Err(error) => {
                    return Err(failed(&format!("cannot close the URL of alias `{alias}` of `{lambda}`"), &error));
                }
            }
        }
        Ok(())
    }

    /// Whether the alias's policy has both statements.
    fn is_open(&self, lambda: &str, alias: &str) -> Result<bool> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Policy {
            statement: Vec<Statement>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Statement {
            #[serde(default)]
            sid: String,
        }
        let call = self.lambda.get_policy().function_name(lambda).qualifier(alias);
        let policy = match self.runtime.block_on(call.send()) {
            Ok(found) => found.policy.unwrap_or_default(),
            Err(error) if code(&error) == Some("ResourceNotFoundException") => return Ok(false),
            Err(error) => {
                return Err(failed(&format!("cannot read who may call alias `{alias}` of `{lambda}`"), &error));
            }
        };
        let policy: Policy = serde_json::from_str(&policy).context("the policy of an alias is not understood")?;
        Ok(STATEMENTS.iter().all(|wanted| policy.statement.iter().any(|statement| statement.sid == *wanted)))
    }
}

/// What lets anybody in, by the statements' ids in an alias's policy.
const STATEMENTS: [&str; 2] = ["public-url", "public-invoke"];
