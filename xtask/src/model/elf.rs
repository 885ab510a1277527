//! Would this program start in Lambda? Read from its bytes, because what a toolchain was asked for is not always what
//! it made, and Lambda only says `Runtime.ExitError` once the version is published.

use object::{
    LittleEndian as LE, ReadRef,
    elf::{self, FileHeader64, ProgramHeader64, Vernaux, Verneed},
    read::elf::{Dyn as _, FileHeader as _, ProgramHeader as _},
};
use serde::{Deserialize, Serialize, Serializer};
use std::{fmt, str::FromStr};

/// The glibc of `provided.al2023`, which is Amazon Linux 2023's.
/// <https://docs.aws.amazon.com/linux/al2023/ug/core-glibc.html>
pub(crate) const RUNTIME_GLIBC: GlibcVersion = GlibcVersion(2, 34);

/// The libraries that `provided.al2023` has for any program: glibc's own and GCC's, which Rust unwinds with. What else the
/// image holds is there for its package manager, and promised to nobody.
/// <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-provided.html>
const LIBRARIES: [&str; 13] = [
    "ld-linux-aarch64.so.1",
    "ld-linux-x86-64.so.2",
    "libBrokenLocale.so.1",
    "libanl.so.1",
    "libc.so.6",
    "libdl.so.2",
    "libgcc_s.so.1",
    "libm.so.6",
    "libmvec.so.1",
    "libpthread.so.0",
    "libresolv.so.2",
    "librt.so.1",
    "libutil.so.1",
];

/// A processor that Lambda offers, under Lambda's name for it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) enum Architecture {
    #[default]
    #[serde(rename = "x86_64")]
    X86_64,
    #[serde(rename = "arm64")]
    Arm64,
}

impl Architecture {
    /// The Rust target that is built for it.
    pub(crate) fn target(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64-unknown-linux-gnu",
            Self::Arm64 => "aarch64-unknown-linux-gnu",
        }
    }

    /// Where glibc's loader lies: part of each platform's ABI, and of every program linked for it.
    fn loader(self) -> &'static str {
        match self {
            Self::X86_64 => "/lib64/ld-linux-x86-64.so.2",
            Self::Arm64 => "/lib/ld-linux-aarch64.so.1",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Arm64 => "arm64",
        }
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Text that is not the name of an architecture.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct UnknownArchitecture(String);

impl fmt::Display for UnknownArchitecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not an architecture of Lambda: `x86_64` or `arm64`", self.0)
    }
}

impl std::error::Error for UnknownArchitecture {}

impl FromStr for Architecture {
    type Err = UnknownArchitecture;
    fn from_str(text: &str) -> Result<Self, UnknownArchitecture> {
        [Self::X86_64, Self::Arm64]
            .into_iter()
            .find(|architecture| architecture.name() == text)
            .ok_or_else(|| UnknownArchitecture(text.to_owned()))
    }
}

/// A version of glibc, major and minor. (Its third number, as in `GLIBC_2.2.5`, ended with 2.3.4 and decides nothing.)
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct GlibcVersion(pub(crate) u32, pub(crate) u32);

impl GlibcVersion {
    /// The glibc that first offers a symbol version, given without its `GLIBC_`. `None` when nobody can tell.
    fn offering(version: &str) -> Option<Self> {
        // No symbol but a request for packed relocations, which an older loader refuses by this name.
        if version == "ABI_DT_RELR" {
            return Some(Self(2, 36));
        }
        let mut numbers = version.split('.').map(|number| number.parse().ok());
        match (numbers.next()??, numbers.next()??, numbers.next(), numbers.next()) {
            (major, minor, None | Some(Some(_)), None) => Some(Self(major, minor)),
            _ => None,
        }
    }
}

impl fmt::Display for GlibcVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

