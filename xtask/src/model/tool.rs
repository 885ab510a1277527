//! What of a repository is the tool, and so the concern of the tool's own tests.

/// What it is made of and what its tests build on, below the root. Of Terraform only what is shipped: the files of
/// functions and of environments are the user's, as are the routes of the gateway.
const TOOL: [&str; 17] = [
    "xtask/",
    // What the tool is built of, and what its tests hold to the rules.
    "Cargo.lock",
    "Cargo.toml",
    ".circleci/",
    ".cargo/",
    "terraform/bootstrap/",
    "terraform/modules/",
    "terraform/role/",
    "terraform/data/providers.tf",
    "terraform/data/terraform.tf",
    "terraform/data/variables.tf",
    "terraform/gateway/providers.tf",
    "terraform/gateway/stage.tf",
    "terraform/gateway/variables.tf",
    "terraform/providers.tf",
    "terraform/terraform.tf",
    "terraform/variables.tf",
];

/// Whether a file that has changed, by its path below the root, is one that the tool's own tests are about.
pub(crate) fn is_of_tool(path: &str) -> bool {
    TOOL.iter().any(|part| path == *part || part.ends_with('/') && path.starts_with(part))
}

#[cfg(test)]
mod tests {
    use super::is_of_tool;

    #[test]
    fn what_users_write_is_not_the_tool() {
        for path in [
            "xtask/src/main.rs",
            "xtask/pins/zig.txt",
            ".cargo/config.toml",
            "terraform/modules/function/main.tf",
            "Cargo.lock",
            ".circleci/config.yml",
        ] {
            assert!(is_of_tool(path), "{path}");
        }
        for path in [
            "orders/src/main.rs",
            "terraform/orders.tf",
            "terraform/outputs.tf",
            "terraform/environments/dev.tfvars.json",
            "terraform/data/orders.tf",
            "terraform/gateway/orders.tf",
            "orders/Cargo.toml",
            "xtask.md",
            "docs/xtask/a.md",
        ] {
            assert!(!is_of_tool(path), "{path}");
        }
    }
}
