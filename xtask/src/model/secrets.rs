//! What looks like a secret where variables of functions are said. Whoever may read a version reads its variables too, and
//! so does whoever may read Terraform's state or the repository.

use hcl_edit::expr::{Expression, ObjectKey, ObjectValue};
use hcl_edit::parser::parse_body;
use hcl_edit::template::{Element, Template};
use hcl_edit::visit::{self, Visit};
use serde_json::Value;
use std::collections::BTreeSet;

/// Names that end in one of these are given to what nobody may know, ...
const SECRET: [&str; 8] = ["CREDENTIAL", "CREDENTIALS", "KEY", "PASSPHRASE", "PASSWD", "PASSWORD", "SECRET", "TOKEN"];
/// ... those that end in one of these to what only leads there, or to what is no more than a number, ...
const NAMED: [&str; 10] = ["ARN", "COMMIT", "DIGEST", "FILE", "HASH", "ID", "NAME", "PARAMETER", "PATH", "URL"];
/// ... and a key that is called so opens nothing.
const OPEN_KEYS: [&str; 2] = ["PUBLIC", "PUBLISHABLE"];

/// What the tokens of services that are used everywhere begin with.
const TOKENS: [&str; 11] = [
    "ghp_",
    "gho_",
    "github_pat_",
    "glpat-",
    "npm_",
    "rk_live_",
    "sk_live_",
    "whsec_",
    "xoxb-",
    "xoxp-",
    "https://hooks.slack.com/services/",
];

/// What stands in a text of Terraform's in place of what is worked out later.
const WORKED_OUT: &str = "${";

/// The secrets that seem to stand in a file of Terraform's or of its variables, as sentences. `public` are names of which
/// somebody has said that they are none. A file that cannot be read as such is not ours to complain of.
pub(crate) fn found(path: &str, text: &str, public: &BTreeSet<String>) -> Vec<String> {
    let mut entries = Entries(Vec::new());
    if path.ends_with(".json") {
        entries.visit_json(&serde_json::from_str(text).unwrap_or_default());
    } else if let Ok(body) = parse_body(text) {
        entries.visit_body(&body);
    }
    let others = entries.0.into_iter().filter(|(name, _)| !public.contains(name));
    others.filter_map(|(name, value)| Some(format!("{path}: `{name}` {}", looks_like(&name, &value)?))).collect()
}

/// Why the value of a variable looks like a secret, if it does.
fn looks_like(name: &str, value: &str) -> Option<&'static str> {
    if value.contains("-----BEGIN") && value.contains("PRIVATE KEY") {
        return Some("has a private key");
    }
    if TOKENS.iter().any(|beginning| value.starts_with(beginning)) || is_signed_token(value) || has_access_key(value) {
        return Some("has what opens an account");
    }
    if has_password(value) {
        return Some("has a URL with a password");
    }
    let name = name.to_uppercase();
    let mut words = name.rsplit(['_', '-', '.']);
    let (last, before) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let is_open = last == "KEY" && OPEN_KEYS.contains(&before);
    if is_open || NAMED.contains(&last) || value.contains(WORKED_OUT) {
        return None;
    }
    if is_random(value) {
        return Some("has what looks random");
    }
    // The key of a table or a map, as in `id` or `createdAt`.
    let is_word = last == "KEY" && value.chars().all(|c| c.is_ascii_alphabetic() || "-_".contains(c));
    let is_called_so = SECRET.contains(&last) && !is_word && !leads_elsewhere(value);
    is_called_so.then_some("is called like a secret, and has a value")
}

/// Whether it is the name of a thing and not the thing: an ARN, a URL, a path, the name of a parameter.
fn leads_elsewhere(value: &str) -> bool {
    matches!(value, "" | "true" | "false") || value.contains('/') || value.starts_with("arn:")
}

/// An access key of AWS's (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html>).
fn has_access_key(value: &str) -> bool {
    let is_part = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit();
    value
        .split(|c| !is_part(c))
        .any(|part| part.len() == 20 && ["AKIA", "ASIA"].iter().any(|kind| part.starts_with(kind)))
}

