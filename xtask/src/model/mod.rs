//! Pure decisions: values in, values out. Nothing here touches a file, a process, the network, git or AWS.

pub(crate) mod alias;
pub(crate) mod elf;
pub(crate) mod package;
pub(crate) mod record;
pub(crate) mod smoke;
pub(crate) mod version;
