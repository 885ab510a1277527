//! Packages where the machine is not as it should be: another compiler, a disk without space.

use crate::common::fixture::ORDERS;
use crate::common::report::of;
use crate::common::{Checkout, rustc};

/// Only the pin is changed, as no test can bring another compiler along.
#[test]
fn another_compiler_is_warned_of() {
    let checkout = Checkout::new();
    let release = rustc();
    let pin = |text: &str| {
        let manifest = checkout.read("Cargo.toml");
        let line = manifest.lines().find(|line| line.starts_with("rustc = ")).expect("the workspace pins its compiler");
        checkout.write("Cargo.toml", &manifest.replace(line, text));
    };

    pin(&format!("rustc = \"{release}\""));
    let ran = checkout.run(&["build", "--json"]);
    let first = of(&ran.json(), ORDERS);
    assert!(!ran.stderr.contains("warning"), "{ran}");
    assert_eq!(first["rustc_is_pinned"], true);
    assert!(first["rustc"].as_str().is_some_and(|said| said.contains(release)), "{ran}");

    pin("rustc = \"1.2.3\"");
    let ran = checkout.run(&["build", "--json"]);
    let second = of(&ran.json(), ORDERS);
    assert!(ran.stderr.starts_with(&format!("warning: this is rustc {release}")), "{ran}");
    assert!(ran.stderr.contains("pins 1.2.3") && ran.stderr.contains("rustup default 1.2.3"), "{ran}");
    assert_eq!(second["rustc_is_pinned"], false);
    assert_eq!(second["sha256"], first["sha256"], "it warns, and builds as ever");

    pin("rust = \"1.95.0\"");
    checkout.run(&["build"]).fails_with(&["unknown field `rust`", "[workspace.metadata.lambda]"]);
}
