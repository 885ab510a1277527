//! Packages that were made before, of the very same: they are kept under the digest of what they were made from, and taken
//! from there instead of being made again. So a second work tree needs no compiler, and a deploy asks cargo only about the
//! functions that have changed.

use crate::model::function::{Function, Source};
use crate::model::package::sha256;
use crate::model::recipe;
use crate::project::Project;
use crate::tools::git::Git;
use crate::tools::{events, files, node};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// How long a package is kept that nobody takes.
const KEPT: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Where packages are kept.
#[derive(Debug)]
pub(super) struct Shelf<'a> {
    project: &'a Project,
    folder: PathBuf,
    /// All files that git does not ignore.
    files: Vec<String>,
}

/// Where the package lies that is made of this and nothing else, once it was made.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The digest of what it is made from, in hex.
    pub(super) recipe: String,
    folder: PathBuf,
    /// The release of what makes it: of a crate's packages that of the compiler which the workspace names, as others may make
    /// other bytes, and of theirs nothing is kept.
    pub(super) maker: String,
    files: BTreeSet<PathBuf>,
    /// What build scripts write comes of these files too.
    builds: PathBuf,
}

impl<'a> Shelf<'a> {
    /// `None` where nothing is kept: git does not know the workspace, the machine has no place for packages, or
    /// `PACKAGE_CACHE` is empty.
    pub(super) fn open(project: &'a Project) -> Option<Self> {
        let folder = folder()?;
        let files = Git::open(&project.root).and_then(|git| git.files()).ok()?;
        Some(Self { project, folder, files })
    }

    /// A function's place; `None` where not all that it is made from lies in the workspace, or the workspace names no compiler.
    pub(super) fn place(&self, function: &Function) -> Option<Place> {
        let root = &self.project.root;
        let (folders, maker) = match &function.source {
            Source::Crate { crates, .. } => (crates.clone()?, self.project.names.rustc.clone()?),
            Source::Node { .. } => {
                (vec![function.folder.strip_prefix(root).ok()?.to_str()?.to_owned()], node::version(root).ok()?)
            }
        };
        let parts = self.files.iter().filter(|path| recipe::is_part(&function.source, &folders, path));
        // What git lists and is no file, as a link to a folder, is no part of it.
        let read = |path: &String| {
            let (contents, is_program) = files::read(&root.join(path)).ok()?;
            let digest = Sha256::new_with_prefix(contents).chain_update([u8::from(is_program)]);
            Some((path.clone(), digest.finalize().into()))
        };
        let parts: BTreeMap<_, _> = parts.filter_map(read).collect();
        let recipe = recipe::digest(function, &maker, &parts);
        Some(Place {
            folder: self.folder.join(&recipe),
            recipe,
            maker,
            files: parts.keys().map(|path| root.join(path)).collect(),
            builds: self.project.builds(),
        })
    }
}

impl Place {
    /// The package, if there is one, and but one.
    pub(super) fn take(&self) -> Option<Vec<u8>> {
        let [path] = &self.packages()[..] else { return None };
        let zip = std::fs::read(path).ok()?;
        // It lies under its own digest, so that nothing else is taken for it.
        if path.file_stem()?.to_str()? != sha256(&zip).hex {
            return None;
        }
        // So that it stays. If that fails, it has been taken all the same.
        drop(std::fs::File::open(path).and_then(|file| file.set_modified(SystemTime::now())));
        Some(zip)
    }

    /// Whether all that the compiler has read for a package is what it is known by.
    pub(super) fn knows(&self, sources: &[PathBuf]) -> bool {
        sources.iter().all(|path| self.files.contains(path) || path.starts_with(&self.builds))
    }

    /// Keeps a package for later runs: where it cannot be done, this one has lost nothing.
    pub(super) fn keep(&self, zip: &[u8]) {
        let path = self.folder.join(format!("{}.zip", sha256(zip).hex));
        for other in self.packages().into_iter().filter(|other| *other != path) {
            events::warn(
                &format!(
                    "`{}` was kept as made of the same files, and is another package: it is removed",
                    other.display()
                ),
                "a build script of the function may read the clock or the network; what was deployed, `cargo xtask verify` judges",
            );
            drop(std::fs::remove_file(other));
        }
        drop(files::write(&path, zip));
        self.forget();
    }

    fn packages(&self) -> Vec<PathBuf> {
        let is_package = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "zip");
        entries(&self.folder).filter(is_package).collect()
    }

    /// Removes what nobody has taken for long.
    fn forget(&self) {
        let is_old = |path: PathBuf| {
            let taken = path.metadata().and_then(|meta| meta.modified()).ok();
            taken.and_then(|taken| taken.elapsed().ok()).is_some_and(|age| age > KEPT)
        };
        // Others may have something in a folder that somebody has named.
        let is_place = |folder: &PathBuf| {
            let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
        };
        for place in self.folder.parent().into_iter().flat_map(entries).filter(is_place) {
            if entries(&place).all(is_old) {
                drop(std::fs::remove_dir_all(place));
            }
        }
    }
}

fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> {
    std::fs::read_dir(folder).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()))
}

/// `PACKAGE_CACHE`, or else a folder in the user's cache.
fn folder() -> Option<PathBuf> {
    let is_whole = |path: &PathBuf| path.is_absolute();
    if let Some(named) = std::env::var_os("PACKAGE_CACHE") {
        return Some(PathBuf::from(named)).filter(is_whole);
    }
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(is_whole);
    Some(cache.or_else(|| Some(std::env::home_dir()?.join(".cache")))?.join("lambda-packages"))
}
