//! What Terraform reads in a root: not only its own files, but whatever `file()` and its kin may name.

use crate::model::package::sha256;
use crate::model::secrets;
use anyhow::{Context, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

/// All that Terraform could read in a root: the files below it but for those that it ignores, and those elsewhere that its
/// own files name. By path, as bytes.
#[derive(Debug, Default)]
pub(crate) struct Sources(BTreeMap<PathBuf, Vec<u8>>);

/// A search through folders. Links are followed, each folder is entered once, and none that holds the root.
struct Search<'a> {
    root: &'a Path,
    entered: BTreeSet<PathBuf>,
    found: BTreeMap<PathBuf, Vec<u8>>,
}

impl Sources {
    /// `elsewhere` are the paths below the root that are no part of it.
    ///
    /// # Errors
    /// The root itself cannot be read. What else cannot be is Terraform's to complain of, if it reads it at all.
    pub(crate) fn read(root: &Path, elsewhere: &[&str]) -> Result<Self> {
        let real = root.canonicalize().with_context(|| format!("cannot read `{}`", root.display()))?;
        let mut search = Search { root: &real, entered: BTreeSet::new(), found: BTreeMap::new() };
        search.enter(&real, &|path| {
            let below = path.strip_prefix(&real).unwrap_or(path);
            !elsewhere.iter().any(|other| below == Path::new(other))
        });
        let mut open: Vec<_> = search.found.keys().cloned().collect();
        while let Some(next) = open.pop() {
            let before: BTreeSet<_> = search.found.keys().cloned().collect();
            search.follow(&next);
            open.extend(search.found.keys().filter(|path| !before.contains(*path)).cloned());
        }
        Ok(Self(search.found.into_iter().map(|(path, bytes)| (relative(&real, &path), bytes)).collect()))
    }

    /// Of all of it.
    pub(crate) fn digest(&self) -> String {
        digest(self.0.iter())
    }

    /// Of what names modules and providers, which are installed by it.
    pub(super) fn configuration(&self) -> String {
        digest(self.0.iter().filter(|(path, _)| is_configuration(path) || is_named(path, &[LOCK])))
    }

    /// What looks like a secret in Terraform's own files or in those of variables, but for what the `public` names hold.
    pub(crate) fn secrets(&self, public: &BTreeSet<String>) -> Vec<String> {
        let said = self.0.iter().filter(|(path, _)| is_configuration(path) || is_named(path, &[".tfvars.json"]));
        let found = said.flat_map(|(path, bytes)| {
            secrets::found(&path.display().to_string(), &String::from_utf8_lossy(bytes), public)
        });
        found.collect()
    }

    /// Terraform's own files, as texts.
    pub(crate) fn texts(&self) -> impl Iterator<Item = String> {
        let own = self.0.iter().filter(|(path, _)| is_configuration(path));
        own.map(|(_, bytes)| String::from_utf8_lossy(bytes).into_owned())
    }
}

const LOCK: &str = ".terraform.lock.hcl";

fn digest<'a>(files: impl Iterator<Item = (&'a PathBuf, &'a Vec<u8>)>) -> String {
    let lines = files.flat_map(|(path, bytes)| {
        let length = format!(" {} {}\n", path.as_os_str().len(), sha256(bytes).hex);
        [path.as_os_str().as_encoded_bytes(), length.as_bytes()].concat()
    });
    sha256(&lines.collect::<Vec<u8>>()).hex
}

fn is_named(path: &Path, ends: &[&str]) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    ends.iter().any(|end| name.ends_with(end))
}

fn is_configuration(path: &Path) -> bool {
    is_named(path, &[".tf", ".tf.json"])
}

/// What editors and Terraform itself leave behind. Terraform ignores such names among its own files
/// (<https://developer.hashicorp.com/terraform/language/files>), but not among those that set variables.
fn is_ignored(name: &str) -> bool {
    let left = name.starts_with('.') || name.ends_with('~') || name.starts_with('#') && name.ends_with('#');
    let read = name == LOCK || name.ends_with(".auto.tfvars") || name.ends_with(".auto.tfvars.json");
    left && !read || name.contains(".tfstate")
}

