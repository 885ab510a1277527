//! What a shell offers behind `cargo xtask`, asked of the shell itself.

use crate::common::{Checkout, run};
use std::process::Command;

/// Asks bash as its line editor does: through the function that is registered for `cargo`.
const ASK: &str = r#"
_mine() { COMPREPLY=(of-cargo); }
complete -F _mine cargo
source "$1"
# A shell may read its settings twice.
source "$1"
ask() {
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
    [[ $(complete -p cargo) =~ -F\ ([^ ]+) ]]
    "${BASH_REMATCH[1]}" cargo "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
    echo "$*: ${COMPREPLY[*]}"
}
ask cargo bu
ask cargo xtask dep
ask cargo xtask deploy --al
ask cargo xtask deploy --allow-older --wei
ask cargo xtask local re
ask cargo xtask completions fi
"#;

#[test]
fn bash_completes_behind_cargo() {
    let checkout = Checkout::new();
    let script = checkout.run(&["completions", "bash"]);
    assert_eq!(script.code, Some(0), "{script}");
    checkout.write("completions.bash", &script.stdout);
    let mut bash = Command::new("bash");
    bash.args(["--norc", "-c", ASK, "ask"]).arg(checkout.path("completions.bash"));
    let ran = run(&mut bash);
    assert_eq!(ran.stderr, "", "{ran}");
    let answers = [
        "cargo bu: of-cargo",
        "cargo xtask dep: deploy",
        "cargo xtask deploy --al: --allow-destroy --allow-older",
        "cargo xtask deploy --allow-older --wei: --weight",
        "cargo xtask local re: reset",
        "cargo xtask completions fi: fish",
    ];
    assert_eq!(ran.stdout.lines().collect::<Vec<_>>(), answers, "{ran}");
}
