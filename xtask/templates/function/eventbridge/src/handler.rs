//! What is done with an event.

use aws_lambda_events::event::eventbridge::EventBridgeEvent;
use lambda_runtime::Error;
use serde::{Deserialize, Serialize};

/// What an event's `detail` says.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Order {
    id: String,
}

/// Where it fails, Lambda tries twice more. The same event may come twice: what is done here must bear that.
pub(crate) async fn handle(event: EventBridgeEvent<Order>) -> Result<(), Error> {
    tracing::info!(order = event.detail.id, "worked off");
    Ok(())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail by panicking")]
mod tests {
    use super::*;
    use serde_json::Value;

    #[tokio::test]
    async fn the_smoke_test_fits() {
        let smoke: Value = serde_json::from_str(include_str!("../smoke.json")).unwrap();
        handle(serde_json::from_value(smoke["event"].clone()).unwrap()).await.unwrap();
    }

    #[tokio::test]
    async fn the_sample_is_worked_off() {
        handle(serde_json::from_str(include_str!("../events/event.json")).unwrap()).await.unwrap();
    }
}