impl Serialize for GlibcVersion {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A program that Lambda can start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Executable {
    pub(crate) architecture: Architecture,
    /// The oldest glibc it runs on; `None` when it needs none.
    pub(crate) glibc: Option<GlibcVersion>,
}

/// Why Lambda could not start a file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ElfError {
    /// Not an ELF file at all.
    NotElf,
    /// ELF, but nothing to start: says what it is instead.
    NotExecutable(&'static str),
    /// For another processor or system.
    WrongArchitecture { expected: Architecture, found: String },
    /// Asks for a newer glibc than the runtime has; `symbol` is the version it names.
    GlibcTooNew { found: GlibcVersion, symbol: String, max: GlibcVersion },
    /// Asks glibc for something that has no version number, such as `GLIBC_PRIVATE`.
    GlibcUnknown { symbol: String },
    /// Asks for a loader that the runtime does not have, such as musl's.
    WrongLoader { expected: &'static str, found: String },
    /// Asks for libraries that the runtime does not have.
    LibrariesMissing(Vec<String>),
    /// Damaged: says where.
    Malformed(&'static str),
}

impl fmt::Display for ElfError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotElf => write!(f, "not an ELF file"),
            Self::NotExecutable(what) => write!(f, "not an executable but {what}"),
            Self::WrongArchitecture { expected, found } => {
                write!(f, "built for `{found}`, but the function runs on `{expected}`")
            }
            Self::GlibcTooNew { found, symbol, max } => {
                write!(f, "needs glibc `{found}` (for `{symbol}`), but the runtime has `{max}`")
            }
            Self::GlibcUnknown { symbol } => {
                write!(f, "needs `{symbol}`, which no known glibc promises")
            }
            Self::WrongLoader { expected, found } => {
                write!(f, "wants the loader `{found}`, but the runtime has `{expected}`")
            }
            Self::LibrariesMissing(libraries) => {
                write!(f, "needs `{}`, which the runtime does not have", libraries.join("`, `"))
            }
            Self::Malformed(place) => write!(f, "damaged ELF file: {place}"),
        }
    }
}

impl std::error::Error for ElfError {}

impl ElfError {
    /// What mends it.
    pub(crate) fn mend(&self) -> &'static str {
        match self {
            Self::LibrariesMissing(_) => {
                "link it statically: the crate's feature for it is often called `bundled`, `vendored` or `static`; \
                 `cargo tree --edges features` shows whose"
            }
            Self::WrongArchitecture { .. } => {
                "set `architecture` below `[package.metadata.lambda]` of its `Cargo.toml`"
            }
            _ => {
                "it links something that was built for another Linux: build that from source; `cargo tree` lists what it depends on"
            }
        }
    }
}

/// Checks that Lambda's `provided.al2023` on `expected` would start this program.
pub(crate) fn inspect(bytes: &[u8], expected: Architecture) -> Result<Executable, ElfError> {
    inspect_for(bytes, expected, RUNTIME_GLIBC)
}

fn inspect_for(bytes: &[u8], expected: Architecture, max: GlibcVersion) -> Result<Executable, ElfError> {
    let header = header(bytes, expected)?;
    let image = Image::new(bytes, header)?;
    let interpreter = image.interpreter()?;
    let dynamic = image.dynamic()?;

    // An entry point alone proves nothing: older linkers gave one to every library. A library has no loader of its own
    // to name, and unlike a static executable it does not call itself position-independent *executable*.
    if header.e_entry(LE) == 0 {
        return Err(ElfError::NotExecutable("a library: it has no entry point"));
    }
    if header.e_type(LE) == elf::ET_DYN && interpreter.is_none() && !dynamic.pie {
        return Err(ElfError::NotExecutable("a shared library"));
    }

    let mut glibc = None;
    for symbol in image.glibc_symbols(&dynamic)? {
        let Some(found) = GlibcVersion::offering(symbol.trim_start_matches("GLIBC_")) else {
            return Err(ElfError::GlibcUnknown { symbol });
        };
        if glibc.as_ref().is_none_or(|(highest, _)| found > *highest) {
            glibc = Some((found, symbol));
        }
    }
    match glibc {
        Some((found, symbol)) if found > max => {
            return Err(ElfError::GlibcTooNew { found, symbol, max });
        }
        _ => {}
    }
    let mut missing = image.libraries(&dynamic)?;
    missing.retain(|library| !LIBRARIES.contains(&&**library));
    if !missing.is_empty() {
        return Err(ElfError::LibrariesMissing(missing));
    }
    match interpreter {
        Some(found) if found != expected.loader() => {
            return Err(ElfError::WrongLoader { expected: expected.loader(), found });
        }
        _ => {}
    }
    Ok(Executable { architecture: expected, glibc: glibc.map(|(version, _)| version) })
}