impl Search<'_> {
    fn enter(&mut self, folder: &Path, belongs: &dyn Fn(&Path) -> bool) {
        let Ok(real) = folder.canonicalize() else { return };
        let above = real != *self.root && self.root.starts_with(&real);
        if above || !self.entered.insert(real) {
            return;
        }
        // Gone meanwhile, or not for us to read: nothing that Terraform could read either.
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if !is_ignored(&entry.file_name().to_string_lossy()) && belongs(&path) {
                self.take(&path, belongs);
            }
        }
    }

    fn take(&mut self, path: &Path, belongs: &dyn Fn(&Path) -> bool) {
        // Of a link, what it leads to; of one that leads nowhere, nothing. A pipe would be waited for.
        let Ok(meta) = fs::metadata(path) else { return };
        if meta.is_dir() {
            self.enter(path, belongs);
        } else if meta.is_file() {
            match fs::read(path) {
                Ok(bytes) => drop(self.found.insert(path.to_path_buf(), bytes)),
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                // It is there, and Terraform may be refused it.
                Err(_) => drop(self.found.insert(path.to_path_buf(), Vec::new())),
            }
        }
    }

    /// Takes what the texts in one of Terraform's own files name: modules and files beside the root, or with a name that is
    /// ignored otherwise. A path that is put together of parts is not seen, nor one that is not of this checkout.
    fn follow(&mut self, file: &Path) {
        if !is_configuration(file) {
            return;
        }
        let text = String::from_utf8_lossy(&self.found[file]).into_owned();
        let module = file.parent().unwrap_or(file).to_path_buf();
        for literal in literals(&text) {
            for (prefix, base) in [
                ("${path.module}/", module.as_path()),
                ("${path.root}/", self.root),
                ("${path.cwd}/", self.root),
                ("", module.as_path()),
                ("", self.root),
            ] {
                let Some(rest) = literal.strip_prefix(prefix) else { continue };
                let named = Path::new(rest);
                if rest.is_empty() || rest.contains("${") || named.is_absolute() {
                    continue;
                }
                let path = normal(&base.join(named));
                // What lies below the root was found, or is no part of it.
                let leads_out = rest.split('/').any(|part| part == "..") && !path.starts_with(self.root);
                if leads_out
                    || path.is_file() && path.file_name().is_some_and(|name| is_ignored(&name.to_string_lossy()))
                {
                    self.take(&path, &|_| true);
                }
            }
        }
    }
}

/// What stands between quotation marks.
fn literals(text: &str) -> impl Iterator<Item = &str> {
    text.lines().flat_map(|line| line.split('"').skip(1).step_by(2)).map(|literal| literal.trim_end_matches('\\'))
}

/// Without `.` and `..`, as far as those can be told from the text alone.
fn normal(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut made, part| {
        match part {
            Component::CurDir => {}
            Component::ParentDir => drop(made.pop()),
            other => made.push(other),
        }
        made
    })
}

