//! Tables of an environment's own: two clones work on one environment, and whatever branch deploys, what they hold stays.

use crate::common::fixture::{BILLING, DEV_ACCOUNT, ORDERS, PRODUCTION, PROJECT};
use crate::common::life::API;
use crate::common::report::of;
use crate::common::{Checkout, Ran, run, send, signed};
use serde_json::{Value, json};
use std::process::Command;

const BRANCH: &str = "feature-123";
const TABLE: &str = "acme-shop-orders";
pub(crate) const ADDRESS: &str = "aws_dynamodb_table.orders";
pub(crate) const FILE: &str = "terraform/data/orders.tf";

/// As `docs/data.md` has it.
pub(crate) const DESCRIBED: &str = r#"resource "aws_dynamodb_table" "orders" {
  name         = "${var.project}-orders"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "id"

  attribute {
    name = "id"
    type = "S"
  }

  point_in_time_recovery {
    enabled = true
  }

  lifecycle {
    prevent_destroy = true
  }
}

output "orders_table" {
  description = "Name of the table of orders."
  value       = aws_dynamodb_table.orders.name
}
"#;

/// A laptop with a clone, at work on an account that others work on too.
struct Laptop<'a> {
    checkout: &'a Checkout,
    endpoint: &'a str,
}

impl Laptop<'_> {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.checkout.command(arguments);
        command.env("DEPLOY_ENV", "dev").env("AWS_ENDPOINT_URL", self.endpoint);
        command.env("AWS_ACCESS_KEY_ID", DEV_ACCOUNT).env("AWS_SECRET_ACCESS_KEY", "a-person");
        command
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        run(&mut self.command(arguments))
    }

    fn json(&self, arguments: &[&str]) -> Value {
        run(self.command(arguments).arg("--json")).json()
    }

    fn succeeds(&self, arguments: &[&str]) -> Ran {
        let ran = self.run(arguments);
        assert_eq!(ran.code, Some(0), "{ran}");
        ran
    }

    /// A commit in which a function says something else.
    fn says(&self, word: &str) {
        self.checkout.say(ORDERS, word);
        self.checkout.commit(&format!("Say {word}"));
    }

    fn ask(&self, service: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> (u16, Value) {
        let signed = signed(DEV_ACCOUNT, service);
        let headers = [headers, &[("Authorization", &signed)]].concat();
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let (status, answer) = send(self.endpoint, method, path, &headers, &body);
        (status, serde_json::from_str(&answer).unwrap_or_default())
    }

    fn items(&self, target: &str, body: &Value) -> (u16, Value) {
        let target = format!("DynamoDB_20120810.{target}");
        let headers = [("X-Amz-Target", target.as_str()), ("Content-Type", "application/x-amz-json-1.0")];
        self.ask("dynamodb", "POST", "/", &headers, body)
    }

    fn put(&self, table: &str, id: &str) {
        let (status, answer) = self.items("PutItem", &json!({"TableName": table, "Item": {"id": {"S": id}}}));
        assert_eq!(status, 200, "{answer}");
    }

    /// How many items a table holds; null where there is none.
    fn held(&self, table: &str) -> Value {
        self.items("Scan", &json!({ "TableName": table })).1["Count"].clone()
    }

    /// What the next version of the function is told of its table.
    fn told(&self) -> Value {
        let (status, found) = self.ask("lambda", "GET", &format!("{API}/{ORDERS}/configuration"), &[], &Value::Null);
        assert_eq!(status, 200, "{found}");
        found["Environment"]["Variables"]["TABLE"].clone()
    }
}

/// How often each branch deploys in turn: `TURNS=10` for a longer night.
fn turns() -> usize {
    std::env::var("TURNS").map_or(1, |turns| turns.parse().expect("a number"))
}

