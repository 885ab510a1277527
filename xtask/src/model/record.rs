//! The release record: what an alias's description says about the releases it has been through.
//!
//! ```text
//! main 7f3c9a21…(the whole id) *r15:42 1b2c3d4:41 r12:9a8b7c6+:41! ~
//! ```
//!
//! The branch; the whole id of the newest release's commit, with a `+` where the work tree had changes; then the releases,
//! newest first. Each is `r<number>:<commit>:<version>`, less what can be told: the number where it is one below that
//! before it, and the first one's commit. `*` stands before the release that is live (what stands ahead of it was rolled
//! back), `%` before one that is a canary, `!` behind one that was released to some of the functions only (`--function`).
//! A commit that nobody knows is `-`. `~` at the end: older releases were dropped for want of space.
//!
//! All functions of a release have its number and commit in their records, also those that it did not change. So the set
//! that was live before can be found again, and a rollback moves nothing but the mark.

use super::alias::Alias;
use super::version::Version;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Lambda's limit on an alias's description, in characters; counted here in bytes, which is never more
/// (<https://docs.aws.amazon.com/lambda/latest/api/API_UpdateAlias.html>).
const DESCRIPTION: usize = 256;

/// So many releases always fit beside the newest, however long the branch: eight to go back to.
const AT_LEAST: usize = 9;

/// A branch that leaves no room for [`AT_LEAST`] releases is kept as its beginning and a hash, in so many bytes.
const BRANCH: usize = 22;

/// Digits of a commit's id that are kept of all but the newest release.
const SHORT: usize = 7;

/// A release: all functions of one commit on one branch, moved together. Written `r15`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReleaseId {
    /// Counted from 1 for each branch. What was there before releases were numbered has 0, -1 and so on.
    pub(crate) number: i64,
    /// The commit's id, at least its first digits; `None` where nobody knows.
    pub(crate) commit: Option<String>,
    /// Whether the work tree had changes that are in no commit.
    pub(crate) dirty: bool,
}

impl ReleaseId {
    pub(crate) fn new(number: i64, commit: &str, dirty: bool) -> Self {
        Self { number, commit: Some(commit.to_owned()), dirty }
    }

    /// Whether both are the same release. The number alone would not do: two machines may count the same one at once.
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.number == other.number
            && match (&self.commit, &other.commit) {
                (Some(one), Some(two)) => is_commit(one, two) && self.dirty == other.dirty,
                _ => true,
            }
    }

    /// Whether it was made of this commit, as it is in git.
    pub(crate) fn is_of(&self, commit: &str, dirty: bool) -> bool {
        self.dirty == dirty && self.commit.as_deref().is_some_and(|ours| is_commit(ours, commit))
    }
}

/// `r15`
impl fmt::Display for ReleaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "r{}", self.number)
    }
}

impl Serialize for ReleaseId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Whether two ids, one of them perhaps cut, are of the same commit.
pub(crate) fn is_commit(one: &str, two: &str) -> bool {
    one.starts_with(two) || two.starts_with(one)
}

/// A release in the record of one function's alias.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) release: ReleaseId,
    /// What the function was at then.
    pub(crate) version: Version,
    /// Whether it was released to some of the functions only, on purpose.
    pub(crate) narrowed: bool,
}

/// What an alias's description says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    /// The branch's name, perhaps cut: see [`Record::is_of`].
    pub(crate) branch: String,
    /// The releases, newest first; there is at least one.
    pub(crate) line: Vec<Entry>,
    /// Which of them is live. Those ahead of it were rolled back, but for a canary.
    pub(crate) live: usize,
    /// Whether the newest is a canary: under way beside the live one. Where it did not change the function, no traffic is
    /// split.
    pub(crate) canary: bool,
    /// Whether older releases are missing at the end.
    pub(crate) cut: bool,
}

impl Record {
    /// Of an alias's first release.
    pub(crate) fn first(branch: &str, entry: Entry) -> Self {
        Self { branch: branch.to_owned(), line: vec![entry], live: 0, canary: false, cut: false }
    }

