//! Where an alias's release record and what is there have come apart.

use super::alias::{Alias, AliasName};
use super::record::Record;
use super::version::Version;
use std::collections::BTreeSet;

/// One sentence for each thing that is not as the record says; `there` are the versions that exist.
pub(crate) fn drift(alias: &Alias, there: &BTreeSet<Version>) -> Vec<String> {
    let mut found = Vec::new();
    let live = [Some(alias.version), alias.split().map(|split| split.version)];
    for version in live.into_iter().flatten().filter(|version| !there.contains(version)) {
        found.push(format!("version {version}, which gets traffic, does not exist"));
    }
    let Some(record) = Record::of(alias) else {
        found.push("it has no release record: made by hand, or its description changed".to_owned());
        return found;
    };
    // A long branch is kept cut, with a character that no branch has.
    if !record.branch.contains('~') && AliasName::of_branch(&record.branch).as_str() != alias.name {
        found.push(format!("its record is of branch `{}`", record.branch));
    }
    // What it says of itself is as the next release would say it.
    let (_, by_hand) = Record::on(alias, &record.branch, record.live().release.number);
    found.extend(by_hand.into_iter().map(|says| format!("it {says}")));
    // `prune` takes from the old end; what is missing before one that is there was not deleted by it.
    let near = record.behind().iter().rposition(|entry| there.contains(&entry.version)).unwrap_or(0);
    let before = record.behind().iter().take(near + 1).map(|entry| entry.version);
    let gone: BTreeSet<_> = before.filter(|version| !there.contains(version)).collect();
    if !gone.is_empty() {
        let gone: Vec<_> = gone.iter().map(Version::to_string).collect();
        found.push(format!("cannot be rolled back to version {}, which was deleted", gone.join(", ")));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::record::{Entry, ReleaseId};
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn each_kind() {
        let versions = |numbers: &[u64]| numbers.iter().copied().map(Version).collect::<Vec<_>>();
        let alias = |version: u64, branch: &str, ahead: &[u64], recorded: u64, behind: &[u64]| {
            let numbers = ahead.iter().chain([&recorded]).chain(behind).copied();
            let entry = |(nth, version): (i64, u64)| Entry {
                release: ReleaseId::new(20 - nth, &"1".repeat(40), false),
                version: Version(version),
                narrowed: false,
            };
            let line: Vec<_> = (0..).zip(numbers).map(entry).collect();
            let record = Record { live: ahead.len(), line: line.clone(), ..Record::first(branch, line[0].clone()) };
            Alias {
                name: "main".to_owned(),
                version: Version(version),
                weights: BTreeMap::new(),
                description: record.to_description(),
                revision: String::new(),
            }
        };
        let there = versions(&[3, 4, 5]).into_iter().collect();
        let by_hand = Alias { description: "by hand".to_owned(), ..alias(4, "main", &[], 4, &[]) };
        let mut canary = alias(4, "main", &[], 4, &[]);
        canary.weights.insert(Version(5), 0.1);
        let cases = [
            (alias(4, "main", &[5], 4, &[3]), None),
            (alias(6, "main", &[], 6, &[5]), Some("version 6, which gets traffic, does not exist")),
            (canary, Some("given a split by hand: 10 % to 5")),
            (by_hand, Some("no release record")),
            (alias(4, "other", &[], 4, &[]), Some("of branch `other`")),
            (alias(4, "main", &[], 5, &[4]), Some("moved by hand from version 5 to 4")),
            (alias(4, "main", &[], 4, &[3, 2, 1]), None),
            (alias(4, "main", &[], 4, &[2, 3, 1]), Some("cannot be rolled back to version 2,")),
            (alias(4, "main", &[], 4, &[2, 1]), Some("cannot be rolled back to version 2,")),
        ];
        for (alias, wanted) in cases {
            let found = drift(&alias, &there);
            match wanted {
                None => assert!(found.is_empty(), "{found:?}"),
                Some(wanted) => assert!(found.len() == 1 && found[0].contains(wanted), "{found:?}"),
            }
        }
    }
}