#[test]
fn a_table_outlives_every_branch() {
    let [one, two] = ["data-1", "data-2"].map(Checkout::for_builds);
    let endpoint = one.json(&["local", "up"])["endpoint"].as_str().expect("it runs").to_owned();
    let [production, other] = [&one, &two].map(|checkout| Laptop { checkout, endpoint: &endpoint });
    // The second clone is one of the first's repository, on a branch that was cut before there was any table.
    let pull = |branch: &str| {
        two.git(&["fetch", "--quiet", &one.path("").display().to_string(), PRODUCTION]);
        two.git(&["checkout", "--quiet", "-B", branch, "FETCH_HEAD"]);
    };
    pull(BRANCH);
    production.succeeds(&["bootstrap"]);
    let empty = production.succeeds(&["deploy"]);
    assert!(!empty.stderr.lines().any(|line| line.trim_start().starts_with("data")), "there are none: {empty}");

    made_before_the_functions(&production);
    in_turn(&production, &other);
    a_table_among_the_functions(&production, &other);
    an_older_commit_changes_nothing(&production, &other, pull);
    taken_away_on_purpose(&production, &other);
}

/// What a dry run says is what the run does, and a function is told the table's name.
fn made_before_the_functions(production: &Laptop<'_>) {
    let checkout = production.checkout;
    checkout.write(FILE, DESCRIBED);
    let time = "  timeout            = 10\n";
    let told = format!("{time}\n  environment_variables = {{\n    TABLE = var.data.orders_table\n  }}\n\n");
    checkout.edit("terraform/orders.tf", time, &told);
    checkout.commit("A table for the orders");
    let planned = production.json(&["deploy", "--dry-run", "--function", BILLING]);
    assert_eq!(production.held(TABLE), Value::Null, "a dry run makes nothing");
    let plan = production.json(&["plan"]);
    assert!(plan["plan"].as_str().is_some_and(|plan| plan.contains(ADDRESS) && plan.contains(TABLE)), "{plan}");
    // Narrowed to one function, the data are all of the environment's.
    let deployed = production.json(&["deploy", "--function", BILLING]);
    assert_eq!(deployed["publish"], planned["publish"]);
    assert_eq!(deployed["publish"][0], json!({"stack": "data", "why": "new"}));
    assert_eq!(deployed["publish"][1], json!({"stack": "functions", "why": "changed"}));
    assert_eq!((production.held(TABLE), production.told()), (json!(0), json!(TABLE)));
    production.put(TABLE, "an order");
    let again = production.json(&["deploy"]);
    assert_eq!(again["publish"], json!([]), "{again}");
    assert_eq!(production.json(&["status"])["data"], json!({"orders_table": TABLE}));
    let plan = production.json(&["plan", "--refresh"]);
    assert_eq!(plan["changes"], false, "{plan}");
}

/// Both publish, and what only production describes stays.
fn in_turn(production: &Laptop<'_>, branch: &Laptop<'_>) {
    let functions = "terraform/orders.tf";
    let before = branch.checkout.read(functions);
    let wants = "log_retention_days = 30\n  environment_variables = { INVOICES = var.data.invoices_table }\n";
    branch.checkout.edit(functions, "log_retention_days = 30\n", wants);
    branch.run(&["deploy"]).fails_with(&["invoices_table", "`docs/data.md` tells how to try it"]);
    branch.checkout.write(functions, &before);
    for turn in 0..turns() {
        branch.says(&format!("branch {turn}"));
        let ran = branch.succeeds(&["deploy"]);
        let apart = format!("as `{PRODUCTION}` applied them; this branch's `terraform/data/` differs");
        assert_eq!(ran.stderr.matches(&apart).count(), 1, "{ran}");
        assert_eq!(production.held(TABLE), json!(1), "after the branch's deploy {turn}");
        production.says(&format!("production {turn}"));
        let ran = production.succeeds(&["deploy"]);
        assert!(ran.stderr.contains("data nothing has changed"), "{ran}");
        assert_eq!((production.held(TABLE), production.told()), (json!(1), json!(TABLE)), "after production's {turn}");
    }
}

