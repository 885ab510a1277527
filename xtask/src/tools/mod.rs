//! The doors to everything outside: one module each, and nothing else goes through another. They print nothing and
//! know nothing of the project: what they need is handed to them, what they have to tell goes out through `events`.

pub(crate) mod aws;
pub(crate) mod cargo;
pub(crate) mod cargo_deny;
pub(crate) mod events;
pub(crate) mod files;
pub(crate) mod git;
pub(crate) mod http;
pub(crate) mod local;
pub(crate) mod node;
pub(crate) mod parallel;
pub(crate) mod pinned;
pub(crate) mod process;
pub(crate) mod python;
pub(crate) mod server;
pub(crate) mod signals;
pub(crate) mod terraform;
