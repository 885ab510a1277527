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

/// What every name that is made of it in AWS allows.
pub(crate) fn project(text: &str) -> Result<String, String> {
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let good =
        (1..=32).contains(&text.len()) && text.starts_with(|c: char| c.is_ascii_lowercase()) && text.chars().all(legal);
    if good {
        return Ok(text.to_owned());
    }
    Err("a project's name is 1 to 32 lowercase letters, digits and hyphens, and begins with a letter".to_owned())
}

/// Narrower than git's rule: what needs no quotation marks in a shell, in YAML or in a document.
pub(crate) fn branch(text: &str) -> Result<String, String> {
    let part = |part: &str| {
        !part.is_empty()
            && !part.starts_with(['.', '-'])
            && !part.ends_with(".lock")
            && !part.ends_with('.')
            && part.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
    };
    if text.len() <= 200 && !text.contains("..") && text != "HEAD" && text.split('/').all(part) {
        return Ok(text.to_owned());
    }
    Err("a production branch is letters, digits, `.`, `_`, `-` and `/`, as git allows them".to_owned())
}

/// As the Terraform of each root asks for it.
pub(crate) fn region(text: &str) -> Result<String, String> {
    let parts: Vec<_> = text.split('-').collect();
    let letters = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase());
    match parts[..] {
        [first, ref middle @ .., last]
            if first.len() == 2
                && letters(&first)
                && !middle.is_empty()
                && middle.iter().all(letters)
                && !last.is_empty()
                && last.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            Ok(text.to_owned())
        }
        _ => Err("a region is the name of an AWS region, as in `eu-central-1`".to_owned()),
    }
}

pub(crate) fn account_id(text: &str) -> Result<String, String> {
    if text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(text.to_owned());
    }
    Err("an account is 12 digits".to_owned())
}

/// `dev=123456789012`.
pub(crate) fn account(text: &str) -> Result<(String, String), String> {
    let (environment, id) = text.split_once('=').ok_or("it is `ENVIRONMENT=ID`, as in `dev=123456789012`")?;
    Ok((environment.to_owned(), account_id(id)?))
}

/// CircleCI's ids are UUIDs.
pub(crate) fn uuid(text: &str) -> Result<String, String> {
    let lengths: Vec<_> = text.split('-').map(str::len).collect();
    if lengths == [8, 4, 4, 4, 12] && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit()) {
        return Ok(text.to_owned());
    }
    Err("an id of CircleCI is a UUID, as in `8a5b3c1e-…`".to_owned())
}

/// As CircleCI's tokens name it.
pub(crate) fn repository(text: &str) -> Result<String, String> {
    let parts: Vec<_> = text.split('/').collect();
    let legal = |part: &&str| {
        !part.is_empty()
            && part.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
            && !part.ends_with(".git")
    };
    if parts.len() == 3 && parts[0].contains('.') && parts.iter().all(legal) {
        return Ok(text.to_owned());
    }
    Err("a repository is its host, owner and name, as in `github.com/acme/shop`".to_owned())
}

pub(crate) fn commit(text: &str) -> Result<String, String> {
    if (7..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(text.to_owned());
    }
    Err("a commit is 7 or more hexadecimal digits".to_owned())
}

pub(crate) fn holder(text: &str) -> Result<String, String> {
    let text = text.trim();
    if !text.is_empty() && text.len() <= 200 && !text.chars().any(char::is_control) {
        return Ok(text.to_owned());
    }
    Err("a holder is a name on one line".to_owned())
}

#[cfg(test)]
mod tests;