/// A branch writes a table where the functions are, which all branches share: whoever lacks it is refused.
fn a_table_among_the_functions(production: &Laptop<'_>, branch: &Laptop<'_>) {
    const NOTES: &str = "notes";
    let address = "aws_dynamodb_table.notes";
    let described = DESCRIBED.replace("\"${var.project}-orders\"", "\"notes\"").replace("orders", NOTES);
    let (table, _) = described.split_once("output").expect("an output");
    branch.checkout.write("terraform/notes.tf", table);
    branch.checkout.commit("A table among the functions");
    branch.succeeds(&["deploy"]);
    branch.put(NOTES, "a note");
    let refused = |ran: Ran| {
        ran.fails_with(&[
            "nothing was applied",
            address,
            &format!("`--allow-destroy '{address}'`"),
            "merge that branch",
        ]);
    };
    for turn in 0..turns() {
        production.says(&format!("production refused {turn}"));
        refused(production.run(&["deploy", "--dry-run"]));
        refused(production.run(&["deploy"]));
        branch.says(&format!("branch with notes {turn}"));
        branch.succeeds(&["deploy"]);
        assert_eq!((production.held(NOTES), production.held(TABLE)), (json!(1), json!(1)), "after turn {turn}");
    }
    let ran = production.succeeds(&["deploy", "--allow-destroy", address]);
    assert_eq!((production.held(NOTES), production.held(TABLE)), (Value::Null, json!(1)), "{ran}");
}

/// A clone of production's branch that is behind, also where it is told to go back.
fn an_older_commit_changes_nothing(production: &Laptop<'_>, behind: &Laptop<'_>, pull: impl Fn(&str)) {
    pull(PRODUCTION);
    let more = production.checkout.read(FILE).replace("enabled = true", "enabled = false");
    production.checkout.write(FILE, &more);
    production.checkout.commit("No recovery");
    production.succeeds(&["deploy"]);
    behind.checkout.git(&["fetch", "--quiet", &production.checkout.path("").display().to_string(), PRODUCTION]);
    for verb in ["deploy", "apply"] {
        behind.run(&[verb]).fails_with(&["is newer than this one", "--allow-older"]);
    }
    behind.checkout.git(&["rm", "--quiet", FILE]);
    behind.checkout.edit("terraform/orders.tf", "var.data.orders_table", "\"none\"");
    behind.checkout.commit("Nobody orders any more");
    behind.run(&["deploy", "--allow-older"]).fails_with(&["nothing was applied", ADDRESS]);
    assert_eq!(production.held(TABLE), json!(1));
}

fn taken_away_on_purpose(production: &Laptop<'_>, other: &Laptop<'_>) {
    let checkout = production.checkout;
    checkout.git(&["rm", "--quiet", FILE]);
    checkout.edit("terraform/orders.tf", "var.data.orders_table", "\"none\"");
    checkout.commit("Nobody orders any more");
    let flag = format!("`--allow-destroy '{ADDRESS}'`");
    for arguments in [&["deploy", "--dry-run"][..], &["apply"], &["deploy"]] {
        production.run(arguments).fails_with(&["nothing was applied", ADDRESS, &flag]);
    }
    assert_eq!(production.held(TABLE), json!(1));
    let deployed = production.json(&["deploy", "--allow-destroy", ADDRESS]);
    assert_eq!((production.held(TABLE), production.told()), (Value::Null, json!("none")), "{deployed}");
    assert_eq!(production.json(&["status"])["data"], json!({}));
    // A branch of before that asks for it is told by Terraform; nobody makes it a table of its own.
    assert_eq!(of(&production.json(&["deploy"]), ORDERS)["published"], false);
    assert_eq!(other.held(&format!("{PROJECT}-orders")), Value::Null);
}
