//! Terraform's lock of a state, and the runs that a kill has cut off from us.

use crate::error::Hint;
use crate::tools::process::{command_line, host_name};
use crate::tools::{events, files};
use anyhow::{Result, anyhow};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

/// A run that lost its parent still ends by itself: creating a function takes seconds, not minutes.
pub(super) const ORPHAN: Duration = Duration::from_secs(600);

/// What we keep while Terraform changes something; still there afterwards, it tells of a run that was killed.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Running {
    pid: u32,
    /// Seconds since 1970.
    started: i64,
    /// Where the note lies: copied along with a checkout, it is of a run that is not ours.
    #[serde(default)]
    place: (u64, u64),
}

impl Running {
    /// Notes that the process runs. Since when a lock may be ours is told by the first run that was `killed`.
    pub(super) fn note(pid: u32, killed: Option<&Self>, note: &Path) {
        let now = Timestamp::now().as_second();
        let started = killed.map_or(now, |run| run.started.min(now));
        if let Ok(text) = serde_json::to_vec(&Self { pid, started, place: place(note) }) {
            // Without the note a lock that a kill leaves is reported, not broken.
            let _ = files::write(note, &text);
        }
    }

    /// Waits for a Terraform whose `cargo xtask` was killed; it goes on by itself and should not be disturbed.
    pub(super) fn orphan(note: &Path) -> Result<Option<Self>> {
        let Ok(text) = fs::read(note) else { return Ok(None) };
        let Ok(run) = serde_json::from_slice::<Self>(&text) else { return Ok(None) };
        if run.place != place(note) {
            return Ok(None);
        }
        if run.is_alive() {
            events::say("wait", &format!("for the Terraform of a killed run (process {})", run.pid));
            events::quietly("wait", || run.wait())?;
        }
        Ok(Some(run))
    }

    fn wait(&self) -> Result<()> {
        let started = Instant::now();
        while self.is_alive() {
            if started.elapsed() > ORPHAN {
                return Err(anyhow!("the Terraform of a killed run (process {}) does not end", self.pid))
                    .hint(format!("look at it with `ps -p {}`; stop it and run this again", self.pid));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    }

    fn is_alive(&self) -> bool {
        command_line(self.pid).is_some_and(|line| line.contains("terraform"))
    }
}

fn place(note: &Path) -> (u64, u64) {
    note.parent().and_then(files::identity).unwrap_or_default()
}

/// Who holds a state's lock, as Terraform's error says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Holder {
    pub(super) id: String,
    pub(super) who: String,
    pub(super) created: String,
}

impl Holder {
    /// Who keeps a run from beginning.
    pub(super) fn in_error(text: &str) -> Option<Self> {
        Self::in_error_of("acquiring", text)
    }

    /// The run itself, which could not free its lock at its end.
    pub(super) fn left_behind(text: &str) -> Option<Self> {
        Self::in_error_of("releasing", text)
    }

    fn in_error_of(what: &str, text: &str) -> Option<Self> {
        if !text.contains(&format!("Error {what} the state lock")) {
            return None;
        }
        let field = |name: &str| {
            let line = text.lines().find_map(|line| line.trim_start_matches(['│', ' ']).strip_prefix(name))?;
            Some(line.trim().to_owned())
        };
        Some(Self { id: field("ID:")?, who: field("Who:")?, created: field("Created:")? })
    }

    /// Whether the lock is of the run that we know to be dead: taken on this machine after that run began. Ten seconds
    /// of grace cover the moment between its start and the note.
    pub(super) fn is_of(&self, run: &Running) -> bool {
        let Some(created) = self.created() else { return false };
        let host = self.who.rsplit_once('@').map(|(_, host)| host);
        created.as_second() + 10 >= run.started && host == Some(&*host_name())
    }

    /// Whether the lock was taken before this moment.
    pub(super) fn was_there(&self, at: SystemTime) -> bool {
        self.created().zip(Timestamp::try_from(at).ok()).is_some_and(|(created, at)| created <= at)
    }

    fn created(&self) -> Option<Timestamp> {
        // Go prints `2026-01-31 12:00:00.123456 +0000 UTC`.
        Timestamp::strptime("%F %T%.f %z UTC", &self.created).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ERROR: &str = "╷\n│ Error: Error acquiring the state lock\n│ \n│ Error message: operation error S3\n│ Lock Info:\n│   ID:        7ad2-1\n│   Path:      b/k\n│   Operation: OperationTypeApply\n│   Who:       ann@box\n│   Version:   1.11.4\n│   Created:   2026-01-31 12:00:00.5 +0000 UTC\n";

    #[test]
    fn reads_who_holds_the_lock() {
        let holder = Holder::in_error(ERROR).expect("it is a lock error");
        assert_eq!((holder.id.as_str(), holder.who.as_str()), ("7ad2-1", "ann@box"));
        let left = ERROR.replace("acquiring", "releasing");
        assert_eq!((Holder::in_error(&left), Holder::left_behind(&left)), (None, Some(holder)));
        assert_eq!(Holder::left_behind(ERROR), None);
        assert_eq!(Holder::in_error("Error: something else\n ID: 1\n Who: x\n Created: y"), None);
    }

    /// As `cp -a` leaves them.
    #[test]
    fn a_copied_note_is_of_nobody_s_run() {
        let [one, copy] = [(); 2].map(|()| tempfile::tempdir().expect("a folder"));
        let [here, there] = [&one, &copy].map(|folder| folder.path().join("running.json"));
        // Of a process that has ended, as far as anybody can tell.
        Running::note(u32::MAX >> 1, None, &here);
        fs::copy(&here, &there).expect("a copy");
        assert!(Running::orphan(&here).expect("it is read").is_some());
        assert!(Running::orphan(&there).expect("it is read").is_none());
    }

    #[test]
    fn breaks_no_lock_of_another_machine_or_an_earlier_run() {
        let holder = Holder::in_error(ERROR).expect("it is a lock error");
        // Noon of that day is 1_769_860_800.
        let run = |started| Running { pid: 1, started, place: (0, 0) };
        assert!(!holder.is_of(&run(1_769_860_700)), "another host");
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        assert_eq!([1_769_860_800, 1_769_860_801].map(|seconds| holder.was_there(at(seconds))), [false, true]);
        let mine = Holder { who: format!("ann@{}", host_name()), ..holder };
        assert!(mine.is_of(&run(1_769_860_700)));
        let whole = Holder { created: "2026-01-31 12:00:00 +0000 UTC".to_owned(), ..mine };
        assert!(whole.is_of(&run(1_769_860_810)), "started with the note ten seconds late");
        assert!(!whole.is_of(&run(1_769_860_811)), "taken before that run began");
        assert!(!Holder { created: "today".to_owned(), ..whole }.is_of(&run(0)));
    }
}
