//! The doors to everything outside: one module each, and nothing else goes through another.

pub(crate) mod aws;
pub(crate) mod cargo;
pub(crate) mod files;
pub(crate) mod git;
pub(crate) mod http;
pub(crate) mod local;
pub(crate) mod parallel;
pub(crate) mod pinned;
pub(crate) mod process;
pub(crate) mod terraform;
