//! What a person at a terminal is asked for: all that was not named. No answer leaves a thing as it is.

use crate::model::init::Wishes;
use crate::model::names;
use crate::tools::cargo::Names;
use crate::ui;
use anyhow::{Context, Result};
use std::io::IsTerminal;

/// What a clone is to be called, and whether the sample goes.
#[derive(Debug)]
pub(super) struct Answers {
    pub(super) names: Wishes,
    pub(super) without_sample: bool,
}

impl Answers {
    /// Asks for the rest; where nobody sits, nobody is asked.
    pub(super) fn complete(mut self, current: &Names, environments: &[&str]) -> Result<Self> {
        if !std::io::stdin().is_terminal() {
            return Ok(self);
        }
        ui::said("An empty answer leaves a thing as it is.");
        let wishes = &mut self.names;
        ask(&mut wishes.project, &format!("project [{}]", current.project), names::project)?;
        ask(&mut wishes.production, &format!("production branch [{}]", current.production), names::branch)?;
        ask(&mut wishes.region, "AWS region", names::region)?;
        for environment in environments {
            let mut account = wishes.accounts.remove(*environment);
            ask(&mut account, &format!("account of environment `{environment}`, 12 digits"), names::account_id)?;
            wishes.accounts.extend(account.map(|id| ((*environment).to_owned(), id)));
        }
        ask(&mut wishes.circleci_organization, "CircleCI organization id", names::uuid)?;
        ask(&mut wishes.circleci_project, "CircleCI project id", names::uuid)?;
        ask(&mut wishes.repository, "repository, as in `github.com/acme/shop`", names::repository)?;
        ask(&mut wishes.holder, "holder of the copyright", names::holder)?;
        if current.sample.is_some() && !self.without_sample {
            self.without_sample =
                matches!(answer("remove the sample's business code? [y/N]")?.as_str(), "y" | "Y" | "yes");
        }
        Ok(self)
    }
}

/// Until there is no answer or a good one.
fn ask(value: &mut Option<String>, question: &str, judge: fn(&str) -> Result<String, String>) -> Result<()> {
    while value.is_none() {
        let answer = answer(question)?;
        if answer.is_empty() {
            break;
        }
        match judge(&answer) {
            Ok(good) => *value = Some(good),
            Err(rule) => ui::said(&rule),
        }
    }
    Ok(())
}

fn answer(question: &str) -> Result<String> {
    ui::prompt(&format!("{question}: "));
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).context("cannot read the answer")?;
    Ok(answer.trim().to_owned())
}
