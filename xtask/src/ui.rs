//! How the command speaks: one aligned line per step when it ends, a spinner while it runs; all on stderr.

pub(crate) use crate::model::units::bytes;
use crate::tools::events::{self, Event};
pub(crate) use crate::tools::events::{quietly, say, step, step_with};
use anyhow::{Context, Result};
pub(crate) use console::measure_text_width as width;
use console::{Alignment, StyledObject, Term, pad_str, strip_ansi_codes, style, truncate_str};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{ErrorKind, Write};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use textwrap::{Options, WordSplitter, wrap};

/// Columns of a step's name.
const NAME: usize = 10;

/// A space at which no line is broken.
const GLUE: &str = "\u{a0}";

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
        Event::Says { name, text } => said(&format!("{} {text}", title(name))),
        Event::Warns { text, hint } => {
            said(&format!("{} {text}\n         {hint}", coloured(style("warning:").yellow().bold())));
        }
        Event::Interrupted => {
            let _ = BARS.clear();
            // Nor does any come back until we have ended.
            BARS.set_draw_target(ProgressDrawTarget::hidden());
        }
        Event::Tool { line: output, .. } if verbose => line(output),
        Event::Tool { step, line } => {
            if let Some(step) = step.and_then(|step| running().get(&step).map(|step| step.spinner.clone())) {
                step.set_message(line.lines().next().unwrap_or_default().trim().to_owned());
            }
        }
    });
}

fn running() -> MutexGuard<'static, BTreeMap<u64, Step>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is our own on stderr, in lines that its terminal does not break.
pub(crate) fn said(text: &str) {
    let text = match Term::stderr().size_checked() {
        Some((_, columns)) => fold(text, columns.into(), NAME + 1),
        None => text.to_owned(),
    };
    line(&text.replace(GLUE, " "));
}

