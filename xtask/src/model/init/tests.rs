//! What each file says then.

use super::*;
use proptest::prelude::*;

fn old() -> Old {
    Old { project: "old-shop".to_owned(), production: "main".to_owned() }
}

fn origin() -> Origin {
    Origin { template: "abc1234".to_owned(), year: "2031".to_owned(), without_sample: false }
}

fn wishes() -> Wishes {
    let some = |text: &str| Some(text.to_owned());
    Wishes {
        project: some("acme-shop"),
        production: some("trunk"),
        region: some("eu-central-1"),
        accounts: BTreeMap::from([("dev".to_owned(), "123456789012".to_owned())]),
        circleci_organization: some("an-organization"),
        circleci_project: some("a-project"),
        repository: some("github.com/acme/shop"),
        holder: some("Acme Ltd"),
    }
}

fn rewritten(path: &str, text: &str) -> String {
    let once = wishes().rewrite(path, text, &old(), &origin()).expect(path);
    assert_eq!(wishes().rewrite(path, &once, &old(), &origin()).as_ref(), Ok(&once), "{path}: a second time");
    once
}

#[test]
fn each_file_says_the_new_names_and_all_else_as_before() {
    for (path, before, after) in [
        (
            "Cargo.toml",
            "[workspace.metadata.lambda]\n# Names.\nproject = \"old-shop\" # ours\nproduction = \"main\"\n\n[x]\ny = 1\n",
            "[workspace.metadata.lambda]\n# Names.\nproject = \"acme-shop\" # ours\nproduction = \"trunk\"\ntemplate = \"abc1234\"\n\n[x]\ny = 1\n",
        ),
        (
            "README.md",
            "# old-shop\n\nThe main branch is `main`; `main.rs`.\nx --branch main --branch main-2\n",
            "# acme-shop\n\nThe main branch is `trunk`; `main.rs`.\nx --branch trunk --branch main-2\n",
        ),
        ("README.md", "# My own title\n", "# My own title\n"),
        ("docs/a.md", "# old-shop\n`[\"main\"]`\n", "# old-shop\n`[\"trunk\"]`\n"),
        (
            ".circleci/config.yml",
            "# `main`\nwhen: a and pipeline.git.branch == \"main\"\nb: pipeline.git.branch != \"main\"\n",
            "# `trunk`\nwhen: a and pipeline.git.branch == \"trunk\"\nb: pipeline.git.branch != \"trunk\"\n",
        ),
        (
            "LICENSE-MIT",
            "MIT License\n\nCopyright (c) 2026 the authors\n\nText\n",
            "MIT License\n\nCopyright (c) 2031 Acme Ltd\nCopyright (c) 2026 the authors\n\nText\n",
        ),
        (
            "LICENSE-MIT",
            "Copyright (c) 2030 Somebody\nCopyright (c) 2026 the authors\n",
            "Copyright (c) 2031 Acme Ltd\nCopyright (c) 2026 the authors\n",
        ),
        (
            "terraform/environments/dev.tfvars.json",
            "{\n  \"account_id\": \"REPLACE with it\",\n  \"region\" : \"us-east-1\",\n  \"branches\": [\"main\", \"x\"],\n  \"circleci\": {\"organization_id\": \"REPLACE\", \"project_id\": \"\", \"repository\": \"x\"}, \"a\": [1, {\"region\": \"r\"}]\n}\n",
            "{\n  \"account_id\": \"123456789012\",\n  \"region\" : \"eu-central-1\",\n  \"branches\": [\"trunk\", \"x\"],\n  \"circleci\": {\"organization_id\": \"an-organization\", \"project_id\": \"a-project\", \"repository\": \"github.com/acme/shop\"}, \"a\": [1, {\"region\": \"r\"}]\n}\n",
        ),
        ("terraform/environments/local.tfvars.json", "{\"region\": \"us-east-1\"}", "{\"region\": \"us-east-1\"}"),
        ("src/main.rs", "// old-shop `main`\n", "// old-shop `main`\n"),
    ] {
        assert_eq!(rewritten(path, before), after, "{path}");
    }
}

#[test]
fn a_sample_that_goes_is_not_named_any_more() {
    let origin = Origin { without_sample: true, ..origin() };
    let text = "[workspace.metadata.lambda]\nproject = \"a\"\n# What goes.\n# All of it.\nsample = \"api\"\nproduction = \"main\"\ntemplate = \"x\"\n";
    let wanted = "[workspace.metadata.lambda]\nproject = \"a\"\nproduction = \"main\"\ntemplate = \"x\"\n";
    for text in [text, wanted] {
        assert_eq!(Wishes::default().rewrite("Cargo.toml", text, &old(), &origin).as_deref(), Ok(wanted));
    }
}

#[test]
fn leftovers_are_whole_names() {
    let of = |text, old, new| leftovers(text, old, new);
    assert_eq!(of("a\nx/old-shop/y\nOLD_SHOP_A\nold-shopper\nacme-shop", "old-shop", "acme-shop"), [2, 3]);
    assert_eq!(of("acme-shop\nshop\nacme-shop and shop", "shop", "acme-shop"), [2, 3]);
    assert_eq!(of("acme-shop\nacme", "acme-shop", "acme"), [1]);
}

proptest! {
    /// Whatever the settings are, only what was wished changes, and the result is what a JSON parser reads.
    #[test]
    fn settings_stay_json(other in "[ -~ü]{0,12}", number in 0..9u8, space in "[ \t\n]{0,3}") {
        let quoted = serde_json::to_string(&other).expect("a text");
        let text = format!("{{\"other\":{space}{quoted},{space}\"account_id\" :\"x\",\n\"n\":[{number},{quoted}]}}");
        let new = rewritten("terraform/environments/dev.tfvars.json", &text);
        let value: serde_json::Value = serde_json::from_str(&new).expect("JSON");
        prop_assert_eq!(&value["other"], &other);
        prop_assert_eq!(&value["n"][1], &other);
        prop_assert_eq!(&value["account_id"], "123456789012");
    }
}
