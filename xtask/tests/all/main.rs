//! The real binary, driven as a person or CircleCI drives it. One test binary, so that the long stories, which mostly wait
//! for Terraform, run side by side.

mod audit;
mod bad_input;
mod bench;
mod common;
mod completions;
mod data;
mod dependencies;
mod deploy;
mod documents;
mod faults;
mod image;
mod init;
mod kills;
mod life;
mod machine;
mod moves;
mod new;
mod node;
mod packages;
mod permissions;
mod places;
mod policies;
mod production;
mod prune;
mod removing;
mod sample;
mod secrets;
mod settings;
mod sweep;
mod terminal;
mod terraform_download;
mod triggers;
mod updating;
mod verify;