    /// Reads an alias's description; `None` where it is not ours (set by hand, or empty).
    pub(crate) fn of(alias: &Alias) -> Option<Self> {
        Self::parse(&alias.description).or_else(|| Early::parse(&alias.description).map(|early| early.on(alias)))
    }

    fn parse(description: &str) -> Option<Self> {
        let mut words = description.split(' ');
        let branch = words.next().filter(|branch| !branch.is_empty())?.to_owned();
        let (newest, dirty) = dirty(words.next()?);
        if newest.len() < 40 || !is_hex(newest) {
            return None;
        }
        let (mut line, mut live, mut canary, mut cut): (Vec<Entry>, _, _, _) = (Vec::new(), None, false, false);
        for word in words {
            if cut {
                return None;
            }
            if word == "~" {
                cut = true;
                continue;
            }
            let rest = match word.split_at_checked(1)? {
                ("*", rest) if live.is_none() => {
                    live = Some(line.len());
                    rest
                }
                ("%", rest) if line.is_empty() => {
                    canary = true;
                    rest
                }
                _ => word,
            };
            let rest = match (canary && line.is_empty(), rest.strip_prefix('*')) {
                // A canary is never live itself.
                (true, Some(_)) => return None,
                _ => rest,
            };
            let (rest, narrowed) = rest.strip_suffix('!').map_or((rest, false), |rest| (rest, true));
            let mut parts = rest.split(':').peekable();
            let number = match parts.peek().and_then(|part| part.strip_prefix('r')) {
                Some(number) => {
                    parts.next();
                    number.parse().ok()?
                }
                None => line.last()?.release.number - 1,
            };
            let release = if line.is_empty() {
                let commit = (newest.bytes().any(|digit| digit != b'0')).then(|| newest.to_owned());
                ReleaseId { number, commit, dirty }
            } else {
                match parts.next()? {
                    "-" => ReleaseId { number, commit: None, dirty: false },
                    commit => {
                        let (commit, dirty) = self::dirty(commit);
                        is_hex(commit).then(|| ReleaseId::new(number, commit, dirty))?
                    }
                }
            };
            let version = parts.next()?.parse().ok()?;
            if parts.next().is_some() {
                return None;
            }
            line.push(Entry { release, version, narrowed });
        }
        let live = live.filter(|live| !canary || *live > 0)?;
        Some(Self { branch, line, live, canary, cut })
    }

    /// Whether the record is this branch's.
    pub(crate) fn is_of(&self, branch: &str) -> bool {
        self.branch == branch || self.branch == cut_branch(branch)
    }

    /// The release that the alias points at.
    pub(crate) fn live(&self) -> &Entry {
        &self.line[self.live]
    }

    /// The commit of the newest release, be it live, a canary or rolled back.
    pub(crate) fn newest(&self) -> &ReleaseId {
        &self.line[0].release
    }

    /// The releases that were rolled back, newest first.
    pub(crate) fn ahead(&self) -> &[Entry] {
        &self.line[usize::from(self.canary)..self.live]
    }

    /// The releases before the live one, newest first.
    pub(crate) fn behind(&self) -> &[Entry] {
        &self.line[self.live + 1..]
    }

    /// The description, at most 256 bytes: the oldest releases go first where it would be longer.
    pub(crate) fn to_description(&self) -> String {
        let mut record = self.clone();
        loop {
            let text = record.text();
            if text.len() <= DESCRIPTION {
                return text;
            }
            if record.line.len() <= AT_LEAST && record.branch.len() > BRANCH {
                record.branch = cut_branch(&record.branch);
            } else if record.live + 1 < record.line.len() {
                record.line.pop();
                record.cut = true;
            } else if record.live > usize::from(record.canary) {
                record.live -= 1;
                record.line.remove(record.live);
            } else {
                // Two releases and a cut branch always fit.
                return text;
            }
        }
    }

