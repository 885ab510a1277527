//! What is done when it is time.

use aws_lambda_events::event::eventbridge::EventBridgeEvent;
use lambda_runtime::Error;

/// Where it fails, Lambda tries twice more. The same event may come twice: what is done here must bear that.
pub(crate) async fn handle(event: EventBridgeEvent) -> Result<(), Error> {
    tracing::info!(due = event.time.map(|time| time.to_rfc3339()), "it is time");
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
        handle(serde_json::from_str(include_str!("../events/tick.json")).unwrap()).await.unwrap();
    }
}