/// A JSON web token: what two objects of JSON begin with in base64, and a signature.
fn is_signed_token(value: &str) -> bool {
    matches!(value.split('.').collect::<Vec<_>>()[..], [head, claims, _] if head.starts_with("eyJ") && claims.starts_with("eyJ"))
}

/// Whether a URL names somebody with a password that is said.
fn has_password(value: &str) -> bool {
    let who = value.split_once("://").and_then(|(_, rest)| rest.split(['/', '?', '#']).next()?.rsplit_once('@'));
    let password = who.and_then(|(who, _)| who.split_once(':'));
    password.is_some_and(|(_, password)| !password.is_empty() && !password.contains(WORKED_OUT))
}

/// Whether nobody would have thought of it: long, of letters and digits, and changing between small ones, capitals and digits
/// as no words do.
fn is_random(value: &str) -> bool {
    const LONG: usize = 20;
    let is_part = |c: char| c.is_ascii_alphanumeric() || "+/=_-.~".contains(c);
    if value.len() < LONG || !value.chars().all(is_part) || is_uuid(value) {
        return false;
    }
    let is_digits =
        value.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte.to_ascii_lowercase()));
    if is_digits {
        // A number, or a digest or key in hexadecimal digits.
        return value.len() >= 32 && value.bytes().any(|byte| byte.is_ascii_alphabetic());
    }
    let kind = |byte: u8| (byte.is_ascii_lowercase(), byte.is_ascii_uppercase(), byte.is_ascii_digit());
    let words = || value.split(|c: char| !c.is_ascii_alphanumeric()).map(str::as_bytes);
    let changes = words().flat_map(|word| word.windows(2)).filter(|pair| kind(pair[0]) != kind(pair[1])).count();
    let length: usize = words().map(<[u8]>::len).sum();
    let has_both = [u8::is_ascii_lowercase, u8::is_ascii_uppercase].iter().all(|is| value.as_bytes().iter().any(is));
    // Of what is drawn from base64 about 6 in 10 change, of `camelCase2` 2 or 3.
    has_both && changes * 10 >= length * 3
}

/// The usual name of things, and hardly ever a secret.
fn is_uuid(value: &str) -> bool {
    let parts = value.split('-').map(str::len);
    parts.eq([8, 4, 4, 4, 12]) && value.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

/// The entries of all maps, as far as their values are texts: variables may be put together from several.
struct Entries(Vec<(String, String)>);

impl Entries {
    fn visit_json(&mut self, value: &Value) {
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    match value {
                        Value::String(text) => self.0.push((name.clone(), text.clone())),
                        other => self.visit_json(other),
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.visit_json(item)),
            _ => {}
        }
    }
}

impl Visit for Entries {
    fn visit_object_item(&mut self, key: &ObjectKey, value: &ObjectValue) {
        let name = match key {
            ObjectKey::Ident(name) => Some(name.to_string()),
            ObjectKey::Expression(name) => text(name),
        };
        self.0.extend(name.zip(text(value.expr())));
        visit::visit_object_item(self, key, value);
    }
}

fn text(expression: &Expression) -> Option<String> {
    match expression {
        Expression::String(text) => Some(text.to_string()),
        Expression::StringTemplate(template) => Some(said(template)),
        Expression::HeredocTemplate(heredoc) => Some(said(&heredoc.template)),
        Expression::Parenthesis(inner) => text(inner.inner()),
        _ => None,
    }
}

