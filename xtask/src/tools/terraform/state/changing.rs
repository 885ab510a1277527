//! What changes a state: under its lock, whatever became of the run before.

use super::super::lock::{Holder, Running};
use super::super::messages::Said;
use super::{LOCK, State, UNSAVED};
use crate::error::with_hint;
use crate::tools::process::{Finished, Tool};
use crate::tools::{events, files, signals};
use anyhow::{Context, Result, anyhow};
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

impl State<'_> {
    /// Runs what locks the state. The lock of a run that was killed is broken, once; any other is waited for.
    pub(super) fn change(&self, tool: &Tool, killed: &mut Option<Running>) -> Result<Finished> {
        let mut patience = if killed.is_some() { Duration::ZERO } else { LOCK };
        // What ended by itself is no killed run; one that was is remembered until an apply is through.
        let is_after_kill = killed.is_some();
        let ended = |finished: Finished| {
            if !is_after_kill {
                self.forget(&finished);
            }
            finished
        };
        loop {
            // Whoever has said stop gets no further step.
            if signals::received().is_some() {
                return Err(self.interrupted());
            }
            // Options come before what they are options of.
            let mut tool = tool.clone().uninterrupted();
            let verb = if tool.arguments.first().is_some_and(|verb| verb == "state") { 2 } else { 1 };
            tool.arguments.insert(verb, format!("-lock-timeout={}s", patience.as_secs()).into());
            let since = SystemTime::now();
            let started = |pid| Running::note(pid, killed.as_ref(), &self.note());
            let finished = tool.finish_watched(&self.folder, started)?;
            let is_locked = is_locked(&finished);
            let is_interrupted = signals::received().is_some() && !finished.success();
            // Where AWS does not answer at all, it does not tell which lock it is either.
            let own = held(&finished, Holder::left_behind).filter(|_| !is_interrupted);
            if own.is_some_and(|own| self.free(&own)) {
                return Ok(self.freed(finished, is_after_kill));
            }
            if is_locked {
                self.keep_unsaved(since);
            }
            if is_interrupted {
                self.forget(&finished);
                return Err(self.interrupted());
            }
            if is_locked {
                return Ok(ended(finished));
            }
            let Some(holder) = held(&finished, Holder::in_error) else { return Ok(ended(finished)) };
            if killed.as_ref().is_some_and(|run| holder.is_of(run)) {
                *killed = None;
                self.save_unsaved(&holder)?;
                events::say("unlock", &format!("the state, which a killed run left locked ({})", holder.id));
                self.tool(&["force-unlock", "-force", &holder.id]).run(&self.folder)?;
            } else if patience.is_zero() {
                patience = LOCK;
            } else {
                return Err(self.locked(&holder));
            }
        }
    }

    /// Keeps the state that a run could not save, for the next one. Where that fails, what was made is adopted.
    fn keep_unsaved(&self, since: SystemTime) {
        let left = self.folder.join(UNSAVED);
        let is_new = fs::metadata(&left).and_then(|found| found.modified()).is_ok_and(|written| written >= since);
        // Those below a folder, roles, are made at once of the same sources: whose file it is cannot be told.
        if is_new
            && !self.key.contains('/')
            && fs::read(&left).is_ok_and(|state| files::write(&self.unsaved(), &state).is_ok())
        {
            let _ = fs::remove_file(&left);
        }
    }

    /// Saves what the run before could not, if the lock that stands is of that run: it was taken before the run's end, and
    /// has kept all others from the state since.
    fn save_unsaved(&self, holder: &Holder) -> Result<()> {
        let unsaved = self.unsaved();
        let Ok(kept) = fs::metadata(&unsaved).and_then(|found| found.modified()) else { return Ok(()) };
        if holder.was_there(kept) {
            let tool = self.tool(&["state", "push", "-lock=false"]).args([&unsaved]);
            let finished = tool.finish(&self.folder)?;
            // Of two environments in one checkout the other's state may lie there: that is refused.
            let is_other = finished.stderr.contains("cannot import state with");
            if !finished.success() && !is_other {
                return Err(tool.failure(&finished));
            }
            if finished.success() {
                events::say("save", "the state, which AWS had not let the run before save");
            }
        }
        fs::remove_file(&unsaved).with_context(|| format!("cannot remove `{}`", unsaved.display()))
    }

    /// Frees the lock that a run of ours could not: it has ended, and nobody else can have taken it. Where this is refused
    /// too, the note of the run stays, and the next one breaks the lock.
    fn free(&self, own: &Holder) -> bool {
        let tool = self.tool(&["force-unlock", "-force", &own.id]);
        let is_free = tool.finish(&self.folder).is_ok_and(|freed| freed.success());
        if is_free {
            events::say("unlock", &format!("the state, which AWS had left locked ({})", own.id));
        }
        is_free
    }

    /// What has ended, and left nothing after all.
    fn freed(&self, finished: Finished, is_after_kill: bool) -> Finished {
        if !is_after_kill {
            let _ = fs::remove_file(self.note());
        }
        let said = Said::read(&finished.stdout);
        let was_all = said.errors.len() == 1 && !said.outputs.is_empty();
        if was_all { Finished { code: Some(0), ..finished } } else { finished }
    }

    fn interrupted(&self) -> anyhow::Error {
        with_hint(
            anyhow!("interrupted: Terraform has ended what it was doing to `{}`", self.key),
            "run the same command again: it completes what was begun",
        )
    }

    fn locked(&self, holder: &Holder) -> anyhow::Error {
        with_hint(
            anyhow!("{} has held the state `{}` since {}", holder.who, self.key, holder.created),
            format!(
                "wait for that run to end; if it died on another machine, run `TF_DATA_DIR={} {} -chdir={} force-unlock {}`",
                self.data.display(),
                self.program.path.display(),
                self.folder.display(),
                holder.id
            ),
        )
    }

    /// What ended by itself has freed its lock, as a rule, and saved what it made.
    pub(super) fn forget(&self, finished: &Finished) {
        if finished.code.is_some() && !is_locked(finished) {
            let _ = fs::remove_file(self.note());
        }
    }

    pub(super) fn unsaved(&self) -> PathBuf {
        self.data.with_extension("unsaved.tfstate")
    }

    pub(super) fn note(&self) -> PathBuf {
        self.data.with_extension("running.json")
    }
}

/// Whether a run could not free its lock at its end.
fn is_locked(finished: &Finished) -> bool {
    let errors = Said::read(&finished.stdout).errors;
    let left = |text: &str| text.contains("Error releasing the state lock");
    !finished.success() && (left(&finished.stderr) || errors.iter().any(|error| left(&error.text())))
}

/// A lock that a run tells of.
fn held(finished: &Finished, find: fn(&str) -> Option<Holder>) -> Option<Holder> {
    let errors = Said::read(&finished.stdout).errors;
    errors.iter().find_map(|error| find(&error.text())).or_else(|| find(&finished.stderr))
}