/// The header of a 64-bit Linux executable for this processor.
fn header(bytes: &[u8], expected: Architecture) -> Result<&FileHeader64<LE>, ElfError> {
    let wrong = |found: &str| ElfError::WrongArchitecture { expected, found: found.to_owned() };
    if !bytes.starts_with(&elf::ELFMAG) {
        return Err(ElfError::NotElf);
    }
    // EI_CLASS and EI_DATA: on other values the rest of the header has another shape.
    match (bytes.get(4), bytes.get(5)) {
        (Some(1), _) => return Err(wrong("a 32-bit processor")),
        (_, Some(2)) => return Err(wrong("a big-endian processor")),
        _ => {}
    }
    let header = FileHeader64::<LE>::parse(bytes).map_err(|_| ElfError::Malformed("its header"))?;
    match header.e_type(LE) {
        elf::ET_EXEC | elf::ET_DYN => {}
        elf::ET_REL => return Err(ElfError::NotExecutable("an object file")),
        elf::ET_CORE => return Err(ElfError::NotExecutable("a core dump")),
        _ => return Err(ElfError::NotExecutable("of an unknown type")),
    }
    let found = match header.e_machine(LE) {
        elf::EM_X86_64 => Architecture::X86_64,
        elf::EM_AARCH64 => Architecture::Arm64,
        other => return Err(wrong(&format!("ELF machine {}", other.0))),
    };
    if found != expected {
        return Err(wrong(found.name()));
    }
    // EI_OSABI: Linux programs say System V (0) or GNU (3).
    if !matches!(bytes.get(7), Some(0 | 3)) {
        return Err(wrong("another system than Linux"));
    }
    Ok(header)
}

/// The file as the kernel and the loader see it. They read program headers and never section headers, which a
/// stripped file may lack, so neither do we.
struct Image<'a> {
    bytes: &'a [u8],
    segments: &'a [ProgramHeader64<LE>],
}

/// What the dynamic section says, as far as it matters here. Tables are given by address.
#[derive(Default)]
struct Dynamic {
    pie: bool,
    strings: Option<u64>,
    versions: Option<u64>,
    /// The names of libraries, by their places among the strings.
    needed: Vec<u64>,
}

impl<'a> Image<'a> {
    fn new(bytes: &'a [u8], header: &FileHeader64<LE>) -> Result<Self, ElfError> {
        let segments = header.program_headers(LE, bytes).map_err(|_| ElfError::Malformed("its program headers"))?;
        // Without one there is nothing to run; a file cut short ends before what its header promises.
        if !segments.iter().any(|segment| segment.p_type(LE) == elf::PT_LOAD) {
            return Err(ElfError::NotExecutable("a file with nothing to load"));
        }
        for segment in segments.iter().filter(|segment| segment.p_type(LE) == elf::PT_LOAD) {
            segment.data(LE, bytes).map_err(|()| ElfError::Malformed("a segment lies beyond its end"))?;
        }
        Ok(Self { bytes, segments })
    }

    fn interpreter(&self) -> Result<Option<String>, ElfError> {
        let Some(segment) = self.segments.iter().find(|segment| segment.p_type(LE) == elf::PT_INTERP) else {
            return Ok(None);
        };
        let path = segment.data(LE, self.bytes).map_err(|()| ElfError::Malformed("the name of its loader"))?;
        let path = path.split(|byte| *byte == 0).next().unwrap_or_default();
        Ok(Some(String::from_utf8_lossy(path).into_owned()))
    }