    fn text(&self) -> String {
        let mark = |dirty: bool| if dirty { "+" } else { "" };
        let newest = self.newest();
        let unknown = "0".repeat(40);
        let mut text =
            format!("{} {}{}", self.branch, newest.commit.as_deref().unwrap_or(&unknown), mark(newest.dirty));
        for (nth, Entry { release, version, narrowed }) in self.line.iter().enumerate() {
            text.push(' ');
            if nth == 0 && self.canary {
                text.push('%');
            }
            if nth == self.live {
                text.push('*');
            }
            if nth == 0 || release.number != self.line[nth - 1].release.number - 1 {
                text.push_str(&format!("r{}:", release.number));
            }
            if nth > 0 {
                match &release.commit {
                    Some(commit) => text.push_str(&format!("{}{}:", short(commit), mark(release.dirty))),
                    None => text.push_str("-:"),
                }
            }
            text.push_str(&format!("{version}{}", if *narrowed { "!" } else { "" }));
        }
        if self.cut {
            text.push_str(" ~");
        }
        text
    }

    /// The record as the alias bears it out: what was changed by hand is put into its line, and said in a sentence each.
    /// `base` is the release that the other functions are at, to which such a change was made.
    pub(crate) fn on(alias: &Alias, branch: &str, base: i64) -> (Self, Vec<String>) {
        let by_hand = |number| Entry {
            release: ReleaseId { number, commit: None, dirty: false },
            version: alias.version,
            narrowed: false,
        };
        let mut says = Vec::new();
        let Some(mut record) = Self::of(alias) else {
            says.push(
                "has no release record (made by hand, or its description changed), so this begins one".to_owned(),
            );
            let record = Self { cut: true, ..Self::first(branch, by_hand(base)) };
            return (record, says);
        };
        let recorded = record.live().version;
        if recorded != alias.version {
            says.push(format!(
                "was moved by hand from version {recorded} to {}, which its record did not say",
                alias.version
            ));
            let entry = by_hand(record.live().release.number);
            record.line.insert(record.live, entry);
        }
        let split = alias.split().filter(|split| split.version != alias.version);
        match (split, record.canary) {
            (Some(split), canary) if !canary || record.line[0].version != split.version => {
                says.push(format!("was given a split by hand: {split}"));
                let entry = Entry { version: split.version, ..by_hand(record.newest().number) };
                // What was the canary before is one that was taken away.
                record.line.insert(0, entry);
                record.live += 1;
                record.canary = true;
            }
            (None, true) if record.line[0].version != alias.version => {
                says.push(format!("lost its canary of version {} by hand", record.line[0].version));
                record.canary = false;
            }
            _ => {}
        }
        (record, says)
    }
}

fn dirty(commit: &str) -> (&str, bool) {
    commit.strip_suffix('+').map_or((commit, false), |commit| (commit, true))
}

