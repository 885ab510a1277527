//! The zip that Lambda gets. The same files make the same bytes on every machine, so that a digest tells whether
//! anything changed.

use super::elf::{Architecture, GlibcVersion};
use super::units::bytes;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use std::{
    fmt,
    io::{Cursor, Read as _, Write as _},
    path::PathBuf,
};
use zip::{CompressionMethod, DateTime, System, ZipArchive, ZipWriter, result::ZipError, write::SimpleFileOptions};

/// Bytes of a zip that is uploaded directly: 50 MB, which AWS counts as MiB.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
pub(crate) const MAX_ZIPPED: u64 = 52_428_800;

/// Bytes of a package's files when unzipped: 250 MB, which AWS counts as MiB. The same page as [`MAX_ZIPPED`].
pub(crate) const MAX_UNZIPPED: u64 = 262_144_000;

/// zlib's own default: higher levels take far longer on a binary and save next to nothing.
const LEVEL: i64 = 6;
/// A third of the bytes to upload, for a tenth of a second.
const QUICK: i64 = 1;

/// A package that was built.
#[derive(Debug, Serialize)]
pub(crate) struct Package {
    pub(crate) function: String,
    pub(crate) path: PathBuf,
    pub(crate) bytes: u64,
    #[serde(rename = "sha256")]
    pub(crate) digest: Digest,
    pub(crate) architecture: Architecture,
    /// What Lambda runs it with, and what it starts in it.
    pub(crate) runtime: String,
    pub(crate) handler: String,
    #[serde(flatten)]
    pub(crate) maker: Maker,
    /// Whether it was made before, of the same, and not by this run.
    pub(crate) kept: bool,
}

/// What has made a package.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Maker {
    Rust {
        /// The newest glibc symbol it needs; null for a static executable.
        glibc: Option<GlibcVersion>,
        /// The compiler: release, commit and date.
        rustc: String,
        /// Whether it is the one that the workspace names, so that the bytes are those of any other machine.
        rustc_is_pinned: bool,
    },
    Node {
        /// The release that its build script ran with.
        node: String,
    },
}

impl fmt::Display for Package {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { function, digest, architecture, .. } = self;
        let runs = match &self.maker {
            Maker::Rust { glibc: Some(glibc), .. } => format!("glibc {glibc}"),
            Maker::Rust { glibc: None, .. } => "static".to_owned(),
            Maker::Node { .. } => self.runtime.clone(),
        };
        let kept = if self.kept { ", kept" } else { "" };
        write!(f, "{function}  {}  sha256 {}  {architecture}, {runs}{kept}", bytes(self.bytes), &digest.hex[..12])
    }
}

/// Why there is no package.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum PackageError {
    /// Lambda would refuse what comes out of the zip.
    TooBigUnzipped { bytes: u64, max: u64 },
    /// Lambda would refuse the upload.
    TooBigZipped { bytes: u64, max: u64 },
    /// The zip cannot be written, for example because a name is given twice.
    Zip(String),
}

impl fmt::Display for PackageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (bytes, what, max) = match self {
            Self::TooBigUnzipped { bytes, max } => (bytes, "unzipped", max),
            Self::TooBigZipped { bytes, max } => (bytes, "zipped", max),
            Self::Zip(reason) => return write!(f, "cannot write the zip: {reason}"),
        };
        write!(f, "the package has {bytes} bytes {what}, but Lambda takes at most {max}")
    }
}

impl std::error::Error for PackageError {}

/// Zips files given as name, contents and Unix mode, in whatever order.
pub(crate) fn zip(entries: &[(&str, &[u8], u32)]) -> Result<Vec<u8>, PackageError> {
    zip_within(entries, MAX_ZIPPED, MAX_UNZIPPED)
}

/// A program's zip for this machine alone, made in no time.
pub(crate) fn quick_zip(name: &str, program: &[u8]) -> Result<Vec<u8>, PackageError> {
    write(&[(name, program, 0o755)], QUICK).map_err(|error| PackageError::Zip(error.to_string()))
}

fn zip_within(entries: &[(&str, &[u8], u32)], max_zipped: u64, max_unzipped: u64) -> Result<Vec<u8>, PackageError> {
    let unzipped = entries.iter().map(|(_, contents, _)| contents.len() as u64).sum();
    if unzipped > max_unzipped {
        return Err(PackageError::TooBigUnzipped { bytes: unzipped, max: max_unzipped });
    }
    let mut entries = entries.to_vec();
    entries.sort_unstable_by_key(|(name, ..)| *name);
    if let Some(pair) = entries.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        return Err(PackageError::Zip(format!("`{}` is given twice", pair[0].0)));
    }
    let zipped = write(&entries, LEVEL).map_err(|error| PackageError::Zip(error.to_string()))?;
    match zipped.len() as u64 {
        bytes if bytes > max_zipped => Err(PackageError::TooBigZipped { bytes, max: max_zipped }),
        _ => Ok(zipped),
    }
}

fn write(entries: &[(&str, &[u8], u32)], level: i64) -> zip::result::ZipResult<Vec<u8>> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, contents, mode) in entries {
        // Everything is said, for what is left out comes from the system or the clock.
        let options = SimpleFileOptions::default()
            .system(System::Unix)
            .compression_method(CompressionMethod::Deflated)
            .compression_level(Some(level))
            .last_modified_time(DateTime::DEFAULT) // 1980-01-01 00:00:00, the earliest there is
            .unix_permissions(*mode);
        writer.start_file(*name, options)?;
        writer.write_all(contents)?;
    }
    Ok(writer.finish()?.into_inner())
}