fn said(template: &Template) -> String {
    let part = |element: &Element| match element {
        Element::Literal(text) => text.to_string(),
        Element::Interpolation(_) | Element::Directive(_) => WORKED_OUT.to_owned(),
    };
    template.iter().map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use base64::prelude::{BASE64_STANDARD as STANDARD, BASE64_URL_SAFE_NO_PAD as URL_SAFE_NO_PAD};
    use proptest::prelude::*;

    /// Put together here, so that no scanner finds them in this file.
    fn secrets() -> Vec<(&'static str, String)> {
        let said = |parts: &[&str]| parts.concat();
        vec![
            ("ANYTHING", said(&["AKIA", "IOSFODNN7EXAMPLE"])),
            ("AWS_ACCESS_KEY_ID", said(&["ASIA", "IOSFODNN7EXAMPLE"])),
            ("AWS_SECRET_ACCESS_KEY", said(&["wJalrXUtnFEMI/K7MDENG/", "bPxRfiCYEXAMPLEKEY"])),
            ("TLS", said(&["-----BEGIN ", "RSA PRIVATE KEY-----\nMIIE\n"])),
            ("GITHUB", said(&["ghp", "_", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"])),
            ("CHAT", said(&["https://hooks.slack.com/", "services/T0/B0/x"])),
            ("SESSION", said(&["eyJhbGciOiJIUzI1NiJ9", ".", "eyJzdWIiOiIxIn0", ".", "c2ln"])),
            ("DATABASE_URL", said(&["postgres://shop:", "hunter2", "@db.example.com/shop"])),
            ("DB_PASSWORD", "hunter2".to_owned()),
            ("db_password", "changeme".to_owned()),
            ("Stripe-Secret", "x".to_owned()),
            ("GITHUB_TOKEN", "123456".to_owned()),
            ("STRIPE_KEY", "letmein1".to_owned()),
            ("SIGNED_WITH", said(&["9f86d081884c7d65", "9a2feaa0c55ad015a3bf4f1b2b0b822c"])),
            ("SALT", said(&["kX9v2QmZ", "7LpT4RwYb8Hs"])),
        ]
    }

    #[test]
    fn what_opens_something_is_told() {
        for (name, value) in secrets() {
            assert!(looks_like(name, &value).is_some(), "{name} = {value}");
        }
    }

    #[test]
    fn what_only_names_it_is_not() {
        for (name, value) in [
            ("RUST_LOG", "info,hyper=warn"),
            ("STRIPE_KEY_SECRET_ID", "acme-shop/orders/stripe-key"),
            ("STRIPE_KEY", "/acme-shop/prod/orders/stripe-key"),
            ("DB_PASSWORD", "arn:aws:secretsmanager:eu-central-1:123456789012:secret:acme/db-AbC1d2"),
            ("DB_PASSWORD_PARAMETER", "acme.db"),
            ("DB_PASSWORD", ""),
            ("REQUIRE_TOKEN", "true"),
            ("TOKEN_LIFETIME", "3600"),
            ("MAX_TOKENS", "4096"),
            ("TOKEN_URL", "https://id.example.com/oauth/token"),
            ("DATABASE_URL", "postgres://shop@db.example.com/shop"),
            ("QUEUE_URL", "https://sqs.eu-central-1.amazonaws.com/123456789012/Orders2"),
            ("PARTITION_KEY", "id"),
            ("SORT_KEY", "created-at"),
            ("TABLE_SORT_KEY", "createdAt"),
            ("HASH_KEY", "PK"),
            ("STRIPE_PUBLISHABLE_KEY", "pk_live_51H8kX9v2QmZ7LpT4RwYb8Hs"),
            ("API_KEY_HEADER", "x-api-key"),
            ("USER_POOL_ID", "eu-central-1_AbCdEf2hI"),
            ("BUCKET", "acme-shop-thumbnails-123456789012-eu-central-1"),
            ("TENANT", "3f2504e0-4f89-11d3-9a0c-0305e82c3301"),
            ("CLASS", "com.acme.shop.OrderEventsHandlerV2Factory"),
            ("TEMPLATE", "/var/task/Templates/OrderConfirmation2.html"),
            ("CERTIFICATE", "-----BEGIN CERTIFICATE-----\nMIIB\n"),
            ("HOSTS", "a.example.com,b.example.com"),
            ("SINCE", "2026-01-01T00:00:00Z"),
        ] {
            assert_eq!(looks_like(name, value), None, "{name} = {value}");
        }
    }

    #[test]
    fn terraform_is_read_wherever_variables_may_stand() {
        let text = r#"
            locals {
              common = { "DB_PASSWORD" = ("hunter2") }
            }
            module "orders" {
              environment_variables = merge(local.common, {
                GITHUB_TOKEN  = "abc1"
                RUST_LOG      = "info"
                STRIPE_SECRET = var.stripe
                API_TOKEN     = "${var.token}"
                DATABASE      = "postgres://shop:hunter2@${var.host}/shop"
                OTHERS        = "postgres://shop:${var.password}@db/shop"
                VAPID_KEY     = "BNbxQ1"
                LETTER        = <<-EOT
                  -----BEGIN PRIVATE KEY-----
                EOT
              })
            }
            resource "aws_lambda_function" "by_hand" {
              environment {
                variables = { SESSION_SECRET = "x" }
              }
            }"#;
        let public = BTreeSet::from(["VAPID_KEY".to_owned()]);
        let said = found("terraform/orders.tf", text, &public);
        let names = said.iter().filter_map(|line| line.strip_prefix("terraform/orders.tf: `")?.split('`').next());
        assert_eq!(names.collect::<Vec<_>>(), ["DB_PASSWORD", "GITHUB_TOKEN", "DATABASE", "LETTER", "SESSION_SECRET"]);
        assert_eq!(found("terraform/broken.tf", "module {{", &public), Vec::<String>::new());
    }

    #[test]
    fn so_are_the_files_of_environments() {
        let text = r#"{
            "account_id": "REPLACE it",
            "circleci": {"organization_id": "00000000-0000-0000-0000-000000000000"},
            "functions": {"orders": {"environment_variables": {"STRIPE_KEY": "hunter2", "LEVEL": "debug"}}},
            "more": [{"PASSWORD": "x"}]
        }"#;
        let path = "terraform/environments/dev.tfvars.json";
        let sentence = |name| format!("{path}: `{name}` is called like a secret, and has a value");
        assert_eq!(found(path, text, &BTreeSet::new()), ["STRIPE_KEY", "PASSWORD"].map(sentence));
    }

    proptest! {
        /// What a generator of keys makes is found under whatever name.
        #[test]
        fn random_keys_are_told(key in proptest::collection::vec(any::<u8>(), 30..64), name in "[A-Z]{1,8}(_[A-Z]{1,8}){0,2}_X") {
            let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
            for key in [STANDARD.encode(&key), URL_SAFE_NO_PAD.encode(&key), hex] {
                prop_assert!(looks_like(&name, &key).is_some(), "{}", key);
            }
        }

        /// What somebody has given names is none, whatever it is the value of.
        #[test]
        fn names_are_not(path in "/?[a-z]{2,12}(/[a-z]{1,12}(-[a-z0-9]{1,8})?){1,5}", name in "[A-Z]{1,8}(_(KEY|TOKEN|SECRET|PASSWORD|URL))?") {
            prop_assert_eq!(looks_like(&name, &path), None);
            let arn = format!("arn:aws:ssm:eu-central-1:123456789012:parameter/{}", path.trim_start_matches('/'));
            prop_assert_eq!(looks_like(&name, &arn), None);
        }

        /// A name and a value mean the same in both languages.
        #[test]
        fn both_languages_are_read_alike(name in "[A-Z][A-Z_]{0,12}", value in "[ -~]{0,48}") {
            let quoted = Value::from(value.clone()).to_string();
            let json = found("x.json", &format!("{{\"{name}\": {quoted}}}"), &BTreeSet::new());
            prop_assert_eq!(json.is_empty(), looks_like(&name, &value).is_none());
            // Signs that open something in Terraform's language mean what they say in the other.
            if !value.contains(['$', '%', '\\']) {
                let terraform = found("x.tf", &format!("x = {{ {name} = {quoted} }}"), &BTreeSet::new());
                prop_assert_eq!(terraform.len(), json.len());
            }
        }
    }
}
