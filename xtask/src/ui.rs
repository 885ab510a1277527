//! How the command speaks: one aligned line per step when it ends, a spinner while it runs; all on stderr.

pub(crate) use crate::model::units::bytes;
use crate::tools::events::{self, Event};
pub(crate) use crate::tools::events::{quietly, say, step, step_with};
use anyhow::{Context, Result};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::collections::BTreeMap;
use std::io::{ErrorKind, IsTerminal, Write};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// CI systems take a job for dead that says nothing for some minutes.
const SILENCE: Duration = Duration::from_secs(60);

/// All spinners and bars, so that lines appear above and never among them.
static BARS: LazyLock<MultiProgress> = LazyLock::new(MultiProgress::new);

/// The steps that run, by their numbers.
static RUNNING: Mutex<BTreeMap<u64, Step>> = Mutex::new(BTreeMap::new());

/// Shows from now on what is told; with `verbose` also the tools' own output.
pub(crate) fn listen(verbose: bool) {
    events::listen(move |event| match event {
        Event::Begins { step, name } => {
            let begun = Step::begin(name);
            running().insert(step, begun);
        }
        Event::Ends { step, report } => {
            let ended = running().remove(&step);
            if let Some(ended) = ended {
                ended.end(report);
            }
        }
        Event::Says { name, text } => line(&format!("{} {text}", title(name))),
        Event::Warns { text, hint } => line(&format!("{} {text}\n         {hint}", loud("warning:"))),
        Event::Tool(output) if verbose => line(output),
        Event::Tool(_) => {}
    });
}

fn running() -> MutexGuard<'static, BTreeMap<u64, Step>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One line on stderr. Nobody may be listening there any more, which is no reason to stop.
pub(crate) fn line(text: &str) {
    BARS.suspend(|| {
        let _ = writeln!(std::io::stderr(), "{text}");
    });
}

/// Asks for an answer that is typed behind it.
pub(crate) fn prompt(text: &str) {
    let _ = write!(std::io::stderr(), "{text}");
}

/// A command's result, on stdout. Whoever reads it may have heard enough, which is no failure.
pub(crate) fn result(text: &str) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    match writeln!(stdout, "{text}").and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.context("what was to be done is done, but the result cannot be written"),
    }
}

/// A step that runs.
struct Step {
    name: String,
    started: Instant,
    spinner: ProgressBar,
    _pulse: Option<Pulse>,
}

impl Step {
    fn begin(name: &str) -> Self {
        let spinner = shown(ProgressBar::new_spinner(), "{prefix:>10} {spinner} {elapsed}", name);
        spinner.enable_steady_tick(Duration::from_millis(100));
        Self { name: name.to_owned(), started: Instant::now(), spinner, _pulse: Pulse::where_nothing_moves(name) }
    }

    fn end(self, report: Option<&str>) {
        self.spinner.finish_and_clear();
        let seconds = self.started.elapsed().as_secs_f64();
        for text in report.unwrap_or_default().lines() {
            line(&format!("{} {text}  {}", title(&self.name), dim(&format!("{seconds:.2} s"))));
        }
    }
}

/// A bar for work of many like parts: how many are done, and how long the rest will take. Gone when it is dropped.
pub(crate) struct Bar {
    bar: ProgressBar,
    _pulse: Option<Pulse>,
}

impl Bar {
    pub(crate) fn new(name: &str, parts: usize) -> Self {
        let bar = ProgressBar::new(parts as u64);
        let bar = shown(bar, "{prefix:>10} {bar:30} {pos}/{len}  {msg}  {eta} left", name);
        Self { bar, _pulse: Pulse::where_nothing_moves(name) }
    }

    /// One part more is done.
    pub(crate) fn advance(&self) {
        self.bar.inc(1);
    }

    pub(crate) fn describe(&self, text: String) {
        self.bar.set_message(text);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Among the others where stderr is a terminal, and nowhere else.
fn shown(bar: ProgressBar, template: &str, name: &str) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.set_prefix(name.to_owned());
    BARS.add(bar)
}

/// Says every minute that something still runs, until it is dropped.
struct Pulse(#[expect(dead_code, reason = "dropping it is what ends the thread")] Sender<()>);

impl Pulse {
    /// On a terminal the spinner says it.
    fn where_nothing_moves(name: &str) -> Option<Self> {
        let name = name.to_owned();
        let say = move |ran: Duration| say(&name, &format!("still running, {} min", ran.as_secs() / 60));
        (!std::io::stderr().is_terminal()).then(|| Self::beat(SILENCE, say))
    }

    fn beat(every: Duration, say: impl Fn(Duration) + Send + 'static) -> Self {
        let (alive, ended) = channel::<()>();
        let started = Instant::now();
        std::thread::spawn(move || {
            while ended.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
                say(started.elapsed());
            }
        });
        Self(alive)
    }
}

/// Whether colour is wanted: only on a terminal, and not with `NO_COLOR` (<https://no-color.org>).
fn coloured() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// The name of a step, as it stands before its line.
fn title(name: &str) -> String {
    let name = format!("{name:>10}");
    if coloured() { format!("\x1b[1;32m{name}\x1b[0m") } else { name }
}

fn loud(text: &str) -> String {
    if coloured() { format!("\x1b[1;33m{text}\x1b[0m") } else { text.to_owned() }
}

fn dim(text: &str) -> String {
    if coloured() { format!("\x1b[2m{text}\x1b[0m") } else { text.to_owned() }
}

/// The width of the terminal that results go to; `COLUMNS` where it is set.
pub(crate) fn columns() -> Option<usize> {
    let named = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    named.or_else(|| console::Term::stdout().size_checked().map(|(_, columns)| columns.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_that_goes_on_is_heard_until_it_ends() {
        let (heard, beats) = channel();
        let pulse = |name: &'static str| {
            let heard = heard.clone();
            Pulse::beat(Duration::from_millis(10), move |_| {
                let _ = heard.send(name);
            })
        };
        let (one, _other) = (pulse("one"), pulse("other"));
        for name in ["one", "other", "one"] {
            beats.iter().find(|beat| *beat == name).expect("it beats");
        }
        drop(one);
        // What was on its way may still arrive.
        std::thread::sleep(Duration::from_millis(50));
        while beats.try_recv().is_ok() {}
        assert_eq!(beats.iter().take(3).collect::<Vec<_>>(), ["other"; 3]);
    }
}
