//! How the command speaks: one aligned line per step when it ends, a spinner while it runs; all on stderr.

use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};
use std::fmt;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// Runs one step: shows that it runs, then one line with its name, what it reports and how long it took.
pub(crate) fn step<T: fmt::Display>(name: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let started = Instant::now();
    let spinner = spinner(name);
    let result = work();
    spinner.finish_and_clear();
    if let Ok(report) = &result {
        let seconds = started.elapsed().as_secs_f64();
        for line in report.to_string().lines() {
            say(name, &format!("{line}  {}", dim(&format!("{seconds:.2} s"))));
        }
    }
    result
}

/// Like [`step`] for work whose value is not what is shown.
pub(crate) fn step_with<T>(
    name: &str,
    work: impl FnOnce() -> Result<T>,
    report: impl FnOnce(&T) -> String,
) -> Result<T> {
    struct Shown<T>(T, String);
    impl<T> fmt::Display for Shown<T> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(&self.1)
        }
    }
    step(name, || {
        work().map(|value| {
            let text = report(&value);
            Shown(value, text)
        })
    })
    .map(|shown| shown.0)
}

/// A bar for work of many like parts: how many are done, and how long the rest will take. Says nothing where stderr is no
/// terminal; clear it when all is done.
pub(crate) fn bar(name: &str, parts: usize) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(parts as u64);
    if let Ok(style) = ProgressStyle::with_template("{prefix:>10} {bar:30} {pos}/{len}  {msg}  {eta} left") {
        bar.set_style(style);
    }
    bar.set_prefix(name.to_owned());
    bar
}

/// One line on stderr under the name of its step.
pub(crate) fn say(name: &str, text: &str) {
    eprintln!("{} {text}", bold(&format!("{name:>10}")));
}

/// What should be heard, though it stops nothing, and what to do about it.
pub(crate) fn warn(text: &str, hint: &str) {
    eprintln!("{} {text}\n         {hint}", loud("warning:"));
}

fn spinner(name: &str) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{prefix:>10} {spinner} {elapsed}") {
        bar.set_style(style);
    }
    bar.set_prefix(name.to_owned());
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

/// Whether colour is wanted: only on a terminal, and not with `NO_COLOR` (<https://no-color.org>).
fn coloured() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

fn bold(text: &str) -> String {
    if coloured() { format!("\x1b[1;32m{text}\x1b[0m") } else { text.to_owned() }
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

/// Bytes for people: `812 kB`, `12.3 MB` (powers of ten, as AWS's console shows them).
pub(crate) fn bytes(count: u64) -> String {
    match count {
        0..1_000 => format!("{count} B"),
        1_000..1_000_000 => format!("{} kB", count / 1_000),
        1_000_000..1_000_000_000 => format!("{:.1} MB", count as f64 / 1e6),
        _ => format!("{:.1} GB", count as f64 / 1e9),
    }
}
