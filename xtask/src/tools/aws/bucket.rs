//! The bucket that holds Terraform's state.

use super::{Aws, seconds_since_epoch};
use crate::error::bail_hint;
use anyhow::{Context, Result, bail};
use aws_smithy_xml::decode::{Document, try_data};

/// Something in the bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Object {
    pub(crate) key: String,
    /// Seconds since 1970.
    pub(crate) modified: i64,
}

impl Aws {
    /// Whether these credentials reach the bucket.
    pub(crate) fn has_bucket(&self, bucket: &str) -> Result<bool> {
        Ok(self.signed("s3", "HEAD", &self.bucket_url(bucket), "")?.0 == 200)
    }

    /// Makes the bucket for Terraform's state, unless it is there. Terraform itself can't: it wants to write there first.
    pub(crate) fn make_bucket(&self, bucket: &str) -> Result<()> {
        // The region that needs no constraint may not have one.
        let body = match self.region() {
            "us-east-1" => String::new(),
            region => format!(
                "<CreateBucketConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><LocationConstraint>{region}</LocationConstraint></CreateBucketConfiguration>"
            ),
        };
        let (status, answer) = self.signed("s3", "PUT", &self.bucket_url(bucket), &body)?;
        if status == 200 || answer.contains("BucketAlreadyOwnedByYou") {
            return Ok(());
        }
        bail_hint!(
            "check what these credentials may do; `bootstrap` is for an administrator of the account";
            "AWS refused to make bucket `{bucket}`: status {status}: {answer}"
        )
    }

    /// What lies under a prefix of plain characters; nothing where there is no bucket yet.
    pub(crate) fn objects(&self, bucket: &str, prefix: &str) -> Result<Vec<Object>> {
        let mut objects = Vec::new();
        let mut query = format!("?list-type=2&prefix={}", prefix.replace('/', "%2F"));
        loop {
            let url = format!("{}{query}", self.bucket_url(bucket));
            let (status, answer) = self.signed("s3", "GET", &url, "")?;
            if status == 404 {
                return Ok(objects);
            }
            if status != 200 {
                bail_hint!(
                    "check that these credentials may call `s3:ListBucket`";
                    "cannot list bucket `{bucket}`: status {status}: {answer}"
                );
            }
            let last =
                page(&answer, &mut objects).with_context(|| format!("S3's answer is not understood: {answer}"))?;
            // S3 lists in the order of the keys, so the last one is a place to go on from.
            match objects.last().filter(|_| !last) {
                Some(object) => {
                    query = format!(
                        "?list-type=2&prefix={}&start-after={}",
                        prefix.replace('/', "%2F"),
                        object.key.replace('/', "%2F")
                    );
                }
                None => return Ok(objects),
            }
        }
    }

    /// Deletes an object; nothing to do where there is none.
    pub(crate) fn delete_object(&self, bucket: &str, key: &str) -> Result<()> {
        let url = format!("{}/{key}", self.bucket_url(bucket).trim_end_matches('/'));
        match self.signed("s3", "DELETE", &url, "")? {
            (200 | 204 | 404, _) => Ok(()),
            (status, answer) => bail!("cannot delete `{key}` from bucket `{bucket}`: status {status}: {answer}"),
        }
    }

    fn bucket_url(&self, bucket: &str) -> String {
        match self.sdk.endpoint_url() {
            Some(endpoint) => format!("{}/{bucket}", endpoint.trim_end_matches('/')),
            None => format!("https://{bucket}.s3.{}.amazonaws.com/", self.region()),
        }
    }
}

/// Adds the objects of one page; true where it is the last.
fn page(answer: &str, objects: &mut Vec<Object>) -> Result<bool> {
    let mut last = true;
    let mut document = Document::new(answer);
    let mut root = document.root_element()?;
    while let Some(mut element) = root.next_tag() {
        match element.start_el().local() {
            "IsTruncated" => last = try_data(&mut element)? != "true",
            "Contents" => {
                let (mut key, mut modified) = (None, None);
                while let Some(mut field) = element.next_tag() {
                    match field.start_el().local() {
                        "Key" => key = Some(try_data(&mut field)?.into_owned()),
                        "LastModified" => modified = seconds_since_epoch(&try_data(&mut field)?),
                        _ => {}
                    }
                }
                let (key, modified) = key.zip(modified).context("an object without a key or a time")?;
                objects.push(Object { key, modified });
            }
            _ => {}
        }
    }
    Ok(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_page() {
        let answer = "<?xml version=\"1.0\"?><ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
            <Name>states</Name><IsTruncated>true</IsTruncated>\
            <Contents><Key>roles/a&amp;b.tfstate</Key><LastModified>2026-01-31T12:00:00.000Z</LastModified><Size>1</Size></Contents>\
            </ListBucketResult>";
        let mut objects = Vec::new();
        assert!(!page(answer, &mut objects).expect("it reads"), "there is more");
        assert_eq!(objects, [Object { key: "roles/a&b.tfstate".to_owned(), modified: 1_769_860_800 }]);
        assert!(page("<ListBucketResult/>", &mut objects).expect("it reads"), "there is no more");
        assert!(page("<ListBucketResult><Contents><Key>a</Key></Contents></ListBucketResult>", &mut objects).is_err());
    }
}
