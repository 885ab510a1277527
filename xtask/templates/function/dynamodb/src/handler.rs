//! What is done with the changes of the table.

use aws_lambda_events::event::dynamodb::{Event, EventRecord};
use aws_lambda_events::event::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};
use lambda_runtime::Error;
use serde::Deserialize;

/// An item's key.
#[derive(Debug, Deserialize)]
struct Key {
    id: String,
}

/// Works off a batch, in the order of the changes.
pub(crate) async fn handle(event: Event) -> Result<DynamoDbEventResponse, Error> {
    let mut response = DynamoDbEventResponse::default();
    for record in event.records {
        if let Err(error) = work_off(&record).await {
            tracing::error!(%error, change = record.event_id, "a change failed");
            // From this one on all of them come again.
            let mut failure = DynamoDbBatchItemFailure::default();
            failure.item_identifier = record.change.sequence_number;
            response.batch_item_failures.push(failure);
            break;
        }
    }
    Ok(response)
}

/// The same change may come twice: what is done here must bear that.
async fn work_off(record: &EventRecord) -> Result<(), Error> {
    let key: Key = serde_dynamo::from_item(record.change.keys.clone())?;
    tracing::info!(item = key.id, change = record.event_name, "worked off");
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
        assert_eq!(failed(serde_json::from_str(include_str!("../events/change.json")).unwrap()).await, json!([]));
    }
}
