//! What a clone is to be called, and what each of its files then says.

use super::replace;
use std::collections::BTreeMap;

/// What says the names, and so is written last: until then a run that was killed finds the old ones again.
pub(crate) const MANIFEST: &str = "Cargo.toml";

/// The environment that is nobody's account.
const LOCAL: &str = "local";

/// What the clone is called so far.
#[derive(Debug, Clone)]
pub(crate) struct Old {
    pub(crate) project: String,
    pub(crate) production: String,
}

/// What it is to be called, as far as somebody says so.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Wishes {
    pub(crate) project: Option<String>,
    pub(crate) production: Option<String>,
    pub(crate) region: Option<String>,
    /// By their environments.
    pub(crate) accounts: BTreeMap<String, String>,
    pub(crate) circleci_organization: Option<String>,
    pub(crate) circleci_project: Option<String>,
    /// As in `github.com/acme/shop`.
    pub(crate) repository: Option<String>,
    /// Who holds the copyright.
    pub(crate) holder: Option<String>,
}

/// What is noted once: where the clone came from, and when.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    /// The template's commit.
    pub(crate) template: String,
    pub(crate) year: String,
    /// Whether the sample goes.
    pub(crate) without_sample: bool,
}

impl Wishes {
    /// What a file says then. The error says why it cannot.
    pub(crate) fn rewrite(&self, path: &str, text: &str, old: &Old, origin: &Origin) -> Result<String, String> {
        match path {
            MANIFEST => self.manifest(text, origin),
            "README.md" => Ok(self.prose(&self.title(text, old), old)),
            "LICENSE-MIT" => Ok(self.license(text, &origin.year)),
            ".circleci/config.yml" => Ok(self.prose(&self.pipeline(text, old), old)),
            _ if path.starts_with("docs/") && path.ends_with(".md") => Ok(self.prose(text, old)),
            _ => match environment_of(path) {
                Some(environment) => self.settings(text, environment, old),
                None => Ok(text.to_owned()),
            },
        }
    }

    fn manifest(&self, text: &str, origin: &Origin) -> Result<String, String> {
        let mut text = text.to_owned();
        for (key, value) in [("project", &self.project), ("production", &self.production)] {
            if let Some(value) = value {
                text = replace::name(&text, key, value)?;
            }
        }
        if origin.without_sample {
            text = replace::without_name(&text, "sample")?;
        }
        if replace::has_name(&text, "template")? {
            Ok(text)
        } else {
            replace::name(&text, "template", &origin.template)
        }
    }

    fn title(&self, text: &str, old: &Old) -> String {
        match (&self.project, text.strip_prefix(&format!("# {}\n", old.project))) {
            (Some(project), Some(rest)) => format!("# {project}\n{rest}"),
            _ => text.to_owned(),
        }
    }

    /// Only where the branch cannot be meant to be a word.
    fn prose(&self, text: &str, old: &Old) -> String {
        let Some(new) = &self.production else { return text.to_owned() };
        let old = &old.production;
        let quoted = text.replace(&format!("`{old}`"), &format!("`{new}`"));
        let quoted = quoted.replace(&format!("`[\"{old}\"]`"), &format!("`[\"{new}\"]`"));
        replace::word(&quoted, &format!("--branch {old}"), &format!("--branch {new}"))
    }

    fn pipeline(&self, text: &str, old: &Old) -> String {
        let Some(new) = &self.production else { return text.to_owned() };
        ["==", "!="].iter().fold(text.to_owned(), |text, operator| {
            let says = |branch: &str| format!("pipeline.git.branch {operator} \"{branch}\"");
            text.replace(&says(&old.production), &says(new))
        })
    }

    /// The notice of those who wrote the template stays, as the licence asks; the clone's own comes before it.
    fn license(&self, text: &str, year: &str) -> String {
        let Some(holder) = &self.holder else { return text.to_owned() };
        let notices: Vec<_> = text.lines().filter(|line| line.starts_with("Copyright (c) ")).collect();
        let says_so = |line: &&str| line.splitn(4, ' ').nth(3) == Some(holder);
        let own = format!("Copyright (c) {year} {holder}");
        match notices[..] {
            _ if notices.iter().any(says_so) => text.to_owned(),
            [] => text.to_owned(),
            [template] => text.replacen(template, &format!("{own}\n{template}"), 1),
            [before, ..] => text.replacen(before, &own, 1),
        }
    }

    fn settings(&self, text: &str, environment: &str, old: &Old) -> Result<String, String> {
        replace::strings(text, |path, value| match path {
            "account_id" => self.accounts.get(environment).cloned(),
            "region" => self.region.clone(),
            "circleci.organization_id" => self.circleci_organization.clone(),
            "circleci.project_id" => self.circleci_project.clone(),
            "circleci.repository" => self.repository.clone(),
            "branches" if value == old.production => self.production.clone(),
            _ => None,
        })
    }
}

/// The environment, which is an account's, that a file describes.
pub(crate) fn environment_of(path: &str) -> Option<&str> {
    let name = path.strip_prefix("terraform/environments/")?.strip_suffix(".tfvars.json")?;
    (name != LOCAL && !name.contains('/')).then_some(name)
}

/// Whether a file is somebody else's work, which may say what it likes.
pub(crate) fn is_vendored(path: &str) -> bool {
    path.split('/').any(|part| matches!(part, "vendor" | "node_modules" | "target"))
}

/// The lines, counted from 1, that say the old name of the project, also with underscores.
pub(crate) fn leftovers(text: &str, old: &str, new: &str) -> Vec<usize> {
    let says = |line: &str| {
        let line = line.to_lowercase().replace('_', "-");
        // Inside the new name it is no leftover.
        let line = if new.contains(old) { line.replace(new, "") } else { line };
        line.match_indices(old).any(|(at, _)| {
            let is_part = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
            !is_part(line[..at].chars().next_back()) && !is_part(line[at + old.len()..].chars().next())
        })
    };
    text.lines().enumerate().filter(|(_, line)| says(line)).map(|(number, _)| number + 1).collect()
}

#[cfg(test)]
mod tests;
