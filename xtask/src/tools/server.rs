//! A function as a program of this machine, outside Lambda, that answers plain HTTP on the loopback until it is dropped.

use super::process::{Beside, Tool, command_line};
use super::signals::{Signal, signal};
use super::{files, process};
use crate::error::{Hint, bail_hint};
use crate::model::caller::Purpose;
use anyhow::{Context, Result, anyhow};
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long a program may take until it listens.
const START: Duration = Duration::from_secs(10);
const ENDS: Duration = Duration::from_secs(5);

/// The place where a function's program answers.
#[derive(Debug)]
pub(crate) struct Server {
    port: u16,
    /// Which process runs there, for the next command: this one may be killed, and the process is not with it.
    note: PathBuf,
    running: Option<Beside>,
}

impl Server {
    /// Takes the port, and ends what an earlier command has left there.
    pub(crate) fn new(port: u16, note: PathBuf) -> Result<Self> {
        if let Some((pid, program)) = left(&note) {
            let runs = || command_line(pid).is_some_and(|line| line.starts_with(&program));
            let started = Instant::now();
            while runs() && started.elapsed() < ENDS {
                signal(pid, Signal::KILL);
                std::thread::sleep(process::PAUSE);
            }
        }
        if let Err(error) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            bail_hint!("name another one with `--port`"; "port {port} on 127.0.0.1 cannot be had: {error}");
        }
        Ok(Self { port, note, running: None })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Whether the program that was started has ended by itself; it is told once.
    pub(crate) fn has_ended(&mut self) -> bool {
        let ended = self.running.as_ref().is_some_and(Beside::has_ended);
        if ended {
            self.running = None;
        }
        ended
    }

    /// Puts this program in the place of the one that runs, and waits until it listens.
    ///
    /// # Errors
    /// Among others: it ends before, or does not listen where `PORT` says.
    pub(crate) fn start(&mut self, root: &Path, program: &Path, variables: &[(String, String)]) -> Result<()> {
        self.running = None;
        let tool =
            variables.iter().fold(Tool::new(Purpose::Function, program), |tool, (name, value)| tool.env(name, value));
        let running = tool.env("PORT", self.port.to_string()).beside(root)?;
        let pid = running.pid().context("the program has no process id")?;
        files::write(&self.note, format!("{pid} {}", program.display()).as_bytes())?;
        let running = self.running.insert(running);
        let started = Instant::now();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        while TcpStream::connect_timeout(&address, START).is_err() {
            if running.has_ended() {
                self.running = None;
                return Err(anyhow!("the program has ended"))
                    .hint("what it wrote stands above; its variables are those of `$LATEST`, once it was deployed");
            }
            if started.elapsed() > START {
                bail_hint!("outside Lambda it is to listen on 127.0.0.1, where `PORT` says"; "the program does not listen on port {}", self.port);
            }
            std::thread::sleep(process::PAUSE);
        }
        Ok(())
    }
}

/// What a command that was killed may have left running.
fn left(note: &Path) -> Option<(u32, String)> {
    let text = fs::read_to_string(note).ok()?;
    let (pid, program) = text.split_once(' ')?;
    Some((pid.parse().ok()?, program.to_owned()))
}
