//! `invoke`: calls a function and shows what it answers.

use crate::cli::{Global, Invoke};
use crate::environment::Environment;
use crate::error::{Hint, bail_hint, render};
use crate::model::alias::AliasName;
use crate::model::duty::Duty;
use crate::model::function::Function;
use crate::model::http;
use crate::project::Project;
use crate::release::proof::smoke_test;
use crate::ui;
use anyhow::{Context, Result, anyhow};
use serde::Serialize;
use serde_json::Value;
use std::fmt;
use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::ExitCode;

/// The event of the smoke test's first case, by its name for `--event`.
const SMOKE: &str = "smoke";

/// One of `invoke --json`.
#[derive(Debug, Serialize)]
struct Answered {
    /// What led to the version: an alias or its number.
    qualifier: String,
    version: Option<String>,
    /// Lambda's `FunctionError`: a crash or a time-out.
    function_error: Option<String>,
    /// Why there is no answer at all.
    error: Option<String>,
    /// What the function answered: JSON, or text where it is none.
    payload: Value,
    log: Option<String>,
    /// Whether it is shown as the answer to a request.
    #[serde(skip)]
    http: bool,
}

#[derive(Serialize)]
#[serde(transparent)]
struct Report(Vec<Answered>);

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A line each, so that several can be told apart; what was not answered has its line too.
        self.0.iter().try_for_each(|answered| match http::response(&answered.payload).filter(|_| answered.http) {
            Some(response) => writeln!(f, "{}", response.body),
            None => writeln!(f, "{}", answered.payload),
        })
    }
}

pub(crate) fn run(global: &Global, options: &Invoke) -> Result<ExitCode> {
    let project = Project::open(&global.function)?;
    let function = project.only_one("invoke")?;
    let payloads = payloads(function, options)?;
    let qualifier = match (&options.alias, options.version) {
        (Some(alias), _) => alias.clone(),
        (None, Some(version)) => version.to_string(),
        (None, None) => {
            let branch = crate::release::source::branch(global, &project.root)?;
            AliasName::of_branch(&branch).to_string()
        }
    };
    let aws = Environment::open(&global.env, &project, Duty::Publish)?.aws()?;
    let answers = ui::quietly("invoke", || Ok(aws.invoke_all(&function.name, &qualifier, payloads, options.tail)))?;
    let several = answers.len() > 1;
    let mut all: Vec<_> = Vec::new();
    for (nth, answer) in (1..).zip(answers) {
        let which = if several { format!("answer {nth}: ") } else { String::new() };
        let answered = match answer {
            // One that is alone fails like any command.
            Err(error) if !several => return Err(error),
            Err(error) => Answered {
                qualifier: qualifier.clone(),
                version: None,
                function_error: None,
                error: Some(render(&error, None)),
                payload: Value::Null,
                log: None,
                http: false,
            },
            Ok(answer) => {
                let text = String::from_utf8_lossy(&answer.payload).into_owned();
                let payload = serde_json::from_str(&text).unwrap_or(Value::String(text));
                let (version, function_error, log) = (answer.version, answer.function_error, answer.log);
                let http = !options.request.is_empty();
                Answered { qualifier: qualifier.clone(), version, function_error, error: None, payload, log, http }
            }
        };
        for line in answered.log.iter().flat_map(|log| log.lines()) {
            ui::say("log", &format!("{which}{line}"));
        }
        if let Some(response) = http::response(&answered.payload).filter(|_| answered.http) {
            ui::say("status", &response.status.to_string());
        }
        if let Some(kind) = &answered.function_error {
            ui::say("failed", &format!("{which}the function failed (`{kind}`)"));
        }
        if let Some(error) = &answered.error {
            ui::say("failed", &format!("{which}{error}"));
        }
        all.push(answered);
    }
    let failed = all.iter().any(|answered| answered.function_error.is_some() || answered.error.is_some());
    let shown = super::show_as_it_is(global, &Report(all))?;
    Ok(if failed { ExitCode::FAILURE } else { shown })
}

/// All payloads, read before anything is called; the smoke test's event where none was named.
fn payloads(function: &Function, options: &Invoke) -> Result<Vec<Vec<u8>>> {
    let mut texts: Vec<(String, Vec<u8>)> = Vec::new();
    if let [method, target] = &options.request[..] {
        if !target.starts_with('/') {
            bail_hint!(format!("say `{method} /{target}`"); "the path `{target}` does not begin with a slash");
        }
        let event = http::event(&method.to_uppercase(), target, options.data.as_deref());
        texts.push(("the request".to_owned(), serde_json::to_vec(&event)?));
    }
    for text in &options.payload {
        texts.push(("`--payload`".to_owned(), text.clone().into_bytes()));
    }
    for path in &options.file {
        texts.push((format!("`{}`", path.display()), read(path)?));
    }
    for name in &options.event {
        texts.push((format!("event `{name}`"), event(function, name)?));
    }
    if texts.is_empty() {
        return Ok(vec![event(function, SMOKE)?]);
    }
    let checked = texts.into_iter().map(|(what, text)| {
        serde_json::from_slice::<serde::de::IgnoredAny>(&text)
            .with_context(|| format!("{what} is not JSON"))
            .hint("Lambda takes JSON only; a plain text needs double quotes of its own: `--payload '\"text\"'`")?;
        Ok(text)
    });
    checked.collect()
}

fn read(path: &Path) -> Result<Vec<u8>> {
    if path == Path::new("-") {
        let mut text = Vec::new();
        std::io::stdin().read_to_end(&mut text).context("cannot read stdin")?;
        return Ok(text);
    }
    fs::read(path)
        .with_context(|| format!("cannot read `{}`", path.display()))
        .hint("name a file with JSON in it, or `-` for stdin")
}

fn event(function: &Function, name: &str) -> Result<Vec<u8>> {
    if name == SMOKE {
        return Ok(serde_json::to_vec(smoke_test(function)?.event())?);
    }
    let folder = function.folder.join("events");
    let path = folder.join(format!("{name}.json"));
    if !path.is_file() {
        let files = fs::read_dir(&folder).into_iter().flatten().filter_map(Result::ok);
        let names = files.filter_map(|file| Some(file.file_name().to_str()?.strip_suffix(".json")?.to_owned()));
        let mut names: Vec<_> = names.chain([SMOKE.to_owned()]).collect();
        names.sort();
        return Err(anyhow!("`{}` has no event `{name}`", function.name)).hint(format!(
            "write `{}`; there are: {}",
            path.display(),
            names.join(", ")
        ));
    }
    read(&path)
}
