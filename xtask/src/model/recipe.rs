//! What a package is made from. The same recipe makes the same bytes on every machine, so a package that was made once need
//! not be made again.

use super::function::{Function, Source};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What each function is made from besides its own folders: the linker's pin, flags, and what zips a package.
const OF_ALL: &[&str] = &["Cargo.lock", "xtask/pins/", "xtask/src/"];
/// What cargo reads for all of its functions.
const OF_CRATES: &[&str] = &[".cargo/", "Cargo.toml", "rust-toolchain", "rust-toolchain.toml"];

/// Of these what is edited by hand, while a function is worked on.
pub(crate) const SHARED: &[&str] = &["Cargo.lock", "Cargo.toml", ".cargo/config.toml"];

/// Whether a file, by its path below the root, belongs to a function's recipe. `folders` are those of what the function is
/// built of, by theirs.
pub(crate) fn is_part(source: &Source, folders: &[String], path: &str) -> bool {
    let of_kind = if matches!(source, Source::Crate { .. }) { OF_CRATES } else { &[] };
    // The root itself may be a crate.
    let lies_in =
        |folder: &str| folder.is_empty() || path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
    folders.iter().any(|folder| lies_in(folder))
        || OF_ALL.iter().chain(of_kind).any(|part| path == *part || part.ends_with('/') && path.starts_with(part))
}

/// The digest of a recipe, in hex. `maker` is the release of what makes it; `files` are all that belong to it, each with a
/// SHA-256 of what it is.
pub(crate) fn digest(function: &Function, maker: &str, files: &BTreeMap<String, [u8; 32]>) -> String {
    let mut digest = Sha256::new();
    let mut add = |part: &[u8]| {
        // With its length, so that no two recipes run into the same text.
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part);
    };
    for fact in [&*function.name, function.architecture.target(), maker] {
        add(fact.as_bytes());
    }
    for (path, content) in files {
        add(path.as_bytes());
        add(content);
    }
    digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The files that a program was built from, as cargo lists them beside it; spaces in paths are escaped
/// (<https://doc.rust-lang.org/cargo/reference/build-cache.html#dep-info-files>).
pub(crate) fn sources(dep_info: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for line in dep_info.lines() {
        let Some((_, files)) = line.split_once(": ") else { continue };
        let mut path = String::new();
        for part in files.split(' ') {
            match part.strip_suffix('\\') {
                Some(part) => path.extend([part, " "]),
                None => {
                    path.push_str(part);
                    found.push(PathBuf::from(std::mem::take(&mut path)));
                }
            }
        }
    }
    found.retain(|path| path != Path::new(""));
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::elf::Architecture;

    fn function(name: &str) -> Function {
        Function {
            name: name.to_owned(),
            folder: PathBuf::new(),
            architecture: Architecture::X86_64,
            source: Source::Crate { programs: Vec::new(), crates: None },
        }
    }

    #[test]
    fn a_recipe_is_what_cargo_reads_for_the_function() {
        let folders = ["orders", "shared/money"].map(str::to_owned);
        let is_part = |path| is_part(&function("orders").source, &folders, path);
        for path in
            ["orders/src/main.rs", "shared/money/build.rs", "Cargo.lock", ".cargo/config.toml", "xtask/pins/zig.txt"]
        {
            assert!(is_part(path), "{path}");
        }
        for path in
            ["orders-2/src/main.rs", "shared/other/src/lib.rs", "terraform/orders.tf", "README.md", "xtask/tests/a.rs"]
        {
            assert!(!is_part(path), "{path}");
        }
    }

    #[test]
    fn a_recipe_for_node_has_of_cargo_only_what_zips_it() {
        let (runtime, handler) = ("nodejs22.x".to_owned(), "src/index.handler".to_owned());
        let source = Source::Node { runtime, handler, scripts: BTreeMap::new() };
        let is_part = |path| is_part(&source, &["thumbnails".to_owned()], path);
        for path in
            ["thumbnails/package-lock.json", "thumbnails/src/index.js", "xtask/src/model/package.rs", "Cargo.lock"]
        {
            assert!(is_part(path), "{path}");
        }
        for path in ["Cargo.toml", ".cargo/config.toml", "package.json", "orders/src/main.rs"] {
            assert!(!is_part(path), "{path}");
        }
    }

    #[test]
    fn another_recipe_has_another_digest() {
        let of = |name, compiler, files: &[(&str, u8)]| {
            let files = files.iter().map(|(path, byte)| ((*path).to_owned(), [*byte; 32])).collect();
            digest(&function(name), compiler, &files)
        };
        let one = of("orders", "1.95.0", &[("a", 1), ("b", 2)]);
        assert_eq!(one, of("orders", "1.95.0", &[("a", 1), ("b", 2)]));
        for other in [
            of("billing", "1.95.0", &[("a", 1), ("b", 2)]),
            of("orders", "1.96.0", &[("a", 1), ("b", 2)]),
            of("orders", "1.95.0", &[("a", 1), ("b", 3)]),
            of("orders", "1.95.0", &[("a", 1), ("c", 2)]),
            of("orders", "1.95.0", &[("a", 1)]),
            of("orders1", ".95.0", &[("a", 1), ("b", 2)]),
        ] {
            assert_ne!(one, other);
        }
    }

    #[test]
    fn cargos_list_of_sources_is_read() {
        let said = "/w/target/orders: /w/orders/src/main.rs /w/with\\ space/lib.rs\n\n/w/orders/src/main.rs:\n";
        assert_eq!(sources(said), ["/w/orders/src/main.rs", "/w/with space/lib.rs"].map(PathBuf::from));
        assert!(sources("/w/target/orders:\n").is_empty());
    }
}
