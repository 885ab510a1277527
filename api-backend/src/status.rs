//! What the function says about itself: that it is up, and which version it is.

use axum::{Json, extract::State};
use serde::Serialize;

/// The function's name and version as Lambda reports them.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Identity {
    function: String,
    version: String,
}

impl Identity {
    /// What Lambda did not say is `local`.
    pub(crate) fn new(function: Option<String>, version: Option<String>) -> Self {
        let or_local = |value: Option<String>| value.unwrap_or_else(|| "local".to_owned());
        Self { function: or_local(function), version: or_local(version) }
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct Status {
    status: &'static str,
    #[serde(flatten)]
    identity: Identity,
}

/// `GET /`
pub(crate) async fn show(State(identity): State<Identity>) -> Json<Status> {
    Json(Status { status: "ok", identity })
}
