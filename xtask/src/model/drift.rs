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
    let Some(record) = Record::parse(&alias.description) else {
        found.push("it has no release record: made or changed by hand".to_owned());
        return found;
    };
    // A long branch is kept cut, with a character that no branch has.
    if !record.branch.contains('~') && AliasName::of_branch(&record.branch).as_str() != alias.name {
        found.push(format!("its record is of branch `{}`", record.branch));
    }
    for (versions, says) in [(&record.previous, "was live before"), (&record.rolled_back, "was rolled back")] {
        if versions.contains(&alias.version) {
            found.push(format!("version {} is live, but by the record it {says}: moved by hand", alias.version));
        }
    }
    // `prune` takes from the old end; what is missing before one that is there was not deleted by it.
    let near = record.previous.iter().rposition(|version| there.contains(version)).unwrap_or(0);
    let gone = record.previous.iter().take(near + 1).filter(|version| !there.contains(version));
    let gone: Vec<_> = gone.map(Version::to_string).collect();
    if !gone.is_empty() {
        found.push(format!("no way back to {}: deleted", gone.join(", ")));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn each_kind() {
        let versions = |numbers: &[u64]| numbers.iter().copied().map(Version).collect::<Vec<_>>();
        let alias = |version: u64, branch: &str, previous: &[u64], rolled_back: &[u64]| {
            let record = Record::new(branch, &"1".repeat(40), false, versions(previous));
            Alias {
                name: "main".to_owned(),
                version: Version(version),
                weights: BTreeMap::new(),
                description: Record { rolled_back: versions(rolled_back), ..record }.to_description(),
                revision: String::new(),
            }
        };
        let there = versions(&[3, 4, 5]).into_iter().collect();
        let by_hand = Alias { description: "by hand".to_owned(), ..alias(4, "main", &[], &[]) };
        let mut canary = alias(4, "main", &[], &[]);
        canary.weights.insert(Version(6), 0.1);
        let cases = [
            (alias(4, "main", &[3], &[5]), None),
            (alias(6, "main", &[5], &[]), Some("version 6, which gets traffic, does not exist")),
            (canary, Some("version 6, which gets traffic, does not exist")),
            (by_hand, Some("no release record")),
            (alias(4, "other", &[], &[]), Some("of branch `other`")),
            (alias(4, "main", &[4, 3], &[]), Some("was live before")),
            (alias(4, "main", &[3], &[4]), Some("was rolled back")),
            (alias(4, "main", &[3, 2, 1], &[]), None),
            (alias(4, "main", &[2, 3, 1], &[]), Some("no way back to 2:")),
            (alias(4, "main", &[2, 1], &[]), Some("no way back to 2:")),
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