/// A file of a zip.
///
/// # Errors
/// It is none, has no such file, what comes out of it is not what went in, or is more than Lambda takes.
pub(crate) fn unzip(zip: &[u8], name: &str) -> zip::result::ZipResult<Vec<u8>> {
    unzip_within(zip, name, MAX_UNZIPPED)
}

fn unzip_within(zip: &[u8], name: &str, max: u64) -> zip::result::ZipResult<Vec<u8>> {
    let mut contents = Vec::new();
    ZipArchive::new(Cursor::new(zip))?.by_name(name)?.take(max + 1).read_to_end(&mut contents)?;
    match contents.len() as u64 {
        bytes if bytes > max => Err(ZipError::InvalidArchive("a file is larger than Lambda takes".into())),
        _ => Ok(contents),
    }
}

/// A SHA-256: in hex for people and file names, in base64 because Lambda's `CodeSha256` is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Digest {
    pub(crate) hex: String,
    pub(crate) base64: String,
}

/// The digest of these bytes.
pub(crate) fn sha256(bytes: &[u8]) -> Digest {
    let digest = Sha256::digest(bytes);
    Digest { hex: digest.iter().map(|byte| format!("{byte:02x}")).collect(), base64: BASE64_STANDARD.encode(digest) }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test ends where something is missing")]
mod tests {
    use super::*;

    const BOOTSTRAP: (&str, &[u8], u32) = ("bootstrap", b"the program, the program, the program\n", 0o755);
    const NOTICE: (&str, &[u8], u32) = ("NOTICE", b"the licences\n", 0o644);

    /// What a machine, user, clock or a new release of a dependency must not change. When a dependency does change it,
    /// every function gets a new version once: then this constant is to be renewed, and the changelog to say so.
    #[test]
    fn the_bytes_are_known() {
        let zipped = zip(&[BOOTSTRAP, NOTICE]).unwrap();
        assert_eq!(sha256(&zipped).hex, "4389276ff0dff0b9d8635c87146c4598533cb761ecd314a732c9010a103848f6");
    }

    #[test]
    fn order_does_not_matter() {
        assert_eq!(zip(&[BOOTSTRAP, NOTICE]), zip(&[NOTICE, BOOTSTRAP]));
    }

    #[test]
    fn no_more_is_unzipped_than_lambda_takes() {
        let zipped = zip(&[BOOTSTRAP, NOTICE]).unwrap();
        let length = BOOTSTRAP.1.len() as u64;
        assert_eq!(unzip_within(&zipped, BOOTSTRAP.0, length).unwrap(), BOOTSTRAP.1);
        assert!(unzip_within(&zipped, BOOTSTRAP.0, length - 1).is_err());
    }

    #[test]
    fn reads_back() {
        let mut archive = ZipArchive::new(Cursor::new(zip(&[BOOTSTRAP, NOTICE]).unwrap())).unwrap();
        assert_eq!(archive.len(), 2);
        for (index, (name, contents, mode)) in [NOTICE, BOOTSTRAP].into_iter().enumerate() {
            let mut file = archive.by_index(index).unwrap();
            assert_eq!(file.name().unwrap(), name);
            assert_eq!(file.unix_mode().unwrap() & 0o777, mode);
            assert_eq!(file.last_modified().unwrap().to_string(), "1980-01-01 00:00:00");
            let mut read = Vec::new();
            file.read_to_end(&mut read).unwrap();
            assert_eq!(read, contents);
        }
    }

    #[test]
    fn no_extra_fields() {
        let zipped = zip(&[BOOTSTRAP]).unwrap();
        let half = |at: usize| u16::from_le_bytes([zipped[at], zipped[at + 1]]);
        assert!(zipped.starts_with(b"PK\x03\x04"));
        assert_eq!(half(28), 0, "the local header's");
        let central = zipped.windows(4).position(|four| four == b"PK\x01\x02").unwrap();
        assert_eq!(half(central + 30), 0, "the central header's");
        assert_eq!(half(central + 32), 0, "its comment");
        assert_eq!(zipped[central + 5], 3, "made on Unix, or the mode means nothing");
    }

    #[test]
    fn names_come_once() {
        let error = zip(&[BOOTSTRAP, NOTICE, BOOTSTRAP]).unwrap_err();
        assert_eq!(error.to_string(), "cannot write the zip: `bootstrap` is given twice");
    }

    #[test]
    fn limits_are_inclusive() {
        let unzipped = (BOOTSTRAP.1.len() + NOTICE.1.len()) as u64;
        let zipped = zip(&[BOOTSTRAP, NOTICE]).unwrap().len() as u64;
        let within = |max_zipped, max_unzipped| zip_within(&[BOOTSTRAP, NOTICE], max_zipped, max_unzipped).map(drop);
        assert_eq!(within(zipped, unzipped), Ok(()));
        assert_eq!(
            within(zipped, unzipped - 1),
            Err(PackageError::TooBigUnzipped { bytes: unzipped, max: unzipped - 1 })
        );
        assert_eq!(within(zipped - 1, unzipped), Err(PackageError::TooBigZipped { bytes: zipped, max: zipped - 1 }));
    }

    #[test]
    fn refuses_what_lambda_would() {
        // Refused by its length, so the zeros are never touched, let alone zipped.
        let zeros = vec![0; 262_144_001];
        let error = zip(&[("bootstrap", &zeros, 0o755)]).unwrap_err();
        assert_eq!(error, PackageError::TooBigUnzipped { bytes: 262_144_001, max: 262_144_000 });
        assert_eq!(error.to_string(), "the package has 262144001 bytes unzipped, but Lambda takes at most 262144000");
    }

    #[test]
    fn digests_are_the_standards() {
        let digest = sha256(b"abc");
        assert_eq!(digest.hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(digest.base64, "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=");
    }
}
