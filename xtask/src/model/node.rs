//! A function for Node: what its `package.json` says, and what of its folder is in the package.

use super::elf::Architecture;
use super::function::{Function, Scripts, Source};
use serde::Deserialize;
use serde_json::Value;
use std::path::{Component, Path, PathBuf};

/// The folder of what npm installs.
const MODULES: &str = "node_modules";

#[derive(Deserialize)]
struct Manifest {
    name: String,
    #[serde(default)]
    scripts: Scripts,
    lambda: Lambda,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Lambda {
    handler: String,
    runtime: String,
    #[serde(default)]
    architecture: Architecture,
}

/// The function that a `package.json` in this folder describes; `None` where it is another package.
///
/// # Errors
/// It is no JSON, or something of the function is missing or is not understood.
pub(crate) fn function(manifest: &str, folder: &Path) -> Result<Option<Function>, String> {
    let manifest: Value = serde_json::from_str(manifest).map_err(|error| error.to_string())?;
    if manifest.get("lambda").is_none() {
        return Ok(None);
    }
    let Manifest { name, scripts, lambda } = serde_json::from_value(manifest).map_err(|error| error.to_string())?;
    let Lambda { handler, runtime, architecture } = lambda;
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if name.is_empty() || !name.chars().all(is_name) {
        return Err(format!("a Lambda cannot be called `{name}`, but of letters, digits, hyphens and underscores"));
    }
    let number = runtime.strip_prefix("nodejs").and_then(|rest| rest.strip_suffix(".x"));
    if number.is_none_or(|number| number.parse::<u32>().is_err()) {
        return Err(format!("the runtime `{runtime}` is not Node's, as `nodejs22.x` is"));
    }
    let is_whole = |(module, export): (&str, &str)| !module.is_empty() && !module.ends_with('/') && !export.is_empty();
    if !split(&handler).is_some_and(is_whole) {
        return Err(format!("the handler `{handler}` is not `MODULE.EXPORT`, as `src/index.handler` is"));
    }
    let source = Source::Node { runtime, handler, scripts };
    Ok(Some(Function { name, folder: folder.to_owned(), architecture, source }))
}

/// A handler's module and what it exports: Lambda splits the name behind the last slash at its first dot.
fn split(handler: &str) -> Option<(&str, &str)> {
    let name = handler.rfind('/').map_or(0, |slash| slash + 1);
    let dot = name + handler[name..].find('.')?;
    Some((&handler[..dot], &handler[dot + 1..]))
}

/// The files that may be the handler's module, by their paths in the package: Lambda looks for them in this order.
pub(crate) fn modules(handler: &str) -> [String; 3] {
    let module = split(handler).map_or(handler, |(module, _)| module);
    let module = module.trim_start_matches("./");
    ["js", "mjs", "cjs"].map(|ending| format!("{module}.{ending}"))
}

/// What npm calls a processor.
pub(crate) fn cpu(architecture: Architecture) -> &'static str {
    match architecture {
        Architecture::X86_64 => "x64",
        Architecture::Arm64 => "arm64",
    }
}

/// Of the files of the checkout those in a function's folder, by their paths there. What is installed is none of them, also
/// where git was not told to ignore it.
pub(crate) fn sources<'a>(files: &'a [String], folder: &Path) -> Vec<&'a Path> {
    let below = |path: &'a String| Path::new(path).strip_prefix(folder).ok();
    let is_installed = |path: &Path| path.components().any(|part| part == Component::Normal(MODULES.as_ref()));
    files.iter().filter_map(below).filter(|path| !is_installed(path)).collect()
}

/// Whether what lies there is a tool's: no package's name begins with a dot, so that what does in a folder of packages is
/// npm's own (`.bin`, `.package-lock.json`) or a cache.
pub(crate) fn is_noise(path: &Path) -> bool {
    let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
    parts.windows(2).any(|pair| pair[0] == MODULES && pair[1].starts_with('.'))
}