fn is_hex(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// The beginning of a commit's id, as git abbreviates it.
pub(crate) fn short(commit: &str) -> &str {
    commit.get(..SHORT).unwrap_or(commit)
}

fn cut_branch(branch: &str) -> String {
    if branch.len() <= BRANCH {
        return branch.to_owned();
    }
    let mut kept = String::new();
    for c in branch.chars() {
        if kept.len() + c.len_utf8() > BRANCH - 9 {
            break;
        }
        kept.push(c);
    }
    // No branch has a `~` (git check-ref-format), so what is cut is never another one's name.
    format!("{kept}~{}", &super::package::sha256(branch.as_bytes()).hex[..8])
}

/// Reads what was written before releases were numbered: JSON with lists of versions.
#[derive(Deserialize)]
struct Early {
    branch: String,
    commit: String,
    #[serde(default)]
    dirty: bool,
    #[serde(default)]
    previous: Vec<Version>,
    #[serde(default)]
    rolled_back: Vec<Version>,
}

impl Early {
    fn parse(description: &str) -> Option<Self> {
        serde_json::from_str(description).ok()
    }

    /// Its line of time around what the alias points at: that has the number 0, for the functions were released one by
    /// one then, and no number tells what belongs together.
    fn on(self, alias: &Alias) -> Record {
        let canary = alias.split().map(|split| split.version).filter(|version| *version != alias.version);
        let known = |version: &Version| *version == alias.version || Some(*version) == canary;
        let ahead: Vec<_> = self.rolled_back.into_iter().filter(|version| !known(version)).collect();
        let behind = self.previous.into_iter().filter(|version| !known(version));
        let live = usize::from(canary.is_some()) + ahead.len();
        let line = canary.into_iter().chain(ahead).chain([alias.version]).chain(behind);
        let entry = |(nth, version)| Entry {
            release: ReleaseId {
                number: live as i64 - nth as i64,
                commit: (nth == 0).then(|| self.commit.clone()),
                dirty: nth == 0 && self.dirty,
            },
            version,
            narrowed: false,
        };
        let line = line.enumerate().map(entry).collect();
        Record { branch: self.branch, line, live, canary: canary.is_some(), cut: false }
    }
}

/// A release as it is named on the command line: `r15`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ReleaseNumber(pub(crate) i64);

impl FromStr for ReleaseNumber {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.strip_prefix('r').filter(|digits| digits.bytes().all(|digit| digit.is_ascii_digit()));
        let number = number.and_then(|digits| digits.parse().ok());
        number.map(Self).ok_or_else(|| format!("`{text}` is no release; those have names like `r15`"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

    fn entry(number: i64, commit: &str, version: u64) -> Entry {
        Entry { release: ReleaseId::new(number, commit, false), version: Version(version), narrowed: false }
    }

    fn alias(description: &str, version: u64, canary: Option<u64>) -> Alias {
        Alias {
            name: "main".to_owned(),
            version: Version(version),
            weights: canary.map(|version| (Version(version), 0.1)).into_iter().collect::<BTreeMap<_, _>>(),
            description: description.to_owned(),
            revision: String::new(),
        }
    }

    #[test]
    fn reads_as_it_is_written() {
        let line = vec![
            entry(15, COMMIT, 42),
            entry(14, "1b2c3d4", 41),
            Entry { narrowed: true, release: ReleaseId::new(12, "9a8b7c6", true), version: Version(41) },
        ];
        let record = Record { branch: "main".to_owned(), line, live: 1, canary: true, cut: true };
        let text = record.to_description();
        assert_eq!(text, format!("main {COMMIT} %r15:42 *1b2c3d4:41 r12:9a8b7c6+:41! ~"));
        assert_eq!(Record::parse(&text), Some(record));
    }

    #[test]
    fn ignores_what_it_did_not_write() {
        let whole = format!("main {COMMIT} *r2:5");
        assert!(Record::parse(&whole).is_some());
        let others = [
            String::new(),
            "made by hand".to_owned(),
            "{}".to_owned(),
            "{\"branch\":1}".to_owned(),
            "null".to_owned(),
            format!("main {COMMIT}"),
            format!("main {COMMIT} r2:5"),
            format!("main {COMMIT} %*r2:5"),
            format!("main {COMMIT} *r2:0"),
            format!("main {COMMIT} *5"),
            format!("{whole} ~ abc:4"),
            format!("{whole} xyz:4"),
            format!("{whole} *abc:4"),
            format!("main {} *r2:5", &COMMIT[..39]),
        ];
        for text in others {
            assert_eq!(Record::of(&alias(&text, 5, None)), None, "{text}");
        }
    }

    #[test]
    fn reads_what_was_written_before_releases_were_numbered() {
        let text = format!(
            r#"{{"branch":"main","commit":"{COMMIT}","dirty":false,"previous":["4","3"],"rolled_back":["6"]}}"#
        );
        let record = Record::of(&alias(&text, 5, None)).expect("it reads");
        assert!(record.is_of("main") && !record.cut && !record.canary);
        let numbers = |entries: &[Entry]| entries.iter().map(|e| (e.release.number, e.version.0)).collect::<Vec<_>>();
        assert_eq!(numbers(&record.line), [(1, 6), (0, 5), (-1, 4), (-2, 3)]);
        assert_eq!((record.live().version, record.newest().commit.as_deref()), (Version(5), Some(COMMIT)));
        let again = Record::parse(&record.to_description()).expect("it is written anew");
        assert_eq!(again, record);
        let record = Record::of(&alias(&text, 5, Some(7))).expect("it reads");
        assert_eq!(numbers(&record.line), [(2, 7), (1, 6), (0, 5), (-1, 4), (-2, 3)]);
        assert!(record.canary);
    }

    #[test]
    fn what_a_person_changed_by_hand_is_said_and_kept() {
        let record = Record {
            line: vec![entry(15, COMMIT, 42), entry(14, "1b2c3d4", 41)],
            ..Record::first("main", entry(15, COMMIT, 42))
        };
        let text = record.to_description();
        let versions = |record: &Record| record.line.iter().map(|entry| entry.version.0).collect::<Vec<_>>();
        let (same, says) = Record::on(&alias(&text, 42, None), "main", 15);
        assert_eq!((same, says), (record, vec![]));
        let (moved, says) = Record::on(&alias(&text, 7, None), "main", 15);
        assert_eq!((versions(&moved), moved.live), (vec![7, 42, 41], 0));
        assert!(says.len() == 1 && says[0].contains("by hand from version 42 to 7"), "{says:?}");
        let (split, says) = Record::on(&alias(&text, 42, Some(9)), "main", 15);
        assert_eq!((versions(&split), split.live, split.canary), (vec![9, 42, 41], 1, true));
        assert!(says.len() == 1 && says[0].contains("10 % to 9"), "{says:?}");
        let (emptied, says) = Record::on(&alias("", 42, None), "main", 15);
        assert_eq!((versions(&emptied), emptied.cut, emptied.live().release.number), (vec![42], true, 15));
        assert!(says.len() == 1 && says[0].contains("no release record"), "{says:?}");
    }

    fn entries(most: usize) -> impl Strategy<Value = Vec<(u8, bool, u64, bool)>> {
        prop::collection::vec((0u8..3, any::<bool>(), 1u64..100_000, any::<bool>()), 1..most)
    }

    /// Numbers below 10,000, falling by 0 to 2.
    fn record(branch: &str, entries: &[(u8, bool, u64, bool)], live: usize, canary: bool) -> Record {
        let mut number = 9_999;
        let line: Vec<_> = (0u32..)
            .zip(entries)
            .map(|(nth, (gap, dirty, version, narrowed))| {
                number -= i64::from(*gap);
                let commit = if nth == 0 { COMMIT.to_owned() } else { format!("{:07x}", nth * 7 + 1) };
                let release = ReleaseId::new(number, &commit, *dirty);
                Entry { release, version: Version(*version), narrowed: *narrowed }
            })
            .collect();
        let live = live % line.len();
        Record { branch: branch.to_owned(), live, canary: canary && live > 0, line, cut: false }
    }

    proptest! {
        #[test]
        fn fits_and_reads_back(
            branch in "[^ ~]{1,300}", entries in entries(40), live in 0usize..40, canary: bool
        ) {
            let record = record(&branch, &entries, live, canary);
            let text = record.to_description();
            prop_assert!(text.len() <= DESCRIPTION, "{} bytes: {text}", text.len());
            let read = Record::parse(&text).expect("it reads back");
            prop_assert!(read.is_of(&branch));
            let other = format!("{branch}x");
            prop_assert!(!read.is_of(&other));
            prop_assert!(read.line.len() >= record.line.len().min(AT_LEAST), "{text}");
            prop_assert_eq!(&read.line[0], &record.line[0]);
            prop_assert_eq!((read.live(), read.canary), (record.live(), record.canary));
        }

        /// A rollback moves the mark alone, so it drops no release.
        #[test]
        fn the_mark_takes_no_space(branch in "[^ ~]{1,100}", entries in entries(12), live in 0usize..9) {
            let read = Record::parse(&record(&branch, &entries, 0, false).to_description()).expect("it reads back");
            let moved = Record { live: live % read.line.len(), ..read.clone() };
            prop_assert_eq!(Record::parse(&moved.to_description()).map(|moved| moved.line), Some(read.line));
        }
    }
}
