//! Files: written beside and renamed, so that a reader or a kill never sees half of one; and locks between processes.

use super::events;
use crate::error::Hint;
use anyhow::{Context, Result};
use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::time::{Duration, Instant};

/// Another process may be installing the same tool; a slow network takes minutes, not more.
pub(super) const PATIENCE: Duration = Duration::from_secs(600);

/// Writes the whole file or leaves the old one.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    write_with_mode(path, bytes, 0o644)
}

/// The same for a program.
pub(crate) fn write_executable(path: &Path, bytes: &[u8]) -> Result<()> {
    write_with_mode(path, bytes, 0o755)
}

fn write_with_mode(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    let attempt = || -> Result<()> {
        let folder = path.parent().context("the path has no folder")?;
        fs::create_dir_all(folder)?;
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(bytes)?;
        file.as_file().set_permissions(fs::Permissions::from_mode(mode))?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    };
    attempt()
        .with_context(|| format!("cannot write `{}`", path.display()))
        .hint("check that there is free space and that the folder may be written to")
}

/// What a file holds, and whether it is a program.
pub(crate) fn read(path: &Path) -> std::io::Result<(Vec<u8>, bool)> {
    let contents = fs::read(path)?;
    let is_program = fs::metadata(path)?.permissions().mode() & 0o100 != 0;
    Ok((contents, is_program))
}

/// What a folder is, wherever it is moved to; a copy is another. `None` where there is none.
pub(crate) fn identity(path: &Path) -> Option<(u64, u64)> {
    let meta = fs::metadata(path).ok()?;
    Some((meta.dev(), meta.ino()))
}

/// Holds a lock file until it is dropped; the system frees it when the process dies, however it dies.
#[derive(Debug)]
pub(crate) struct Lock(#[expect(dead_code, reason = "closing the file is what frees the lock")] File);

/// Takes the lock, waiting for another `cargo xtask` at most as long as said.
pub(crate) fn lock(path: &Path, patience: Duration) -> Result<Lock> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot make the folder `{}`", folder.display()))?;
    }
    let file = File::create(path).with_context(|| format!("cannot open the lock file `{}`", path.display()))?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => events::quietly("wait", || wait(&file, path, patience))?,
        Err(TryLockError::Error(error)) => {
            return Err(error).with_context(|| format!("cannot lock `{}`", path.display()));
        }
        Ok(()) => {}
    }
    Ok(Lock(file))
}

fn wait(file: &File, path: &Path, patience: Duration) -> Result<()> {
    let started = Instant::now();
    while started.elapsed() < patience {
        if file.try_lock().is_ok() {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Err(anyhow::anyhow!("another `cargo xtask` has held `{}` for {} s", path.display(), patience.as_secs()))
        .hint("wait for it to end, or look for it with `ps` and stop it, then run this again")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_leaves_the_old_file_and_no_other() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("kept");
        write(&path, b"old")?;
        // A folder where the file should be: the rename fails after everything was written.
        let taken = folder.path().join("taken");
        fs::create_dir_all(taken.join("full"))?;
        assert!(write(&taken, b"new").is_err());
        assert_eq!(fs::read(&path)?, b"old");
        assert_eq!(fs::read_dir(folder.path())?.count(), 2);
        Ok(())
    }

    #[test]
    fn a_lock_is_waited_for_with_a_bound() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("lock");
        let held = lock(&path, Duration::ZERO)?;
        assert!(lock(&path, Duration::from_millis(60)).is_err());
        drop(held);
        // A process that another test starts has the file open too, until it is another program.
        lock(&path, Duration::from_secs(10))?;
        Ok(())
    }
}
