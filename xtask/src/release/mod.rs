//! A release: all functions of one commit, observed, decided and moved together.

pub(crate) mod build;
pub(crate) mod depot;
pub(crate) mod plan;
pub(crate) mod proof;
pub(crate) mod published;
mod shelf;
pub(crate) mod source;
pub(crate) mod swap;
