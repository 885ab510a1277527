//! What is done with the messages of the queue.

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use lambda_runtime::Error;
use serde::Deserialize;

/// What a message's body says, in JSON.
#[derive(Debug, Deserialize)]
struct Order {
    id: String,
}

/// Works off a batch. A message that fails comes back alone, and after five times is kept with the dead letters; the
/// others of its batch are done with.
pub(crate) async fn handle(event: SqsEvent) -> Result<SqsBatchResponse, Error> {
    let mut response = SqsBatchResponse::default();
    for message in event.records {
        if let Err(error) = work_off(&message).await {
            tracing::error!(%error, message = message.message_id, "a message failed");
            // Without an identifier, all of the batch comes back.
            response.add_failure(message.message_id.unwrap_or_default());
        }
    }
    Ok(response)
}

/// The same message may come twice: what is done here must bear that.
async fn work_off(message: &SqsMessage) -> Result<(), Error> {
    let order: Order = serde_json::from_str(message.body.as_deref().unwrap_or_default())?;
    tracing::info!(order = order.id, "worked off");
    Ok(())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail by panicking")]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    async fn failed(event: Value) -> Value {
        let response = handle(serde_json::from_value(event).unwrap()).await.unwrap();
        response.batch_item_failures.into_iter().map(|item| item.item_identifier).collect()
    }

    #[tokio::test]
    async fn the_smoke_test_fits() {
        let smoke: Value = serde_json::from_str(include_str!("../smoke.json")).unwrap();
        for case in smoke["cases"].as_array().unwrap() {
            assert_eq!(failed(case["event"].clone()).await, case["expect"]["failed"], "{}", case["name"]);
        }
    }

    #[tokio::test]
    async fn the_sample_is_worked_off() {
        assert_eq!(failed(serde_json::from_str(include_str!("../events/message.json")).unwrap()).await, json!([]));
    }
}
