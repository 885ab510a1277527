//! Packages that were made before by whoever deploys to this account: in the bucket of its states, so that the next job of a
//! pipeline, or another developer, need not make them again. Who may write there is who may publish anyway. None is put on a
//! shelf of this machine: that would carry what one account trusts into another.

use crate::environment::Environment;
use crate::model::package::{MAX_ZIPPED, sha256};
use crate::tools::aws::Aws;
use crate::tools::events;
use anyhow::Result;
use std::sync::atomic::{AtomicBool, Ordering};

/// What its objects' keys begin with.
const PREFIX: &str = "packages";

/// Where an account's packages are kept.
#[derive(Debug)]
pub(crate) struct Depot {
    aws: Aws,
    bucket: String,
    takes_more: bool,
    /// After the first refusal nothing more is asked: a deploy does without.
    closed: AtomicBool,
}

impl Depot {
    /// `None` for the local AWS, which lies beside the shelf. For a dry run, which writes nothing, it takes no more.
    pub(crate) fn of(environment: &Environment, dry_run: bool) -> Result<Option<Self>> {
        if environment.is_local() {
            return Ok(None);
        }
        let (aws, bucket) = (environment.aws()?, environment.bucket());
        Ok(Some(Self { aws, bucket, takes_more: !dry_run, closed: AtomicBool::new(false) }))
    }

    /// What was made of a function by this recipe, if it is there, whole, and the only one.
    pub(super) fn take(&self, function: &str, recipe: &str) -> Option<Vec<u8>> {
        let objects = self.asked(|| self.aws.objects(&self.bucket, &format!("{PREFIX}/{recipe}/")))?;
        if objects.len() > 1 {
            events::warn(
                &format!(
                    "several packages of `{function}` are kept as made of the same files, so none of them is taken"
                ),
                "a build script of it may read the clock or the network; in 30 days they are forgotten",
            );
        }
        // Whoever may publish may write there, also what fills the memory of whoever reads it.
        let [object] = &objects[..] else { return None };
        if object.bytes > MAX_ZIPPED {
            return None;
        }
        let zip = self.asked(|| self.aws.object_bytes(&self.bucket, &object.key))??;
        (object.key == key(recipe, &zip)).then_some(zip)
    }

    pub(super) fn keep(&self, recipe: &str, zip: &[u8]) {
        if self.takes_more {
            self.asked(|| self.aws.put_object(&self.bucket, &key(recipe, zip), zip));
        }
    }

    fn asked<T>(&self, call: impl FnOnce() -> Result<T>) -> Option<T> {
        if self.closed.load(Ordering::Relaxed) {
            return None;
        }
        let refused = match call() {
            Ok(answer) => return Some(answer),
            Err(refused) => refused,
        };
        // Several may have asked at once.
        if !self.closed.swap(true, Ordering::Relaxed) {
            events::warn(
                &format!("packages are neither taken from the account nor kept there: {refused:#}"),
                "nothing is lost, they are made here; where AWS denies it, an administrator's `cargo xtask bootstrap` brings up to date what the role may do",
            );
        }
        None
    }
}

/// A package lies under its own digest, so that nothing else is taken for it.
fn key(recipe: &str, zip: &[u8]) -> String {
    format!("{PREFIX}/{recipe}/{}.zip", sha256(zip).hex)
}