/// From the root, so that the same checkout elsewhere has the same digest.
fn relative(root: &Path, path: &Path) -> PathBuf {
    let common = root.ancestors().find(|folder| path.starts_with(folder)).unwrap_or(root);
    let up = root.strip_prefix(common).map_or(0, |below| below.components().count());
    let mut made: PathBuf = (0..up).map(|_| "..").collect();
    made.push(path.strip_prefix(common).unwrap_or(path));
    made
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;
    use tempfile::TempDir;

    /// A checkout with a root `terraform` in it.
    struct Checkout(TempDir);

    impl Checkout {
        fn new() -> Self {
            let checkout = Self(tempfile::tempdir().expect("a folder"));
            checkout.write("terraform/main.tf", "resource \"x\" \"y\" {}\n");
            checkout
        }

        fn write(&self, name: &str, text: &str) {
            let path = self.0.path().join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(path, text).expect("a file");
        }

        fn digest(&self) -> String {
            let root = self.0.path().join("terraform");
            Sources::read(&root, &["bootstrap", "output.json"]).expect("it is read").digest()
        }

        /// Whether the digest is another once there is such a file, and once that has changed.
        fn sees(&self, name: &str) -> bool {
            let before = self.digest();
            self.write(name, "one");
            let made = self.digest();
            self.write(name, "two");
            let changed = self.digest();
            fs::remove_file(self.0.path().join(name)).expect("it was made");
            let [made, changed] = [made != before, changed != made];
            assert_eq!(made, changed, "{name} is seen, and its contents are not");
            changed
        }
    }

    #[test]
    fn all_that_terraform_could_read_is_seen() {
        let checkout = Checkout::new();
        for name in [
            "other.tf",
            "json.tf.json",
            "terraform.tfvars",
            "some.auto.tfvars",
            "some.auto.tfvars.json",
            ".hidden.auto.tfvars",
            ".terraform.lock.hcl",
            "policy.json",
            "templates/user data.tftpl",
            "modules/function/main.tf",
            "certificate.der",
            "ü",
            "#no comment",
            "main_override.tf",
        ] {
            assert!(checkout.sees(&format!("terraform/{name}")), "{name}");
        }
        // Bytes that are no text, in a name that is none.
        let before = checkout.digest();
        let odd = checkout.0.path().join("terraform").join(std::ffi::OsStr::from_bytes(b"od\xffd"));
        fs::write(&odd, [0xff, 0xfe, 0]).expect("a file");
        let made = checkout.digest();
        fs::write(&odd, [0xff, 0xfe, 1]).expect("a file");
        assert!(made != before && checkout.digest() != made);
    }

    #[test]
    fn what_terraform_ignores_is_not_seen() {
        let checkout = Checkout::new();
        for name in [
            ".main.tf.swp",
            "main.tf~",
            "#main.tf#",
            ".terraform/modules/modules.json",
            "modules/.terraform/x.tf",
            ".idea/workspace.xml",
            "terraform.tfstate",
            "terraform.tfstate.backup",
            "output.json",
            "bootstrap/main.tf",
            "../README.md",
        ] {
            assert!(!checkout.sees(&format!("terraform/{name}")), "{name}");
        }
    }

    #[test]
    fn links_and_what_is_no_file() {
        let checkout = Checkout::new();
        let root = checkout.0.path().join("terraform");
        let before = checkout.digest();
        // An editor's lock, a link that leads nowhere, one to itself, a circle, one above the root, a pipe.
        for (to, name) in [
            ("ann@box.123:456", ".#main.tf"),
            ("/nowhere", "gone.tf"),
            ("itself", "itself"),
            (".", "circle"),
            ("..", "above"),
            ("/", "all"),
        ] {
            symlink(to, root.join(name)).expect("a link");
        }
        let pipe = std::process::Command::new("mkfifo").arg(root.join("pipe")).status();
        assert!(pipe.is_ok_and(|status| status.success()));
        assert_eq!(checkout.digest(), before);
        // What a link leads to is read.
        checkout.write("shared/policy.json", "one");
        symlink("../shared", root.join("shared")).expect("a link");
        assert!(checkout.digest() != before);
        assert!(checkout.sees("shared/new.json"));
    }

    #[test]
    fn what_is_named_elsewhere_is_seen() {
        let checkout = Checkout::new();
        let named =
            ["api/openapi.json", "api/sub/openapi.json", "modules/one/main.tf", "modules/one/policy.json", "far/x"];
        for name in named {
            assert!(!checkout.sees(name), "{name} is named by nobody");
        }
        checkout.write(
            "terraform/api.tf",
            "module \"one\" { source = \"../modules/one\" }\nx = file(\"${path.module}/../api/openapi.json\")\n\
             y = templatefile(\"${path.root}/../api/sub/openapi.json\", {})\nz = file(\"${path.module}/.hidden\")\n",
        );
        checkout.write("modules/one/main.tf", "x = file(\"${path.module}/../../far/x\")\n");
        for name in
            ["api/openapi.json", "api/sub/openapi.json", "modules/one/policy.json", "far/x", "terraform/.hidden"]
        {
            assert!(checkout.sees(name), "{name}");
        }
        for name in ["api/other.json", "terraform/.other", "modules/two/main.tf"] {
            assert!(!checkout.sees(name), "{name}");
        }
        // A path of this machine, or the whole checkout, is no part of it.
        let before = checkout.digest();
        checkout.write("terraform/api.tf", "x = \"/etc/hostname\"\ny = \"/tmp\"\nz = \"..\"\nu = \"../\"\nv = \"\"\n");
        assert!(checkout.digest() != before);
        assert!(!checkout.sees("api/openapi.json") && !checkout.sees("README.md"));
    }

    #[test]
    fn a_moved_checkout_has_the_same() {
        let [one, two] = [Checkout::new(), Checkout::new()];
        for checkout in [&one, &two] {
            checkout.write("terraform/api.tf", "x = file(\"../api/openapi.json\")\n");
            checkout.write("api/openapi.json", "{}");
        }
        assert_eq!(one.digest(), two.digest());
        assert!(Sources::read(&one.0.path().join("nothing"), &[]).is_err());
    }

    fn name() -> impl Strategy<Value = String> {
        let stems = prop::sample::select(vec!["main", "variables", "policy", "ü", "a b"]);
        let ends =
            prop::sample::select(vec!["", ".tf", ".tf.json", ".auto.tfvars", ".json", ".tftpl", ".tf~", ".tf#", ".sh"]);
        let starts = prop::sample::select(vec!["", "", "", ".", "#", ".#", "sub/", "sub/.terraform/", "a/b/"]);
        (starts, stems, ends).prop_map(|(start, stem, end)| format!("{start}{stem}{end}"))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Said a second time, and by Terraform's rules alone.
        #[test]
        fn any_file_is_seen_if_it_could_be_read(others in prop::collection::btree_set(name(), 0..6), name in name()) {
            let checkout = Checkout::new();
            for other in others.iter().filter(|other| **other != name) {
                checkout.write(&format!("terraform/{other}"), other);
            }
            let ignored = name.split('/').any(|part| {
                let sets = part.ends_with(".auto.tfvars");
                !sets && (part.starts_with('.') || part.ends_with('~') || part.starts_with('#') && part.ends_with('#'))
            });
            prop_assert_eq!(checkout.sees(&format!("terraform/{name}")), !ignored, "{}", name);
        }
    }

    const ALL: &str = r#"variable "word" {
  default = "none"
}

