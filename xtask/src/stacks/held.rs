//! What a state holds, read where it lies and as a rule without Terraform, and what lies beside it once all of an apply was
//! done.

use crate::error::Hint;
use crate::tools::aws::Aws;
use crate::tools::events;
use crate::tools::terraform::{Output, Outputs, Snapshot, State};
use anyhow::{Context, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// What an apply left.
#[derive(Debug, Default)]
pub(crate) struct Held {
    pub(super) outputs: Outputs,
    /// The digest of what it was made from, where all of that was applied.
    pub(super) digest: Option<String>,
    /// What was applied before.
    earlier: Vec<Earlier>,
}

/// What a whole apply left: branches share a state, and the versions of one are still there when another has applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Earlier {
    digest: String,
    outputs: Outputs,
}

/// So many applies are remembered; of three hundred functions one takes 200 kB.
const REMEMBERED: usize = 10;

/// What lies beside a state once all of an apply was done. Terraform saves a state also when a part of the apply has
/// failed, its outputs with it; of such a state nothing is said here, as it is another one.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Whole {
    digest: String,
    lineage: String,
    serial: u64,
    /// This and those before, the last one first.
    #[serde(default)]
    earlier: Vec<Earlier>,
}

/// What is sensitive, Terraform tells of an apply without its value, and belongs into no file.
fn is_told((_, output): &(&String, &Output)) -> bool {
    !output.sensitive
}

impl Whole {
    /// `None` where nobody has written it, or not in this form.
    fn read(object: Option<String>) -> Option<Self> {
        serde_json::from_str(&object?).ok()
    }
}

/// Where the word lies that all of a state was applied.
fn beside(key: &str) -> String {
    format!("{}.applied", key.trim_end_matches(".tfstate"))
}

impl Held {
    /// Reads the state where it lies: starting Terraform to ask for the outputs takes longer than all else of a deploy
    /// with nothing to do. Terraform is asked where the format is a newer one.
    pub(super) fn of(aws: &Aws, state: &State<'_>) -> Result<Self> {
        // The word first: a state that changes after it is another one.
        let whole = aws.object(&state.place.bucket, &beside(&state.key))?;
        let Some(text) = aws.object(&state.place.bucket, &state.key)? else { return Ok(Self::default()) };
        let Some(snapshot) = Snapshot::read(&text) else {
            let outputs = events::quietly("state", || state.outputs())?;
            return Ok(Self { outputs, ..Self::default() });
        };
        let Some(whole) = Whole::read(whole) else { return Ok(Self { outputs: snapshot.outputs, ..Self::default() }) };
        let is_of_it = (&whole.lineage, whole.serial) == (&snapshot.lineage, snapshot.serial);
        Ok(Self { digest: is_of_it.then_some(whole.digest), earlier: whole.earlier, outputs: snapshot.outputs })
    }

    /// What an apply has left.
    pub(super) fn new(outputs: Outputs, digest: &str) -> Self {
        Self { outputs, digest: Some(digest.to_owned()), earlier: Vec::new() }
    }

    /// Writes down that all of an apply was done, unless somebody else has applied since; with `remembered` also what it left.
    pub(super) fn seal(&self, aws: &Aws, state: &State<'_>, remembered: bool) -> Result<()> {
        let (bucket, key) = (&state.place.bucket, &state.key);
        let Some(digest) = self.digest.clone() else { return Ok(()) };
        let Some(text) = aws.object(bucket, key)? else { return Ok(()) };
        let Some(snapshot) = Snapshot::read(&text) else { return Ok(()) };
        if !snapshot.outputs.iter().filter(is_told).eq(self.outputs.iter().filter(is_told)) {
            return Ok(());
        }
        let mut earlier = Vec::new();
        if remembered {
            let outputs = self.outputs.iter().filter(is_told).map(|(name, output)| (name.clone(), output.clone()));
            earlier.push(Earlier { digest: digest.clone(), outputs: outputs.collect() });
            let before = Whole::read(aws.object(bucket, &beside(key))?).map_or_else(Vec::new, |whole| whole.earlier);
            earlier.extend(before.into_iter().filter(|before| before.digest != digest).take(REMEMBERED - 1));
        }
        let whole = Whole { digest, lineage: snapshot.lineage, serial: snapshot.serial, earlier };
        aws.put_object(bucket, &beside(key), &serde_json::to_vec(&whole)?)
    }

    /// What an earlier apply of the very same left, if another one came after it.
    pub(super) fn earlier(&self, digest: &str) -> Option<Self> {
        let is_other = self.digest.as_deref() != Some(digest);
        let earlier = self.earlier.iter().find(|earlier| is_other && earlier.digest == digest)?;
        Some(Self::new(earlier.outputs.clone(), digest))
    }

    /// What a state holds, read where it lies and without Terraform: nothing where there is none, or it is of another
    /// format.
    pub(super) fn known(aws: &Aws, bucket: &str, key: &str) -> Result<Option<Self>> {
        let text = aws.object(bucket, key)?;
        let snapshot = text.as_deref().and_then(Snapshot::read);
        Ok(snapshot.map(|snapshot| Self { outputs: snapshot.outputs, ..Self::default() }))
    }

    /// Reads what [`Held::json`] wrote.
    pub(crate) fn parse(json: &[u8]) -> Result<Self> {
        Ok(Self { outputs: serde_json::from_slice(json)?, ..Self::default() })
    }

    /// In the form of `terraform output -json`, less what is sensitive: it is for a file.
    pub(crate) fn json(&self) -> Result<Vec<u8>> {
        let told: BTreeMap<_, _> = self.outputs.iter().filter(is_told).collect();
        let mut json = serde_json::to_vec_pretty(&told)?;
        json.push(b'\n');
        Ok(json)
    }

    /// The same without some entries of a map.
    pub(super) fn without(&self, output: &str, entries: &[&str]) -> Self {
        let mut outputs = self.outputs.clone();
        if let Some(Value::Object(map)) = outputs.get_mut(output).map(|output| &mut output.value) {
            entries.iter().for_each(|entry| drop(map.remove(*entry)));
        }
        Self { outputs, ..Self::default() }
    }

    /// One output; `None` where there is none of this name.
    pub(crate) fn output<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>> {
        let value = self.outputs.get(name).map(|output| T::deserialize(&output.value));
        value
            .transpose()
            .with_context(|| format!("cannot understand Terraform's output `{name}`"))
            .hint("compare `outputs.tf` with the template's: this output is read by the command")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_read_one_by_one() {
        let held = Held::parse(br#"{"url": {"value": "https://a", "type": "string"}, "n": {"value": 1}}"#);
        let held = held.expect("it is JSON");
        assert_eq!(held.output::<String>("url").expect("a text"), Some("https://a".to_owned()));
        assert_eq!(held.output::<String>("other").expect("nothing"), None);
        assert!(held.output::<String>("n").is_err());
        assert_eq!(held.digest, None);
        assert!(Held::parse(b"[]").is_err());
    }

    #[test]
    fn what_is_sensitive_is_written_nowhere() {
        let held =
            Held::parse(br#"{"a": {"value": "told"}, "b": {"sensitive": true, "type": "string", "value": "kept"}}"#);
        let json = String::from_utf8(held.expect("it is JSON").json().expect("it is written")).expect("text");
        assert!(json.contains("told") && !json.contains("kept"), "{json}");
    }
}