    fn dynamic(&self) -> Result<Dynamic, ElfError> {
        let mut dynamic = Dynamic::default();
        for segment in self.segments {
            let entries = segment.dynamic(LE, self.bytes).map_err(|_| ElfError::Malformed("its dynamic section"))?;
            for entry in entries.unwrap_or_default() {
                let value = entry.d_val(LE);
                match entry.d_tag(LE) {
                    elf::DT_NULL => break,
                    elf::DT_STRTAB => dynamic.strings = Some(value),
                    elf::DT_VERNEED => dynamic.versions = Some(value),
                    elf::DT_NEEDED => dynamic.needed.push(value),
                    elf::DT_FLAGS_1 => dynamic.pie = value & elf::DF_1_PIE.0 != 0,
                    _ => {}
                }
            }
        }
        Ok(dynamic)
    }

    /// The libraries without which the loader refuses to start the program.
    fn libraries(&self, dynamic: &Dynamic) -> Result<Vec<String>, ElfError> {
        const DAMAGED: ElfError = ElfError::Malformed("its list of libraries");
        if dynamic.needed.is_empty() {
            return Ok(Vec::new());
        }
        let strings = dynamic.strings.and_then(|strings| self.at(strings)).ok_or(DAMAGED)?;
        let name = |place: &u64| {
            let name = usize::try_from(*place).ok().and_then(|place| strings.get(place..)).ok_or(DAMAGED)?;
            Ok(String::from_utf8_lossy(name.split(|byte| *byte == 0).next().unwrap_or_default()).into_owned())
        };
        dynamic.needed.iter().map(name).collect()
    }

    /// The versions of glibc's symbols without which the loader refuses to start the program.
    fn glibc_symbols(&self, dynamic: &Dynamic) -> Result<Vec<String>, ElfError> {
        const DAMAGED: ElfError = ElfError::Malformed("its table of needed versions");
        let Some(versions) = dynamic.versions else {
            return Ok(Vec::new());
        };
        let versions = self.at(versions).ok_or(DAMAGED)?;
        let strings = dynamic.strings.and_then(|strings| self.at(strings)).ok_or(DAMAGED)?;

        let mut symbols = Vec::new();
        let mut library_at = 0_u64;
        loop {
            let library: &Verneed<LE> = versions.read_at(library_at).map_err(|()| DAMAGED)?;
            let mut symbol_at = library_at + u64::from(library.vn_aux.get(LE));
            for _ in 0..library.vn_cnt.get(LE) {
                let symbol: &Vernaux<LE> = versions.read_at(symbol_at).map_err(|()| DAMAGED)?;
                let name = strings.get(symbol.vna_name.get(LE) as usize..).ok_or(DAMAGED)?;
                let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
                // Weak: used only where it is there. Rust's standard library looks for new system calls in this way,
                // and the loader lets a program start without them.
                let weak = symbol.vna_flags.get(LE).0 & elf::VER_FLG_WEAK.0 != 0;
                if !weak && name.starts_with(b"GLIBC_") {
                    symbols.push(String::from_utf8_lossy(name).into_owned());
                }
                match symbol.vna_next.get(LE) {
                    0 => break,
                    next => symbol_at += u64::from(next),
                }
            }
            match library.vn_next.get(LE) {
                0 => return Ok(symbols),
                next => library_at += u64::from(next),
            }
        }
    }

    /// The bytes from an address to the end of its segment.
    fn at(&self, address: u64) -> Option<&'a [u8]> {
        self.segments.iter().filter(|segment| segment.p_type(LE) == elf::PT_LOAD).find_map(|segment| {
            let offset = usize::try_from(address.checked_sub(segment.p_vaddr(LE))?).ok()?;
            segment.data(LE, self.bytes).ok()?.get(offset..).filter(|rest| !rest.is_empty())
        })
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test ends where something is missing")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The smallest static executable: a header and one segment.
    fn static_executable(machine: u16) -> Vec<u8> {
        let mut bytes = vec![0; 120];
        let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
        put(0, b"\x7fELF\x02\x01\x01");
        put(16, &2_u16.to_le_bytes()); // e_type: ET_EXEC
        put(18, &machine.to_le_bytes());
        put(20, &1_u32.to_le_bytes());
        put(24, &0x40_0078_u64.to_le_bytes()); // e_entry
        put(32, &64_u64.to_le_bytes()); // e_phoff
        put(54, &56_u16.to_le_bytes()); // e_phentsize
        put(56, &1_u16.to_le_bytes()); // e_phnum
        put(64, &1_u32.to_le_bytes()); // PT_LOAD
        put(80, &0x40_0000_u64.to_le_bytes()); // p_vaddr
        put(96, &120_u64.to_le_bytes()); // p_filesz
        bytes
    }

