//! `completions`: what a shell needs to complete `cargo xtask`. The generated script is for a program called `cargo_xtask`;
//! a few lines of each shell's own hand it what is typed behind `cargo xtask`.

use crate::cli;
use anyhow::Result;
use clap_complete::{Shell, generate};
use std::process::ExitCode;

/// Not what nobody types anyway, `cargo-xtask`: with a hyphen in it the generated script for bash loses the verbs' flags.
const PROGRAM: &str = "cargo_xtask";

const BASH: &str = include_str!("../../templates/completions/bash");
const FISH: &str = include_str!("../../templates/completions/fish");
const ZSH: &str = include_str!("../../templates/completions/zsh");

pub(crate) fn run(shell: Shell) -> Result<ExitCode> {
    let mut script = Vec::new();
    generate(shell, &mut cli::command(), PROGRAM, &mut script);
    let bridge = match shell {
        Shell::Bash => BASH,
        Shell::Fish => FISH,
        Shell::Zsh => ZSH,
        _ => "",
    };
    super::print(&format!("{}\n{bridge}", String::from_utf8_lossy(&script)))
}