module "inner" {
  source = "../modules/inner"
}

resource "terraform_data" "all" {
  input = {
    word     = var.word
    file     = file("${path.module}/data/policy.json")
    template = templatefile("${path.module}/t/user data.tftpl", { name = "n" })
    names    = join(",", fileset(path.module, "data/**"))
    far      = filesha256("${path.module}/../api/openapi.json")
    inner    = module.inner.value
  }
}
"#;

    /// The real Terraform is asked, with the one resource that needs no provider.
    #[test]
    fn whatever_changes_a_plan_changes_the_digest() {
        let target = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../target"));
        let (program, _) = super::super::pinned::terraform(target).expect("it is there, or installed");
        let checkout = Checkout::new();
        let root = checkout.0.path().join("terraform");
        for (name, text) in [
            ("terraform/main.tf", ALL),
            ("terraform/data/policy.json", "{}"),
            ("terraform/t/user data.tftpl", "${name}"),
            ("api/openapi.json", "{}"),
            ("modules/inner/main.tf", "output \"value\" {\n  value = file(\"${path.module}/word.txt\")\n}\n"),
            ("modules/inner/word.txt", "inner"),
        ] {
            checkout.write(name, text);
        }
        let terraform = |arguments: &[&str]| {
            let mut command = std::process::Command::new(&program);
            command.args(arguments).current_dir(&root).env("CHECKPOINT_DISABLE", "1").env("TF_IN_AUTOMATION", "1");
            command.output().expect("Terraform runs").status.code()
        };
        assert_eq!(terraform(&["init", "-input=false"]), Some(0));
        assert_eq!(terraform(&["apply", "-auto-approve", "-input=false"]), Some(0));
        // An error is a change too: what was applied is not what is there.
        let changes = || terraform(&["plan", "-input=false", "-lock=false", "-detailed-exitcode"]) != Some(0);
        assert!(!changes());
        let before = checkout.digest();
        let seen = |name: &str, text: &str| {
            let path = checkout.0.path().join(name);
            let old = fs::read(&path).ok();
            checkout.write(name, text);
            let (changes, seen) = (changes(), checkout.digest() != before);
            assert!(seen || !changes, "{name} changes the plan, and not the digest:\n{text}");
            match old {
                Some(old) => fs::write(&path, old),
                None => fs::remove_file(&path),
            }
            .expect("it is as before");
            (changes, seen)
        };
        for (name, text) in [
            ("terraform/data/policy.json", "[]"),
            ("terraform/data/new.json", "{}"),
            ("terraform/data/deep/er/x", ""),
            ("terraform/t/user data.tftpl", "${name}!"),
            ("api/openapi.json", "[]"),
            ("modules/inner/word.txt", "other"),
            ("modules/inner/main.tf", "output \"value\" {\n  value = 1\n}\n"),
            ("modules/inner/more.tf.json", r#"{"output": {"value": {"value": 2}}}"#),
            ("terraform/terraform.tfvars", "word = \"one\"\n"),
            ("terraform/terraform.tfvars.json", r#"{"word": "one"}"#),
            ("terraform/some.auto.tfvars", "word = \"two\"\n"),
            ("terraform/some.auto.tfvars.json", r#"{"word": "two"}"#),
            ("terraform/other.tf", "resource \"terraform_data\" \"other\" {}\n"),
            ("terraform/other.tf.json", r#"{"resource": {"terraform_data": {"json": {}}}}"#),
            ("terraform/main_override.tf", "variable \"word\" {\n  default = \"overridden\"\n}\n"),
            ("terraform/override.tf.json", r#"{"variable": {"word": {"default": "overridden"}}}"#),
        ] {
            assert_eq!(seen(name, text), (true, true), "{name}");
        }
        for name in [".other.tf", "other.tf~", "#other.tf#", ".terraform/other.tf", "bootstrap/other.tf", "../other.tf"]
        {
            let found = seen(&format!("terraform/{name}"), "resource \"terraform_data\" \"ignored\" {}\n");
            assert_eq!(found, (false, false), "{name}");
        }
        // Each line left out, or said twice.
        let lines: Vec<_> = ALL.lines().collect();
        for nth in (0..lines.len()).step_by(2) {
            let without = [&lines[..nth], &lines[nth + 1..]].concat().join("\n");
            let twice = [&lines[..=nth], &lines[nth..]].concat().join("\n");
            seen("terraform/main.tf", &without);
            seen("terraform/main.tf", &twice);
        }
        assert_eq!(checkout.digest(), before);
    }
}
