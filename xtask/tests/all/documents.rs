//! `check` on documents: a link that leads nowhere is told before anything long is begun.

use crate::common::Checkout;

#[test]
fn a_link_that_leads_nowhere_is_refused() {
    let checkout = Checkout::new();
    checkout.write("docs/guide.md", "# Guide\n\n[good](#guide) [also](../orders/src/main.rs)\n[bad](nowhere.md)\n");
    checkout.write("README.md", "[guide](docs/guide.md#gude)\n");
    checkout.write("vendor/README.md", "[theirs](nowhere.md)\n");
    let ran = checkout.run(&["check"]);
    ran.fails_with(&["README.md:1 leads to `docs/guide.md#gude`", "docs/guide.md:4 leads to `nowhere.md`"]);
    assert!(!ran.stderr.contains("vendor"), "{ran}");
}
