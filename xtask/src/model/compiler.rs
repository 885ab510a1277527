//! The Rust compiler against the one that the workspace names: another one makes other bytes of the same source.

use std::fmt;

/// The compiler of this machine, and the one it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Compiler {
    /// As it says itself: release, commit and date.
    version: String,
    /// `rustc` in `[workspace.metadata.lambda]`; without it any compiler is as good as another.
    pin: Option<String>,
}

impl Compiler {
    /// From what `rustc --version` writes.
    pub(crate) fn new(said: &str, pin: Option<&str>) -> Self {
        let said = said.trim();
        Self { version: said.strip_prefix("rustc ").unwrap_or(said).to_owned(), pin: pin.map(str::to_owned) }
    }

    /// Whether it is the one named. The name may leave out the commit and the date, but no part of the release.
    pub(crate) fn is_pinned(&self) -> bool {
        let rest = self.pin.as_deref().and_then(|pin| self.version.strip_prefix(pin));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
    }

    /// What a person must know where it is another than the one named.
    pub(crate) fn warning(&self) -> Option<String> {
        let pin = self.pin.as_deref().filter(|_| !self.is_pinned())?;
        Some(format!(
            "this is rustc {}, but `Cargo.toml` pins {pin}: the packages will not be the same bytes as elsewhere",
            self.version
        ))
    }

    /// What to type then.
    pub(crate) fn mend(&self) -> Option<String> {
        let pin = self.pin.as_deref().filter(|_| !self.is_pinned())?;
        let release = pin.split(' ').next().unwrap_or(pin);
        Some(format!(
            "run `rustup default {release}`, or name the new one as `rustc` in `[workspace.metadata.lambda]`, which publishes every function once"
        ))
    }
}

impl fmt::Display for Compiler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.version.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_is_a_release_or_says_more() {
        const SAID: &str = "rustc 1.95.0 (59807616e 2026-04-14)\n";
        for (pin, pinned) in [
            ("1.95.0", true),
            ("1.95.0 (59807616e 2026-04-14)", true),
            ("1.95.0 (59807616e", true),
            ("1.95", false),
            ("1.95.1", false),
            ("1.95.0-nightly", false),
            ("1.95.0 (000000000 2026-04-14)", false),
            ("", false),
        ] {
            let compiler = Compiler::new(SAID, Some(pin));
            assert_eq!(compiler.is_pinned(), pinned, "{pin}");
            assert_eq!((compiler.warning().is_none(), compiler.mend().is_none()), (pinned, pinned), "{pin}");
        }
        // A distribution's own build of the same release, and a workspace that pins none.
        assert!(Compiler::new("rustc 1.95.0 (59807616e 2026-04-14) (Debian 1.95.0-1)", Some("1.95.0")).is_pinned());
        let free = Compiler::new(SAID, None);
        assert_eq!((free.is_pinned(), free.warning()), (false, None));
        assert_eq!(free.to_string(), "1.95.0 (59807616e 2026-04-14)");
    }
}
