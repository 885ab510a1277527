//! What is done with the messages of the topic.

use aws_lambda_events::event::sns::{SnsEvent, SnsMessage};
use lambda_runtime::Error;
use serde::Deserialize;

/// What a message says, in JSON.
#[derive(Debug, Deserialize)]
struct Order {
    id: String,
}

/// Where it fails, Lambda tries twice more.
pub(crate) async fn handle(event: SnsEvent) -> Result<(), Error> {
    for record in event.records {
        work_off(&record.sns).await?;
    }
    Ok(())
}

/// The same message may come twice: what is done here must bear that.
async fn work_off(message: &SnsMessage) -> Result<(), Error> {
    let order: Order = serde_json::from_str(&message.message)?;
    tracing::info!(order = order.id, "worked off");
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
        handle(serde_json::from_str(include_str!("../events/message.json")).unwrap()).await.unwrap();
    }

    #[tokio::test]
    async fn what_cannot_be_read_fails() {
        let sample: Value = serde_json::from_str(include_str!("../events/message.json")).unwrap();
        let text = sample.to_string().replace(r#"{\"id\":\"42\"}"#, "no JSON");
        assert!(handle(serde_json::from_str(&text).unwrap()).await.is_err());
    }
}
