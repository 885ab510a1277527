//! Where a checkout may lie.

use crate::common::fixture::FUNCTIONS;
use crate::common::report::of;
use crate::common::{Checkout, run, workspace};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::symlink;

/// Git's own second work tree, below a folder whose name has what shells and C compilers trip over.
#[test]
fn a_work_tree_below_an_odd_name_makes_the_same_packages() {
    let checkout = Checkout::new();
    let tree = checkout.path("../o'dd ü $HOME/tree");
    let path = tree.to_str().expect("UTF-8");
    checkout.git(&["worktree", "add", "--quiet", "-b", "feature-1", path]);
    fs::create_dir_all(tree.join("target")).expect("a folder");
    symlink(workspace().join("target/tools"), tree.join("target/tools")).expect("a link to the tools");
    let build = |folder: &std::path::Path| -> Value {
        run(checkout.command(&["build", "--rebuild", "--json"]).current_dir(folder)).json()
    };
    let (plain, odd) = (build(&checkout.path("")), build(&tree));
    for function in FUNCTIONS {
        let [plain, odd] = [&plain, &odd].map(|built| of(built, function));
        assert_eq!(odd["sha256"], plain["sha256"], "{function}");
        assert_ne!(odd["path"], plain["path"], "{function}");
    }
    // A folder below the root is in the checkout too.
    let below = run(checkout.command(&["new", "shipping", "--dry-run", "--json"]).current_dir(tree.join("orders/src")));
    assert_eq!(below.json()["function"], "shipping");
}
