//! Signals, sent and heard: Ctrl-C, and a CI system that cancels a job. Most of what we do may break off anywhere; Terraform, when it changes
//! something, has to save its state and free its lock. So a signal reaches it once, and we wait for it.

use super::events;
use anyhow::{Context, Result};
use rustix::process::Pid;
pub(crate) use rustix::process::Signal;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Sends a signal; who has ended meanwhile does not mind.
pub(crate) fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = rustix::process::kill_process(pid, signal);
    }
}

#[derive(Debug)]
struct Interrupt {
    /// The processes that have to come to their own end.
    running: Vec<u32>,
    /// Those that end when we do.
    companions: Vec<u32>,
    /// The first signal that came while one of them ran.
    received: Option<i32>,
}

static INTERRUPT: Mutex<Interrupt> =
    Mutex::new(Interrupt { running: Vec::new(), companions: Vec::new(), received: None });

fn interrupt() -> MutexGuard<'static, Interrupt> {
    INTERRUPT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// From now on a signal ends us at once, as ever, but for while a process is [`protected`].
pub(crate) fn listen() -> Result<()> {
    let mut signals = Signals::new([SIGHUP, SIGINT, SIGTERM]).context("cannot listen for Ctrl-C")?;
    std::thread::spawn(move || signals.forever().for_each(hear));
    Ok(())
}

fn hear(heard: i32) {
    let mut interrupt = interrupt();
    if interrupt.running.is_empty() {
        interrupt.companions.iter().for_each(|pid| signal(*pid, Signal::KILL));
        events::interrupted();
        std::process::exit(code(heard));
    }
    if interrupt.received.is_none() {
        interrupt.received = Some(heard);
        events::say(
            "stop",
            "Terraform saves what it has done; a second Ctrl-C would cut it off, and leave its state locked",
        );
    }
    // Terraform ends in an orderly way at the first, and at once at the second.
    interrupt.running.iter().for_each(|pid| signal(*pid, Signal::INT));
}

/// The exit code of a program that a signal has ended, as shells tell it.
fn code(signal: i32) -> i32 {
    128 + signal
}

/// Our exit code, where a signal came that we waited with.
pub(crate) fn received() -> Option<u8> {
    interrupt().received.and_then(|signal| u8::try_from(code(signal)).ok())
}

/// While it lives, a signal is passed on to the process, and we go on until that has ended.
#[derive(Debug)]
pub(super) struct Protected(u32);

pub(super) fn protected(pid: u32) -> Protected {
    interrupt().running.push(pid);
    Protected(pid)
}

impl Drop for Protected {
    fn drop(&mut self) {
        interrupt().running.retain(|pid| *pid != self.0);
    }
}

/// While it lives, the process ends when a signal ends us.
#[derive(Debug)]
pub(super) struct Companion(u32);

pub(super) fn companion(pid: u32) -> Companion {
    interrupt().companions.push(pid);
    Companion(pid)
}

impl Drop for Companion {
    fn drop(&mut self) {
        interrupt().companions.retain(|pid| *pid != self.0);
    }
}
