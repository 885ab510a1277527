//! What the fixture is called and holds, in one place: `xtask/tests/fixture` says the same in its own files.

use super::Checkout;

pub(crate) const PROJECT: &str = "acme-shop";
/// The production branch, which is also what its alias is called.
pub(crate) const PRODUCTION: &str = "trunk";
pub(crate) const BILLING: &str = "billing";
pub(crate) const ORDERS: &str = "orders";
/// As reports list them.
pub(crate) const FUNCTIONS: [&str; 2] = [BILLING, ORDERS];
pub(crate) const LOCAL_ACCOUNT: &str = "000000000000";
pub(crate) const DEV_ACCOUNT: &str = "111111111111";
pub(crate) const PROD_ACCOUNT: &str = "222222222222";
pub(crate) const REGION: &str = "us-east-1";
/// On CircleCI.
pub(crate) const ORGANIZATION: &str = "an-organization";
pub(crate) const CIRCLECI_PROJECT: &str = "a-project";
pub(crate) const REPOSITORY: &str = "github.com/acme/shop";
/// What each function says until [`Checkout::say`] changes it.
pub(crate) const WORD: &str = "first";

/// What the template ships and nobody who uses it changes: the fixture holds only what differs.
const SHIPPED: [&str; 21] = [
    ".cargo/config.toml",
    ".gitignore",
    "rustfmt.toml",
    "terraform/.terraform.lock.hcl",
    "terraform/bootstrap/",
    "terraform/data/.terraform.lock.hcl",
    "terraform/data/providers.tf",
    "terraform/data/terraform.tf",
    "terraform/data/variables.tf",
    "terraform/gateway/.terraform.lock.hcl",
    "terraform/gateway/providers.tf",
    "terraform/gateway/stage.tf",
    "terraform/gateway/terraform.tf",
    "terraform/gateway/variables.tf",
    "terraform/modules/function/",
    "terraform/providers.tf",
    "terraform/role/",
    "terraform/terraform.tf",
    "terraform/variables.tf",
    // By this a checkout is known; that it is no member keeps builds short.
    "xtask/Cargo.toml",
    "xtask/pins/",
];

/// The name that a file of the real workspace has in a checkout of the fixture, if it belongs there.
pub(super) fn place(name: &str) -> Option<&str> {
    let is_shipped =
        || SHIPPED.iter().any(|shipped| name == *shipped || shipped.ends_with('/') && name.starts_with(shipped));
    name.strip_prefix("xtask/tests/fixture/").or_else(|| is_shipped().then_some(name))
}

impl Checkout {
    /// Lets a function say another word, not committed.
    pub(crate) fn say(&self, function: &str, word: &str) {
        let source = format!("{function}/src/main.rs");
        let text = self.read(&source);
        let line = text.lines().find(|line| line.starts_with("const WORD")).expect("a function has a word");
        self.edit(&source, line, &format!("const WORD: &str = {word:?};"));
    }

    /// One function more, made after `orders`, without a route; not committed.
    pub(crate) fn add_function(&self, name: &str) {
        let module = name.replace('-', "_");
        for file in ["Cargo.toml", "src/main.rs", "iam-policy.json", "smoke.json"] {
            self.write(&format!("{name}/{file}"), &self.read(&format!("{ORDERS}/{file}")).replace(ORDERS, name));
        }
        let call = self.read("terraform/orders.tf").replace("module \"orders\"", &format!("module \"{module}\""));
        self.write(&format!("terraform/{module}.tf"), &call.replace("\"orders\"", &format!("\"{name}\"")));
        self.edit(
            "terraform/outputs.tf",
            "value = {\n",
            &format!("value = {{\n    \"{name}\" = module.{module}.lambda\n"),
        );
        self.edit("Cargo.toml", "members = [", &format!("members = [\"{name}\", "));
        self.lock_dependencies();
    }
}
