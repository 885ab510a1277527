//! The bucket that holds Terraform's state.

use super::signed::{Refused, Request, found};
use super::{Aws, code, failed, status};
use crate::error::Hint;
use anyhow::{Context, Result, bail};
use aws_smithy_xml::decode::{Document, try_data};
use jiff::Timestamp;

/// Something in the bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Object {
    pub(crate) key: String,
    pub(crate) modified: Timestamp,
    pub(crate) bytes: u64,
}

impl Aws {
    /// Whether the bucket is there. Asked for an empty list, S3 says why where it refuses; a `HeadBucket` needs the same
    /// permission and is answered without a word (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadBucket.html>).
    pub(crate) fn has_bucket(&self, bucket: &str) -> Result<bool> {
        let what = format!("cannot tell whether bucket `{bucket}` is there");
        match self.s3("GET", bucket, "?list-type=2&max-keys=0", "") {
            Err(error) if status(&error) == Some(403) => Err(failed(&what, &error)).hint(
                "these credentials need `s3:ListBucket` on it; where they have that, the bucket is another account's, and only another `project` in `Cargo.toml` helps",
            ),
            answer => Ok(found(&what, answer)?.is_some()),
        }
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
        let Err(error) = self.s3("PUT", bucket, "", &body) else { return Ok(()) };
        let refused = Err(failed(&format!("cannot make bucket `{bucket}`"), &error));
        match (code(&error), status(&error)) {
            (Some("BucketAlreadyOwnedByYou"), _) => Ok(()),
            (Some("BucketAlreadyExists"), _) => {
                refused.hint("all AWS accounts share the names of buckets, and this one is taken; choose another `project` in `Cargo.toml`")
            }
            (_, Some(403)) => refused.hint("run this with an administrator's credentials, named in `AWS_PROFILE`"),
            _ => refused,
        }
    }

    /// What lies under a prefix of plain characters; nothing where there is no bucket yet.
    pub(crate) fn objects(&self, bucket: &str, prefix: &str) -> Result<Vec<Object>> {
        let mut objects = Vec::new();
        let first = format!("?list-type=2&prefix={}", prefix.replace('/', "%2F"));
        let mut query = first.clone();
        loop {
            let answer = found(&format!("cannot list bucket `{bucket}`"), self.s3("GET", bucket, &query, ""))?;
            let Some(answer) = answer else { return Ok(objects) };
            let last =
                page(&answer, &mut objects).with_context(|| format!("S3's answer is not understood: {answer}"))?;
            // S3 lists in the order of the keys, so the last one is a place to go on from.
            match objects.last().filter(|_| !last) {
                Some(object) => query = format!("{first}&start-after={}", object.key.replace('/', "%2F")),
                None => return Ok(objects),
            }
        }
    }

    /// What an object holds; `None` where there is none, or no bucket yet.
    pub(crate) fn object(&self, bucket: &str, key: &str) -> Result<Option<String>> {
        found(&format!("cannot read `{key}` in bucket `{bucket}`"), self.s3("GET", bucket, key, ""))
    }

    /// The same of what is no text.
    pub(crate) fn object_bytes(&self, bucket: &str, key: &str) -> Result<Option<Vec<u8>>> {
        let answer = self.signed_bytes(self.about("GET", bucket, key, &[]));
        found(&format!("cannot read `{key}` in bucket `{bucket}`"), answer)
    }

    /// Writes an object.
    pub(crate) fn put_object(&self, bucket: &str, key: &str, body: &[u8]) -> Result<()> {
        let answer = self.signed(self.about("PUT", bucket, key, body));
        answer.map(drop).map_err(|error| failed(&format!("cannot write `{key}` to bucket `{bucket}`"), &error))
    }

    /// Deletes an object; nothing to do where there is none.
    pub(crate) fn delete_object(&self, bucket: &str, key: &str) -> Result<()> {
        found(&format!("cannot delete `{key}` from bucket `{bucket}`"), self.s3("DELETE", bucket, key, ""))?;
        Ok(())
    }

    fn s3(&self, method: &'static str, bucket: &str, rest: &str, body: &str) -> Result<String, Refused> {
        self.signed(self.about(method, bucket, rest, body.as_bytes()))
    }

    /// One request about a bucket, or what is in it. Its name is part of the host
    /// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html>), for which an emulator has no DNS.
    fn about(&self, method: &'static str, bucket: &str, rest: &str, body: &[u8]) -> Request {
        let (endpoint, path) = match self.sdk.endpoint_url() {
            Some(_) => (self.endpoint("s3"), format!("/{bucket}/{rest}")),
            None => (self.endpoint(&format!("{bucket}.s3")), format!("/{rest}")),
        };
        Request { service: "s3", method, endpoint, path, body: body.to_owned(), target: None }
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
                let (mut key, mut modified, mut bytes) = (None, None, None);
                while let Some(mut field) = element.next_tag() {
                    match field.start_el().local() {
                        "Key" => key = Some(try_data(&mut field)?.into_owned()),
                        "LastModified" => modified = try_data(&mut field)?.parse().ok(),
                        "Size" => bytes = try_data(&mut field)?.parse().ok(),
                        _ => {}
                    }
                }
                let (Some(key), Some(modified), Some(bytes)) = (key, modified, bytes) else {
                    bail!("an object without a key, a time or a size");
                };
                objects.push(Object { key, modified, bytes });
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
        assert_eq!(
            objects,
            [Object { key: "roles/a&b.tfstate".to_owned(), modified: Timestamp::constant(1_769_860_800, 0), bytes: 1 }]
        );
        assert!(page("<ListBucketResult/>", &mut objects).expect("it reads"), "there is no more");
        assert!(page("<ListBucketResult><Contents><Key>a</Key></Contents></ListBucketResult>", &mut objects).is_err());
    }
}
