//! Errors that say what to type next: any `anyhow` error may carry a hint, which `main` prints once, last.

use std::fmt;

/// An error together with the command or action that mends it.
#[derive(Debug)]
struct Hinted {
    error: anyhow::Error,
    hint: String,
}

impl fmt::Display for Hinted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for Hinted {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.error.source()
    }
}

/// Attaches a hint to an error.
pub(crate) trait Hint<T> {
    /// Adds what the user should type or do next.
    fn hint(self, hint: impl fmt::Display) -> anyhow::Result<T>;
}

impl<T, E: Into<anyhow::Error>> Hint<T> for Result<T, E> {
    fn hint(self, hint: impl fmt::Display) -> anyhow::Result<T> {
        self.map_err(|error| with_hint(error.into(), hint))
    }
}

/// The same for an error that is not in a `Result` yet.
pub(crate) fn with_hint(error: anyhow::Error, hint: impl fmt::Display) -> anyhow::Error {
    anyhow::Error::new(Hinted { error, hint: hint.to_string() })
}

/// `bail!` with a hint after the semicolon.
macro_rules! bail_hint {
    ($hint:expr; $($message:tt)*) => {
        return Err($crate::error::with_hint(anyhow::anyhow!($($message)*), $hint))
    };
}
pub(crate) use bail_hint;

/// The whole error as it is shown: the sentence, its causes, and the first hint found. A command that is named in it is
/// meant for the environment of this run, and would else be one for the local AWS.
pub(crate) fn render(error: &anyhow::Error, env: Option<&str>) -> String {
    let mut text = format!("error: {error}");
    let mut last = error.to_string();
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        // Several layers of the SDK repeat the sentence of the layer below.
        if !last.contains(&cause) {
            text.push_str(&format!("\n  caused by: {}", cause.replace('\n', "\n    ")));
        }
        last = cause;
    }
    if let Some(hint) = hint_of(error) {
        text.push_str(&format!("\n\nhint: {hint}"));
        if let Some(env) = env.filter(|_| hint.contains("cargo xtask") && !hint.contains("--env")) {
            text.push_str(&format!(" (with `--env {env}`)"));
        }
    }
    text
}

/// The first hint that an error carries.
pub(crate) fn hint_of(error: &anyhow::Error) -> Option<String> {
    error.chain().find_map(|cause| cause.downcast_ref::<Hinted>()).map(|hinted| hinted.hint.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context;

    #[test]
    fn shows_causes_once_and_the_hint_last() {
        let error = Err::<(), _>(anyhow::anyhow!("disk full"))
            .hint("free some space")
            .context("cannot write `x`")
            .expect_err("it is an error");
        let shown = "error: cannot write `x`\n  caused by: disk full\n\nhint: free some space";
        assert_eq!([render(&error, None), render(&error, Some("dev"))], [shown, shown]);
    }

    #[test]
    fn a_command_to_type_is_for_the_same_environment() {
        for (hint, shown) in [
            ("run `cargo xtask apply`", "hint: run `cargo xtask apply` (with `--env dev`)"),
            ("run `cargo xtask apply --env prod`", "hint: run `cargo xtask apply --env prod`"),
        ] {
            let error = with_hint(anyhow::anyhow!("no"), hint);
            assert!(render(&error, Some("dev")).ends_with(shown));
            assert!(render(&error, None).ends_with(hint));
        }
    }
}