/// A file that a package is made from.
#[derive(Debug)]
pub(crate) struct Input {
    pub(crate) path: PathBuf,
    pub(crate) contents: Vec<u8>,
    pub(crate) is_program: bool,
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test ends where something is missing")]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Option<Function>, String> {
        function(text, Path::new("/checkout/thumbnails"))
    }

    #[test]
    fn a_manifest_with_lambda_is_a_function() {
        let found = read(
            r#"{"name": "thumbnails", "scripts": {"test": "node --test"}, "private": true,
                "lambda": {"handler": "src/index.handler", "runtime": "nodejs22.x"}}"#,
        );
        let found = found.unwrap().unwrap();
        assert_eq!((found.name.as_str(), found.architecture), ("thumbnails", Architecture::X86_64));
        assert_eq!((found.runtime(), found.handler()), ("nodejs22.x", "src/index.handler"));
        let Source::Node { scripts, .. } = found.source else { panic!("it is no crate") };
        assert_eq!(scripts.keys().collect::<Vec<_>>(), ["test"]);
        let lambda = r#""handler": "a.b", "runtime": "nodejs22.x", "architecture": "arm64""#;
        let arm = read(&format!(r#"{{"name": "a", "lambda": {{{lambda}}}}}"#)).unwrap().unwrap();
        assert_eq!(arm.architecture, Architecture::Arm64);
        // Another package is nobody's business, whatever it is called.
        assert!(read(r#"{"name": "@acme/tools", "scripts": 7}"#).unwrap().is_none());
    }

    #[test]
    fn what_lambda_would_not_understand_is_refused() {
        let of = |name: &str, handler: &str, runtime: &str| {
            let lambda = serde_json::json!({"handler": handler, "runtime": runtime});
            read(&serde_json::json!({"name": name, "lambda": lambda}).to_string()).unwrap_err()
        };
        assert!(of("@acme/thumbnails", "a.b", "nodejs22.x").contains("`@acme/thumbnails`"));
        for runtime in ["nodejs22", "nodejs.x", "node22.x", "provided.al2023", ""] {
            assert!(of("a", "a.b", runtime).contains("is not Node's"), "{runtime}");
        }
        for handler in ["index", ".handler", "index.", ""] {
            assert!(of("a", handler, "nodejs22.x").contains("`MODULE.EXPORT`"), "{handler}");
        }
        for (text, says) in [
            ("{", "EOF"),
            (r#"{"lambda": {"handler": "a.b", "runtime": "nodejs22.x"}}"#, "`name`"),
            (r#"{"name": "a", "lambda": {"handler": "a.b"}}"#, "`runtime`"),
            (r#"{"name": "a", "lambda": {"handler": "a.b", "runtime": "nodejs22.x", "memory": 1}}"#, "`memory`"),
        ] {
            let said = read(text).unwrap_err();
            assert!(said.contains(says), "{said}");
        }
    }

    #[test]
    fn the_handler_s_module_is_a_file() {
        assert_eq!(modules("dist/index.handler"), ["dist/index.js", "dist/index.mjs", "dist/index.cjs"]);
        assert_eq!(modules("./a.b.handler")[0], "a.js", "`b.handler` is what it exports");
        assert_eq!(modules("v1.2/index.handler")[0], "v1.2/index.js");
    }

    #[test]
    fn only_what_belongs_to_the_function_counts() {
        let files = ["a/index.js", "ab/index.js", "a/node_modules/x/index.js", "a/lib/b.js", "index.js"];
        let files = files.map(str::to_owned);
        assert_eq!(sources(&files, Path::new("a")), [Path::new("index.js"), Path::new("lib/b.js")]);
        for (path, noise) in [
            ("node_modules/.bin/tsc", true),
            ("node_modules/.package-lock.json", true),
            ("node_modules/a/node_modules/.cache/x", true),
            ("node_modules/a/.eslintrc", false),
            ("src/.hidden", false),
        ] {
            assert_eq!(is_noise(Path::new(path)), noise, "{path}");
        }
    }
}