    fn patched(bytes: &[u8], at: usize, value: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        bytes[at..at + value.len()].copy_from_slice(value);
        bytes
    }

    #[test]
    fn names_are_lambdas() {
        for (architecture, name) in [(Architecture::X86_64, "x86_64"), (Architecture::Arm64, "arm64")] {
            assert_eq!(architecture.to_string(), name);
            assert_eq!(name.parse(), Ok(architecture));
            assert_eq!(serde_json::to_value(architecture).unwrap(), name);
        }
        assert!("aarch64".parse::<Architecture>().is_err());
        assert_eq!(serde_json::to_value(RUNTIME_GLIBC).unwrap(), "2.34");
    }

    #[test]
    fn versions_compare_by_number() {
        assert!(GlibcVersion(2, 4) < GlibcVersion(2, 34));
        assert_eq!(GlibcVersion::offering("2.2.5"), Some(GlibcVersion(2, 2)));
        assert_eq!(GlibcVersion::offering("2.34"), Some(GlibcVersion(2, 34)));
        assert_eq!(GlibcVersion::offering("ABI_DT_RELR"), Some(GlibcVersion(2, 36)));
        for unknown in ["PRIVATE", "", "2", "2.", "2.x", "2.3.4.5", "2.3.x", "99999999999.1"] {
            assert_eq!(GlibcVersion::offering(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn static_executables_need_no_glibc() {
        for (machine, architecture) in [(62, Architecture::X86_64), (183, Architecture::Arm64)] {
            let executable = Executable { architecture, glibc: None };
            assert_eq!(inspect(&static_executable(machine), architecture), Ok(executable));
        }
    }

    #[test]
    fn what_is_not_an_executable_is_refused() {
        use Architecture::X86_64;
        let good = static_executable(62);
        let wrong = |found: &str| Err(ElfError::WrongArchitecture { expected: X86_64, found: found.to_owned() });

        assert_eq!(inspect(b"", X86_64), Err(ElfError::NotElf));
        assert_eq!(inspect(b"#!/bin/sh\nexec ./real\n", X86_64), Err(ElfError::NotElf));
        assert_eq!(inspect(&good[..40], X86_64), Err(ElfError::Malformed("its header")));
        assert_eq!(inspect(&good[..119], X86_64), Err(ElfError::Malformed("its program headers")));
        assert_eq!(inspect(&static_executable(183), X86_64), wrong("arm64"));
        assert_eq!(inspect(&static_executable(243), X86_64), wrong("ELF machine 243"));
        assert_eq!(inspect(&patched(&good, 4, &[1]), X86_64), wrong("a 32-bit processor"));
        assert_eq!(inspect(&patched(&good, 5, &[2]), X86_64), wrong("a big-endian processor"));
        assert_eq!(inspect(&patched(&good, 7, &[9]), X86_64), wrong("another system than Linux"));
        for (at, value, what) in [
            (16, 1, "an object file"),
            (16, 3, "a shared library"),
            (16, 4, "a core dump"),
            (16, 9, "of an unknown type"),
            (64, 4, "a file with nothing to load"),
        ] {
            assert_eq!(inspect(&patched(&good, at, &[value]), X86_64), Err(ElfError::NotExecutable(what)));
        }
        let no_entry = patched(&good, 24, &[0; 8]);
        assert_eq!(inspect(&no_entry, X86_64), Err(ElfError::NotExecutable("a library: it has no entry point")));
        let beyond = patched(&good, 96, &121_u64.to_le_bytes());
        assert_eq!(inspect(&beyond, X86_64), Err(ElfError::Malformed("a segment lies beyond its end")));
    }

    #[test]
    fn errors_are_sentences() {
        let error =
            ElfError::GlibcTooNew { found: GlibcVersion(2, 39), symbol: "GLIBC_2.39".to_owned(), max: RUNTIME_GLIBC };
        assert_eq!(error.to_string(), "needs glibc `2.39` (for `GLIBC_2.39`), but the runtime has `2.34`");
        let error = ElfError::WrongArchitecture { expected: Architecture::Arm64, found: "x86_64".to_owned() };
        assert_eq!(error.to_string(), "built for `x86_64`, but the function runs on `arm64`");
    }

    proptest! {
        #[test]
        fn any_bytes_get_an_answer(tail in prop::collection::vec(any::<u8>(), 0..400), elf: bool) {
            let mut bytes = if elf { b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0\x3e\0".to_vec() } else { Vec::new() };
            bytes.extend(tail);
            let _ = inspect(&bytes, Architecture::X86_64);
        }
    }

    /// A real dynamic executable: this test itself.
    #[cfg(all(target_os = "linux", target_env = "gnu", target_pointer_width = "64"))]
    mod real {
        use super::*;
        use std::sync::LazyLock;

        /// Newer than anything, because the machine that runs the tests may be newer than the runtime.
        const ANY: GlibcVersion = GlibcVersion(3, 0);
        const HERE: Architecture =
            if cfg!(target_arch = "aarch64") { Architecture::Arm64 } else { Architecture::X86_64 };
        const THERE: Architecture =
            if cfg!(target_arch = "aarch64") { Architecture::X86_64 } else { Architecture::Arm64 };

        /// This test, but for the machine's zlib, which libgit2 takes where there is one and Lambda does not have.
        static EXECUTABLE: LazyLock<Vec<u8>> = LazyLock::new(|| {
            let mut bytes = std::fs::read(std::env::current_exe().unwrap()).unwrap();
            let places: Vec<_> = memchr::memmem::find_iter(&bytes, b"\0libz.so.1\0").collect();
            places.iter().for_each(|place| bytes[place + 1..place + 10].copy_from_slice(b"libc.so.6"));
            bytes
        });

        /// Where the bytes lie that the checks depend on: the headers, and what the dynamic section points to.
        static PLACES: LazyLock<Vec<usize>> = LazyLock::new(|| {
            let header = header(&EXECUTABLE, HERE).unwrap();
            let image = Image::new(&EXECUTABLE, header).unwrap();
            let dynamic = image.dynamic().unwrap();
            let table = image.at(dynamic.versions.unwrap()).unwrap();
            let start = table.as_ptr().addr() - EXECUTABLE.as_ptr().addr();
            let headers = 0..64 + 56 * image.segments.len();
            let section = image.segments.iter().find(|segment| segment.p_type(LE) == elf::PT_DYNAMIC).unwrap();
            let section = usize::try_from(section.p_offset(LE)).unwrap();
            headers.chain(start..start + 256).chain(section..section + 512).collect()
        });

        #[test]
        fn needs_some_glibc() {
            let executable = inspect_for(&EXECUTABLE, HERE, ANY).unwrap();
            assert!(executable.glibc.unwrap() >= GlibcVersion(2, 17), "Rust's own minimum");
        }

        #[test]
        fn same_answer_without_section_headers() {
            // e_shoff, then e_shentsize, e_shnum and e_shstrndx.
            let bare = patched(&patched(&EXECUTABLE, 40, &[0; 8]), 58, &[0; 6]);
            assert_eq!(inspect_for(&bare, HERE, ANY), inspect_for(&EXECUTABLE, HERE, ANY));
        }

        #[test]
        fn for_another_processor() {
            let found = HERE.to_string();
            assert_eq!(inspect(&EXECUTABLE, THERE), Err(ElfError::WrongArchitecture { expected: THERE, found }));
            let machine = if HERE == Architecture::X86_64 { 183_u16 } else { 62 };
            let foreign = patched(&EXECUTABLE, 18, &machine.to_le_bytes());
            let found = THERE.to_string();
            assert_eq!(inspect(&foreign, HERE), Err(ElfError::WrongArchitecture { expected: HERE, found }));
        }

        #[test]
        fn object_files() {
            let object = patched(&EXECUTABLE, 16, &1_u16.to_le_bytes());
            assert_eq!(inspect(&object, HERE), Err(ElfError::NotExecutable("an object file")));
        }

        /// Rewrites every `GLIBC_2.` in a copy, whose length stays the same.
        fn with_versions(prefix: &[u8; 8]) -> Vec<u8> {
            let mut bytes = EXECUTABLE.clone();
            let mut at = 0;
            while at + prefix.len() <= bytes.len() {
                if bytes[at..].starts_with(b"GLIBC_2.") {
                    bytes[at..at + prefix.len()].copy_from_slice(prefix);
                }
                at += 1;
            }
            bytes
        }

        #[test]
        fn newer_glibc() {
            let highest = inspect_for(&EXECUTABLE, HERE, ANY).unwrap().glibc.unwrap();
            match inspect(&with_versions(b"GLIBC_9."), HERE) {
                Err(ElfError::GlibcTooNew { found, symbol, max }) => {
                    assert_eq!((found, max), (GlibcVersion(9, highest.1), RUNTIME_GLIBC));
                    assert_eq!(symbol, format!("GLIBC_9.{}", highest.1));
                }
                other => panic!("{other:?}"),
            }
        }

        #[test]
        fn libraries_of_this_machine() {
            let image = Image::new(&EXECUTABLE, header(&EXECUTABLE, HERE).unwrap()).unwrap();
            let dynamic = image.dynamic().unwrap();
            let libraries = image.libraries(&dynamic).unwrap();
            assert!(libraries.iter().any(|name| name == "libc.so.6"), "{libraries:?}");
            assert!(inspect_for(&EXECUTABLE, HERE, ANY).is_ok(), "{libraries:?}");
            // As if it were linked to others in their places.
            let strings = image.at(dynamic.strings.unwrap()).unwrap();
            let strings = strings.as_ptr().addr() - EXECUTABLE.as_ptr().addr();
            let other = |nth: usize, name: &[u8], bytes: &[u8]| {
                patched(bytes, strings + usize::try_from(dynamic.needed[nth]).unwrap(), name)
            };
            let one = other(0, b"libq.so.5\0", &EXECUTABLE);
            assert_eq!(inspect_for(&one, HERE, ANY), Err(ElfError::LibrariesMissing(vec!["libq.so.5".to_owned()])));
            let error = inspect_for(&other(1, b"libz.so\0", &one), HERE, ANY).unwrap_err();
            assert_eq!(error.to_string(), "needs `libq.so.5`, `libz.so`, which the runtime does not have");
            assert!(error.mend().contains("vendored") && !ElfError::NotElf.mend().contains("vendored"));
        }

        #[test]
        fn private_glibc() {
            let result = inspect_for(&with_versions(b"GLIBC_P."), HERE, ANY);
            assert!(matches!(result, Err(ElfError::GlibcUnknown { .. })), "{result:?}");
        }

        #[test]
        fn other_loaders() {
            let segments = Image::new(&EXECUTABLE, header(&EXECUTABLE, HERE).unwrap()).unwrap().segments;
            let loader = segments.iter().find(|segment| segment.p_type(LE) == elf::PT_INTERP).unwrap();
            let musl = patched(&EXECUTABLE, usize::try_from(loader.p_offset(LE)).unwrap(), b"/lib/ld-musl\0");
            let found = "/lib/ld-musl".to_owned();
            assert_eq!(inspect_for(&musl, HERE, ANY), Err(ElfError::WrongLoader { expected: HERE.loader(), found }));
        }

        proptest! {
            #[test]
            fn damage_gets_an_answer(damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
                let mut bytes = EXECUTABLE.clone();
                for (place, value) in damage {
                    bytes[PLACES[place.index(PLACES.len())]] = value;
                }
                let _ = inspect(&bytes, HERE);
            }

            #[test]
            fn cut_short_gets_an_answer(length: prop::sample::Index) {
                let _ = inspect(&EXECUTABLE[..length.index(EXECUTABLE.len())], HERE);
                let _ = inspect(&EXECUTABLE[..length.index(4096)], HERE);
            }
        }
    }
}
