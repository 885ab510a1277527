//! Pure decisions: values in, values out. Nothing here touches a file, a process, the network, git or AWS.

pub(crate) mod alias;
pub(crate) mod audit;
pub(crate) mod canary;
pub(crate) mod compiler;
pub(crate) mod drift;
pub(crate) mod elf;
pub(crate) mod forecast;
pub(crate) mod function;
pub(crate) mod moves;
pub(crate) mod package;
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    /// The part of a file that ships: what stands before its tests.
    fn shipped(text: &str) -> &str {
        text.split("#[cfg(test)]").next().unwrap_or(text)
    }

    #[test]
    fn is_pure() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/model");
        let files: Vec<_> =
            std::fs::read_dir(folder).expect("the folder").map(|entry| entry.expect("a file").path()).collect();
        // Folders hold tests alone.
        let files: Vec<_> = files.into_iter().filter(|path| path.is_file()).collect();
        assert!(files.len() > 5, "{files:?}");
        for file in files {
            let text = std::fs::read_to_string(&file).expect("a text");
            for word in [
                "std::fs",
                "std::process",
                "std::net",
                "std::env",
                "git2",
                "aws_",
                "tokio",
                "duct::",
                "xshell",
                "crate::tools",
            ] {
                assert!(!shipped(&text).contains(word), "`{}` names `{word}`", file.display());
            }
        }
    }
}
