//! What is done with an object that came.

use aws_lambda_events::event::s3::{S3Event, S3EventRecord};
use lambda_runtime::Error;
use percent_encoding::percent_decode_str;

/// Where it fails, Lambda tries twice more.
pub(crate) async fn handle(event: S3Event) -> Result<(), Error> {
    for record in event.records {
        work_off(&record).await?;
    }
    Ok(())
}

/// The same object may be told of twice: what is done here must bear that.
async fn work_off(record: &S3EventRecord) -> Result<(), Error> {
    let key = key(record.s3.object.key.as_deref().unwrap_or_default())?;
    tracing::info!(bucket = record.s3.bucket.name, key, "worked off");
    Ok(())
}

/// A key comes as in a URL's query: `a b.txt` as `a+b.txt`.
fn key(encoded: &str) -> Result<String, Error> {
    Ok(percent_decode_str(&encoded.replace('+', " ")).decode_utf8()?.into_owned())
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
        handle(serde_json::from_str(include_str!("../events/object.json")).unwrap()).await.unwrap();
    }

    #[test]
    fn keys_are_decoded() {
        assert_eq!(key("a+b/%C3%BC%2B.txt").unwrap(), "a b/ü+.txt");
        assert!(key("%FF").is_err());
    }
}
