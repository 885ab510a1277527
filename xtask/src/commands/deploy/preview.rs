//! A branch's alias may have a URL of its own.

use crate::model::settings::PreviewUrl;
use crate::tools::aws::{Aws, FunctionUrl};
use crate::ui;
use anyhow::Result;
use serde::Serialize;

/// What becomes of an alias's own URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Preview {
    /// For anybody.
    Public,
    /// For callers with IAM credentials.
    Iam,
    Close,
    /// As it is: nobody has said anything about it.
    Keep,
}

impl Preview {
    pub(super) fn of(production: bool, asked: Option<PreviewUrl>, usual: PreviewUrl) -> Self {
        match (asked, usual) {
            (Some(PreviewUrl::None), _) => Self::Close,
            // Production has its gateway; a URL besides would be a way around its limits and logs.
            _ if production => Self::Keep,
            (None, PreviewUrl::None) => Self::Keep,
            (Some(PreviewUrl::Public), _) | (None, PreviewUrl::Public) => Self::Public,
            (Some(PreviewUrl::Iam), _) | (None, PreviewUrl::Iam) => Self::Iam,
        }
    }

    /// Gives the URL that there is then.
    pub(super) fn carry_out(self, aws: &Aws, lambda: &str, alias: &str) -> Result<Option<FunctionUrl>> {
        match self {
            Self::Public | Self::Iam => ui::step("url", || aws.make_url(lambda, alias, self == Self::Public)).map(Some),
            Self::Close => ui::step_with("url", || aws.close_url(lambda, alias), |()| "none".to_owned()).map(|()| None),
            Self::Keep => aws.url(lambda, alias),
        }
    }
}
