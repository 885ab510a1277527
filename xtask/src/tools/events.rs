//! What is told while work goes on. The tools print nothing: `main` names a listener once, and that shows it or not.

use anyhow::Result;
use std::cell::Cell;
use std::fmt::Display;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// Something that a person may want to hear.
#[derive(Debug)]
pub(crate) enum Event<'a> {
    /// A step begins. Several run side by side, so each has a number.
    Begins { step: u64, name: &'a str },
    /// It has ended, with what there is to say of it; with nothing where it failed.
    Ends { step: u64, report: Option<&'a str> },
    /// A line under the name of a step.
    Says { name: &'a str, text: &'a str },
    /// What stops nothing, and what to do about it.
    Warns { text: &'a str, hint: &'a str },
    /// A tool's command line, or a line of its output as it comes, and the step that it is a part of.
    Tool { step: Option<u64>, line: &'a str },
    /// A signal ends us, in the middle of whatever runs.
    Interrupted,
}

thread_local! {
    /// The step that this thread is at.
    static STEP: Cell<Option<u64>> = const { Cell::new(None) };
}

type Listener = Box<dyn Fn(Event<'_>) + Send + Sync>;

static LISTENER: OnceLock<Listener> = OnceLock::new();

/// From now on `listener` hears everything, from whatever thread it comes; the first that is named stays.
pub(crate) fn listen(listener: impl Fn(Event<'_>) + Send + Sync + 'static) {
    let _ = LISTENER.set(Box::new(listener));
}

fn tell(event: Event<'_>) {
    if let Some(listener) = LISTENER.get() {
        listener(event);
    }
}

/// Runs one step and tells of its begin and its end, with what it reports.
pub(crate) fn step<T: Display>(name: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    step_with(name, work, T::to_string)
}

/// Like [`step`] for work whose value is not what is shown.
pub(crate) fn step_with<T>(
    name: &str,
    work: impl FnOnce() -> Result<T>,
    report: impl FnOnce(&T) -> String,
) -> Result<T> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let step = NEXT.fetch_add(1, Ordering::Relaxed);
    tell(Event::Begins { step, name });
    let around = STEP.replace(Some(step));
    let result = work();
    STEP.set(around);
    let report = result.as_ref().ok().map(report);
    tell(Event::Ends { step, report: report.as_deref() });
    result
}

/// A step that may take long, and of which nothing is to be said once it is done.
pub(crate) fn quietly<T>(name: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    step_with(name, work, |_| String::new())
}

/// One line under the name of a step.
pub(crate) fn say(name: &str, text: &str) {
    tell(Event::Says { name, text });
}

/// What should be heard, though it stops nothing, and what to do about it.
pub(crate) fn warn(text: &str, hint: &str) {
    tell(Event::Warns { text, hint });
}

/// The step that this thread is at.
pub(super) fn at() -> Option<u64> {
    STEP.get()
}

/// A tool's command line, or a line of its output.
pub(super) fn tool(step: Option<u64>, line: &str) {
    tell(Event::Tool { step, line });
}

/// The last that is told.
pub(super) fn interrupted() {
    tell(Event::Interrupted);
}
