//! `status` for a person: a table where the terminal is wide enough, else an alias in several lines.

use super::{AliasStatus, FunctionStatus, Report};
use crate::commands::storage::storage_text;
use crate::commands::time::age;
use crate::model::version::Version;
use crate::ui;
use std::fmt;

/// Below so many columns a table would wrap.
const WIDE: usize = 90;
/// So many versions fit on a screen beside the aliases.
const MOST: usize = 20;
/// What is not a terminal is as wide as a subject of git's should be long, and more.
const UNKNOWN: usize = 140;

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = ui::columns().unwrap_or(UNKNOWN);
        for function in &self.functions {
            let FunctionStatus { lambda_name, versions, .. } = function;
            writeln!(f, "{}  ({lambda_name}, environment `{}`)", function.function, self.environment)?;
            if versions.is_empty() {
                writeln!(f, "  nothing is published; run `cargo xtask deploy`")?;
                continue;
            }
            let rows: Vec<_> = function.aliases.iter().map(|alias| Row::new(alias, function)).collect();
            let show = if columns >= WIDE { table } else { list };
            show(f, &rows, columns)?;
            writeln!(f, "  version  age   size     code")?;
            for published in &versions[..versions.len().min(MOST)] {
                let (version, age) = (published.version.to_string(), age(&published.last_modified));
                let size = ui::bytes(u64::try_from(published.code_size).unwrap_or(0));
                let code = ui::cut(&published.content.code_sha256, columns.saturating_sub(27));
                writeln!(f, "  {version:<7}  {age:<4}  {size:<7}  {code}")?;
            }
            function.drift.iter().try_for_each(|drift| writeln!(f, "  drift: {drift}"))?;
            if versions.len() > MOST {
                writeln!(f, "  and {} older ones (`--json` has them all)", versions.len() - MOST)?;
            }
        }
        self.mixed.iter().try_for_each(|mixed| writeln!(f, "{mixed}"))?;
        self.gateway.iter().try_for_each(|api| writeln!(f, "production answers at {api}  for anybody"))?;
        self.data.iter().try_for_each(|(name, value)| match value.as_str() {
            Some(text) => writeln!(f, "data: {name} is {text}"),
            None => writeln!(f, "data: {name} is {value}"),
        })?;
        f.write_str(&storage_text(self.storage, self.storage_days_left))
    }
}

struct Row<'a> {
    alias: &'a AliasStatus,
    /// `4`, or `4 (10 % to 5)`.
    traffic: String,
    /// Of the live version; empty where the record has another's.
    commit: String,
    age: String,
    subject: &'a str,
}

impl<'a> Row<'a> {
    fn new(alias: &'a AliasStatus, function: &FunctionStatus) -> Self {
        let split = alias.split.map(|split| format!(" ({split})")).unwrap_or_default();
        let published = function.versions.iter().find(|published| published.version == alias.version);
        let of_live = alias.commit_of.is_none_or(|version| version == alias.version);
        Self {
            alias,
            traffic: format!("{}{split}", alias.version),
            commit: if of_live { short(alias) } else { "-".to_owned() },
            age: age(published.map_or("", |published| published.last_modified.as_str())),
            subject: alias.subject.as_deref().filter(|_| of_live).unwrap_or_default(),
        }
    }

    /// What is not always there, a line each; subjects are cut.
    fn notes(&self, columns: usize) -> Vec<String> {
        let list = |versions: &[Version]| versions.iter().map(Version::to_string).collect::<Vec<_>>().join(", ");
        let AliasStatus { alias, branch, release, previous, rolled_back, url, drift, .. } = self.alias;
        let branch = branch.as_ref().filter(|branch| *branch != alias).map(|branch| format!("branch `{branch}`"));
        let release = release.as_ref().map(|release| format!("release {release}"));
        let mut notes: Vec<_> = branch.into_iter().chain(release).collect();
        if let Some(version) = self.alias.commit_of.filter(|version| *version != self.alias.version) {
            let subject = self.alias.subject.as_deref().unwrap_or_default();
            let note = format!("version {version} is commit {} {subject}", short(self.alias));
            notes.push(ui::cut(note.trim_end(), columns).into_owned());
        }
        if !rolled_back.is_empty() {
            notes.push(format!("rolled back from version {}", list(rolled_back)));
        }
        if !previous.is_empty() {
            notes.push(format!("before: version {}", list(previous)));
        }
        notes.extend(url.as_ref().map(ToString::to_string));
        notes.extend(drift.iter().map(|drift| format!("drift: {drift}")));
        notes
    }
}

/// `1234567`, with a `+` for changes that are in no commit.
fn short(alias: &AliasStatus) -> String {
    let commit = alias.commit.as_deref().map_or("-", |commit| commit.get(..7).unwrap_or(commit));
    format!("{commit}{}", if alias.dirty == Some(true) { "+" } else { "" })
}

fn table(f: &mut fmt::Formatter<'_>, rows: &[Row<'_>], columns: usize) -> fmt::Result {
    let widest = |of: fn(&Row<'_>) -> usize, least: usize| rows.iter().map(of).max().unwrap_or(0).max(least);
    let name = widest(|row| ui::width(&row.alias.alias), 5);
    let traffic = widest(|row| ui::width(&row.traffic), 7);
    writeln!(f, "  {:<name$}  {:<traffic$}  commit    age   subject", "alias", "version")?;
    for row in rows {
        let Row { alias, commit, age, .. } = row;
        let subject = ui::cut(row.subject, columns.saturating_sub(name + traffic + 22));
        let (alias, version) = (ui::pad(&alias.alias, name), ui::pad(&row.traffic, traffic));
        let line = format!("  {alias}  {version}  {commit:<8}  {age:<4}  {subject}");
        writeln!(f, "{}", line.trim_end())?;
        let notes = row.notes(columns.saturating_sub(name + 4));
        notes.iter().try_for_each(|note| writeln!(f, "  {:<name$}  {note}", ""))?;
    }
    Ok(())
}

fn list(f: &mut fmt::Formatter<'_>, rows: &[Row<'_>], columns: usize) -> fmt::Result {
    for row in rows {
        writeln!(f, "  {}: {}  {}", row.alias.alias, row.traffic, row.age)?;
        writeln!(
            f,
            "    {}",
            ui::cut(format!("{} {}", row.commit, row.subject).trim_end(), columns.saturating_sub(4))
        )?;
        row.notes(columns.saturating_sub(4)).iter().try_for_each(|note| writeln!(f, "    {note}"))?;
    }
    Ok(())
}
