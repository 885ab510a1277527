//! Whether what is still to be downloaded can be: each server is asked the way that its tool would, all at once, and none
//! for long. Where all is here, nobody is asked.

use crate::error::with_hint;
use crate::tools::{cargo, pinned, python, terraform};
use anyhow::{Result, anyhow};
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// For one connection; and for all that there is to ask, as a machine that is busy takes its time.
const PATIENCE: Duration = Duration::from_secs(5);
const ALTOGETHER: Duration = Duration::from_secs(30);

/// What can be downloaded; `None` where there is nothing to download.
type Ask = fn(&Path) -> Result<Option<String>>;

const ASKS: [(&str, Ask); 4] = [
    ("Terraform", |root| {
        let target = root.join("target");
        // Who cannot tell has said so already.
        if !matches!(pinned::terraform_at_hand(&target), Ok(None)) {
            return Ok(None);
        }
        pinned::reach_terraform(PATIENCE)?;
        Ok(Some("Terraform: the release is there".to_owned()))
    }),
    ("Terraform's registry", |root| {
        let is_asked = terraform::reach_registry(&root.join("target"), PATIENCE)?;
        Ok(is_asked.then(|| "provider: Terraform's registry answers".to_owned()))
    }),
    ("the package index", |root| {
        let target = root.join("target");
        let missing = pinned::unfetched(&target);
        if missing.is_empty() || python::version(root).is_err() {
            return Ok(None);
        }
        python::reach(root, PATIENCE)?;
        Ok(Some(format!("{}: the package index answers", missing.join(", "))))
    }),
    ("the registry of crates", |root| {
        if cargo::has_crates(root) {
            return Ok(None);
        }
        cargo::reach(root, PATIENCE)?;
        Ok(Some("crates: the registry answers".to_owned()))
    }),
];

/// A sentence for each server that has something for this machine.
pub(super) fn reached(root: &Path) -> Vec<Result<String>> {
    // In threads that may outlive the answer: they end with the process.
    let asked = ASKS.map(|(whom, ask)| {
        let (tell, told) = mpsc::channel();
        let root = root.to_path_buf();
        thread::spawn(move || tell.send(ask(&root)));
        (whom, told)
    });
    let deadline = Instant::now() + ALTOGETHER;
    let answer = |(whom, told): (&str, mpsc::Receiver<Result<Option<String>>>)| {
        let late = || {
            let error = anyhow!("{whom} does not answer within {} s", ALTOGETHER.as_secs());
            Err(with_hint(error, "check the network: a proxy that is set but dead is waited for"))
        };
        told.recv_timeout(deadline.saturating_duration_since(Instant::now())).unwrap_or_else(|_| late()).transpose()
    };
    asked.into_iter().filter_map(answer).collect()
}
