//! Pure decisions: values in, values out. Nothing here touches a file, a process, the network, git or AWS.

pub(crate) mod alias;
pub(crate) mod audit;
pub(crate) mod branch;
pub(crate) mod caller;
pub(crate) mod canary;
pub(crate) mod compiler;
pub(crate) mod drift;
pub(crate) mod elf;
pub(crate) mod forecast;
pub(crate) mod function;
pub(crate) mod moves;
pub(crate) mod package;
pub(crate) mod partition;
pub(crate) mod promote;
pub(crate) mod prune;
pub(crate) mod record;
pub(crate) mod refusal;
pub(crate) mod release;
pub(crate) mod role;
pub(crate) mod rollback;
pub(crate) mod scaffold;
pub(crate) mod settings;
pub(crate) mod smoke;
pub(crate) mod traffic;
pub(crate) mod units;
pub(crate) mod version;
