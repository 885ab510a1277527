//! Function URLs of aliases: a preview of a branch without a gateway.

use super::{Aws, code, failed, status};
use anyhow::Result;
use aws_sdk_lambda::types::FunctionUrlAuthType;
use serde::Serialize;

/// The URL of an alias.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct FunctionUrl {
    pub(crate) url: String,
    /// Whether anybody may call it; otherwise only who signs the request with IAM credentials that allow it.
    pub(crate) public: bool,
}

impl Aws {
    /// The URL of an alias, or `None` when it has none.
    pub(crate) fn url(&self, lambda: &str, alias: &str) -> Result<Option<FunctionUrl>> {
        let call = self.lambda.get_function_url_config().function_name(lambda).qualifier(alias);
        match self.runtime.block_on(call.send()) {
            Ok(found) => Ok(Some(FunctionUrl {
                public: *found.auth_type() == FunctionUrlAuthType::None,
                url: found.function_url,
            })),
            Err(error) if code(&error) == Some("ResourceNotFoundException") => Ok(None),
            Err(error) => Err(failed(&format!("cannot read the URL of alias `{alias}` of `{lambda}`"), &error)),
        }
    }

    /// Gives an alias a URL, unless it has one.
    pub(crate) fn make_url(&self, lambda: &str, alias: &str, public: bool) -> Result<FunctionUrl> {
        let auth = if public { FunctionUrlAuthType::None } else { FunctionUrlAuthType::AwsIam };
        loop {
            if let Some(found) = self.url(lambda, alias)? {
                return Ok(found);
            }
            let call = self.lambda.create_function_url_config().function_name(lambda).qualifier(alias);
            match self.runtime.block_on(call.auth_type(auth.clone()).send()) {
                Ok(made) => return Ok(FunctionUrl { url: made.function_url, public }),
                // Somebody else has just made it.
                Err(error) if status(&error) == Some(409) => {}
                Err(error) => {
                    return Err(failed(&format!("cannot give alias `{alias}` of `{lambda}` a URL"), &error));
                }
            }
        }
    }

    /// Deletes the URL of an alias; nothing to do when there is none. Deleting the alias alone would leave it behind.
    pub(crate) fn delete_url(&self, lambda: &str, alias: &str) -> Result<()> {
        let call = self.lambda.delete_function_url_config().function_name(lambda).qualifier(alias);
        match self.runtime.block_on(call.send()) {
            Ok(_) => Ok(()),
            Err(error) if code(&error) == Some("ResourceNotFoundException") => Ok(()),
            Err(error) => Err(failed(&format!("cannot delete the URL of alias `{alias}` of `{lambda}`"), &error)),
        }
    }
}