/// One line on stderr. Nobody may be listening there any more, which is no reason to stop.
fn line(text: &str) {
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

/// A step that runs. Its spinner's message is the last line of its tool.
struct Step {
    name: String,
    started: Instant,
    spinner: ProgressBar,
    _pulse: Option<Pulse>,
}

impl Step {
    fn begin(name: &str) -> Self {
        let spinner = shown(ProgressBar::new_spinner(), "{prefix:>10} {spinner} {elapsed}  {wide_msg:.dim}", name);
        spinner.enable_steady_tick(Duration::from_millis(100));
        let pulse = Pulse::where_nothing_moves(name, &spinner);
        Self { name: name.to_owned(), started: Instant::now(), spinner, _pulse: pulse }
    }

    fn end(self, report: Option<&str>) {
        self.spinner.finish_and_clear();
        let seconds = self.started.elapsed().as_secs_f64();
        for text in report.unwrap_or_default().lines() {
            said(&format!("{} {text}  {}", title(&self.name), coloured(style(format!("{seconds:.2}{GLUE}s")).dim())));
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
        let bar = shown(bar, "{prefix:>10} {wide_bar} {pos}/{len}  {msg}  {eta} left", name);
        let pulse = Pulse::where_nothing_moves(name, &bar);
        Self { bar, _pulse: pulse }
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

/// Among the others where something may move, and nowhere else.
fn shown(bar: ProgressBar, template: &str, name: &str) -> ProgressBar {
    if !is_lively() {
        return ProgressBar::hidden();
    }
    // Among the others before anything is set, since that draws: what it drew alone would stay.
    let bar = BARS.add(bar);
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.set_prefix(name.to_owned());
    bar
}

/// Says every minute that something still runs, until it is dropped.
struct Pulse(#[expect(dead_code, reason = "dropping it is what ends the thread")] Sender<()>);

impl Pulse {
    /// Elsewhere the spinner says it.
    fn where_nothing_moves(name: &str, bar: &ProgressBar) -> Option<Self> {
        let (name, bar) = (name.to_owned(), bar.clone());
        let say = move |ran: Duration| {
            say(&name, format!("still running, {} min  {}", ran.as_secs() / 60, bar.message()).trim_end());
        };
        (!is_lively()).then(|| Self::beat(SILENCE, say))
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

/// Whether colour is shown and anything moves: only on a terminal, none with `TERM=dumb`, and not with `NO_COLOR`
/// (<https://no-color.org>).
fn is_lively() -> bool {
    Term::stderr().features().colors_supported()
}

fn coloured<D: std::fmt::Display>(text: StyledObject<D>) -> String {
    text.force_styling(is_lively()).to_string()
}

/// What somebody else has coloured, as it may be shown.
pub(crate) fn as_coloured(text: &impl std::fmt::Display) -> String {
    let text = text.to_string();
    if is_lively() { text } else { strip_ansi_codes(&text).into_owned() }
}

/// The name of a step, as it stands before its line.
fn title(name: &str) -> String {
    coloured(style(pad_str(name, NAME, Alignment::Right, None)).green().bold())
}

/// The width of the terminal that results go to; `COLUMNS` where it is set.
pub(crate) fn columns() -> Option<usize> {
    let named = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    named.or_else(|| Term::stdout().size_checked().map(|(_, columns)| columns.into()))
}

/// A result in lines that the terminal does not break, if it goes to one.
pub(crate) fn folded(text: &str) -> Cow<'_, str> {
    hanging(text, 0)
}

/// The same of lines that go on below a column of their own.
pub(crate) fn hanging(text: &str, column: usize) -> Cow<'_, str> {
    columns().map_or(Cow::Borrowed(text), |columns| Cow::Owned(fold(text, columns, column)))
}

/// No line is wider, unless it is one word; what goes on is indented more than its line, and at least by `hang`.
fn fold(text: &str, columns: usize, hang: usize) -> String {
    let fold = |line: &str| {
        let margin = line.len() - line.trim_start_matches(' ').len();
        let indent = " ".repeat(hang.max(margin + 2));
        let options = Options::new(columns).break_words(false).word_splitter(WordSplitter::NoHyphenation);
        wrap(line, options.subsequent_indent(&indent)).join("\n")
    };
    text.lines().map(fold).collect::<Vec<_>>().join("\n")
}

/// A cell of a table.
pub(crate) fn pad(text: &str, width: usize) -> Cow<'_, str> {
    pad_str(text, width, Alignment::Left, None)
}

/// The beginning, with a mark where something is left out.
pub(crate) fn cut(text: &str, width: usize) -> Cow<'_, str> {
    truncate_str(text, width, "…")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_are_those_of_a_terminal() {
        for (text, columns) in [("für", 3), ("fu\u{308}r", 3), ("日本", 4), ("\u{1b}[1mfett\u{1b}[0m", 4)] {
            assert_eq!((width(text), width(&pad(text, 6)), &*cut(text, columns)), (columns, 6, text));
            assert!(width(&cut(text, columns - 1)) < columns, "{text}");
        }
        assert_eq!([cut("zwölf", 4), cut("日本語", 4), cut("日本語", 5)], ["zwö…", "日…", "日本…"]);
    }

    #[test]
    fn no_word_is_broken() {
        let name = "\u{1b}[1m     apply\u{1b}[0m";
        for (text, hang, folded) in [
            ("", 0, ""),
            ("short", 0, "short"),
            ("a line of words that goes on", 0, "a line of words that\n  goes on"),
            ("  at: 日本語日本語 für a-b\n\nlast", 0, "  at: 日本語日本語\n    für a-b\n\nlast"),
            (&format!("{name} three words"), 11, &format!("{name} three\n           words")),
            (
                "see https://example.com/too-long-for-a-line  1 s",
                2,
                "see\n  https://example.com/too-long-for-a-line\n  1 s",
            ),
            (&format!("a step of time  1.25{GLUE}s"), 2, &format!("a step of time\n  1.25{GLUE}s")),
        ] {
            assert_eq!(fold(text, 20, hang), folded);
        }
    }

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
