//! The account's code storage as the reports tell of it.

use crate::model::forecast::days_left;
use crate::tools::aws::{Aws, Storage};
use crate::ui;
use jiff::Timestamp;

/// Days: beyond, a number would say more than anybody knows.
const FAR: u64 = 1_000;

/// The account's code storage. Whoever may not read it still wants to know the rest.
pub(crate) fn known_storage(aws: &Aws) -> Option<Storage> {
    aws.storage().inspect_err(|error| ui::say("storage", &format!("unknown: {error:#}"))).ok()
}

/// Days until the storage is full, from when each version was published and its bytes.
pub(crate) fn days_left_of<'a>(
    published: impl Iterator<Item = (&'a str, i64)>,
    storage: Option<Storage>,
) -> Option<u64> {
    let storage = storage?;
    let published: Vec<_> = published.filter_map(|(time, bytes)| Some((time.parse().ok()?, bytes))).collect();
    days_left(&published, Timestamp::now(), storage.used_bytes, storage.limit_bytes)
}

/// The account's code storage, and how long it will last.
pub(crate) fn storage_text(storage: Option<Storage>, days_left: Option<u64>) -> String {
    let Some(storage) = storage else { return "code storage: unknown\n".to_owned() };
    let [used, limit] =
        [storage.used_bytes, storage.limit_bytes].map(|bytes| ui::bytes(u64::try_from(bytes).unwrap_or(0)));
    let forecast = match days_left {
        Some(days) if days > FAR => "  full in years at the pace of the last 30 days\n".to_owned(),
        Some(days) => format!("  full in {days} days at the pace of the last 30\n"),
        None => String::new(),
    };
    format!("code storage: {used} of {limit}\n{forecast}")
}
