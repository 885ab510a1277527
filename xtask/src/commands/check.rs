//! `check`: every gate before production.

use crate::cli;
use crate::error::{Hint, bail_hint};
use crate::model::caller::Purpose;
use crate::model::function::Source;
use crate::model::tool::is_of_tool;
use crate::model::{init, links};
use crate::project;
use crate::stacks::functions;
use crate::tools::git::Git;
use crate::tools::process::Tool;
use crate::tools::terraform::Program;
use crate::tools::{cargo, node, pinned};
use crate::ui;
use anyhow::{Context, Result, anyhow};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

/// Whoever has another CI system does without.
const CIRCLECI: &str = ".circleci/config.yml";

/// What came of each test, for a CI system to show.
const REPORT: &str = "target/tests/junit.xml";

/// So many tests are told of, if they are slow.
const SLOWEST: usize = 10;
const SLOW: Duration = Duration::from_secs(1);

pub(crate) fn run(options: cli::Check) -> Result<ExitCode> {
    let root = project::root()?;
    let gate = |name, what: &str, arguments: &[&str], hint: &str| {
        ui::step_with(name, || cargo::gate(&root, arguments).hint(hint), |()| what.to_owned())
    };
    // The quick ones first: who forgot to format should not wait for the tests.
    gate("format", "Rust", &["fmt", "--all", "--check"], "run `cargo fmt --all`")?;
    ui::step_with("documents", || documents(&root), |()| "every link leads somewhere".to_owned())?;
    let secrets = || functions::refuse_secrets(&root, &cargo::workspace(&root)?.names);
    ui::step_with("secrets", secrets, |()| "none in a function's variables".to_owned())?;
    let packages: &[&str] =
        if options.all || concerns_tool(&root)? { &["--workspace"] } else { &["--workspace", "--exclude", "xtask"] };
    let terraform = std::thread::scope(|scope| -> Result<()> {
        // Terraform mostly waits, cargo mostly computes.
        let terraform =
            scope.spawn(|| ui::step_with("terraform", || terraform(&root), |()| "formatted and valid".to_owned()));
        let lints = [&["clippy"], packages, &["--all-targets", "--locked", "--", "--deny", "warnings"]].concat();
        let linted = gate(
            "lint",
            "clippy",
            &lints,
            "fix what clippy names above; `cargo clippy --workspace --all-targets --fix --allow-dirty` does the simple ones",
        );
        let terraform = terraform.join().map_err(|_| anyhow!("the thread that checks Terraform panicked"))?;
        linted.and(terraform)
    });
    terraform?;
    if root.join(CIRCLECI).is_file() {
        ui::step_with("circleci", || circleci(&root), |()| "config fits its schema".to_owned())?;
    }
    let test = || cargo::test(&root, packages, &root.join(REPORT)).hint("run `cargo test -p CRATE` to see more");
    let what = if packages.len() > 1 { "all but the tool's own" } else { "all of the workspace" };
    let times = ui::step_with("test", test, |_| what.to_owned())?;
    for (name, took) in times.into_iter().take(SLOWEST).take_while(|(_, took)| *took >= SLOW) {
        ui::say("slow", &format!("{name}  {:.1} s", took.as_secs_f64()));
    }
    check_node(&root)?;
    Ok(ExitCode::SUCCESS)
}

/// What the functions for Node say themselves that they are held to.
fn check_node(root: &Path) -> Result<()> {
    for function in node::functions(root)? {
        let (name, Source::Node { scripts, .. }) = (&function.name, &function.source) else { continue };
        let run = || {
            node::require(root, &function)?;
            let inputs = node::inputs(root, &function)?;
            node::check(&function, scripts, &inputs, &node::folder(&root.join("target"), name).join("check"))
        };
        ui::step_with("test", run, |gates| match gates.as_slice() {
            [] => format!("{name} has no script `test`, nor `lint`"),
            gates => format!("{name}, by npm: {}", gates.join(", ")),
        })?;
    }
    Ok(())
}

/// Whether the tool's own lints and tests, which take minutes, have something to say: they run on a workspace of their own,
/// so nothing that is written in a function changes their answer.
fn concerns_tool(root: &Path) -> Result<bool> {
    let production = cargo::workspace(root)?.names.production;
    let Some((base, changed)) = Git::open(root)?.changed(&production)? else { return Ok(true) };
    let concerned = changed.iter().any(|path| is_of_tool(path));
    if !concerned {
        let base = base.get(..7).unwrap_or(&base);
        ui::say("tool", &format!("nothing of it has changed since commit {base}; `--all` tests it too"));
    }
    Ok(concerned)
}

fn documents(root: &Path) -> Result<()> {
    let files: BTreeSet<_> = Git::open(root)?.files()?.into_iter().filter(|path| root.join(path).exists()).collect();
    let is_ours = |path: &&String| path.ends_with(".md") && !init::is_vendored(path);
    let read = |path: &String| {
        let text = std::fs::read_to_string(root.join(path)).with_context(|| format!("cannot read `{path}`"))?;
        Ok((path.clone(), text))
    };
    let documents = files.iter().filter(is_ours).map(read).collect::<Result<_>>()?;
    match links::dead(&documents, &files).as_slice() {
        [] => Ok(()),
        dead => bail_hint!(
            "a link is relative to its document; an anchor is a heading in lower case, with hyphens for spaces";
            "a link leads nowhere:\n  {}", dead.join("\n  ")
        ),
    }
}

fn terraform(root: &Path) -> Result<()> {
    let target = root.join("target");
    let program = Program::find(&target)?;
    program.check_format(root)?;
    let folders = ["terraform", "terraform/bootstrap", "terraform/data", "terraform/gateway", "terraform/role"];
    // Whoever has no data of the environment's own does without that one.
    folders.into_iter().filter(|folder| root.join(folder).is_dir()).try_for_each(|folder| {
        program.check(&root.join(folder), &target.join("terraform/check").join(folder.replace('/', "-")))
    })
}

fn circleci(root: &Path) -> Result<()> {
    let checker = pinned::check_jsonschema(&root.join("target"))?;
    Tool::new(Purpose::Python, checker)
        .args(["--builtin-schema", "vendor.circle-ci"])
        .args([root.join(CIRCLECI)])
        .run(root)
        .map(drop)
        .hint("see https://circleci.com/docs/configuration-reference")
}
