//! What is in AWS and not in the state, as of a run that could not write it down: it is taken in.

use super::super::lock::Running;
use super::super::messages::Said;
use super::super::plan::PlanFile;
use super::{Adoptable, State};
use crate::error::bail_hint;
use crate::tools::events;
use crate::tools::process::Finished;
use anyhow::Result;
use serde_json::Value;
use std::collections::BTreeSet;

/// What Terraform could not make, since it is there.
pub(super) struct Existing {
    pub(super) address: String,
    /// What it is imported by.
    id: String,
    /// Nobody else can have made it, so that its tags need not say so.
    is_ours: bool,
}

impl State<'_> {
    /// Takes in what the state does not tell of, and gives the addresses of what was there.
    pub(super) fn adopt_lost(
        &self,
        file: &str,
        project: &Value,
        adoptable: &Adoptable<'_>,
        killed: &mut Option<Running>,
    ) -> Result<BTreeSet<String>> {
        let (mut known, mut adopted) = (self.known()?, BTreeSet::new());
        for (address, id) in adoptable.named {
            let was_locked = killed.is_some();
            let named = Existing { address: address.clone(), id: id.clone(), is_ours: true };
            if !known.contains(address) && self.adopt(file, &named, project, killed)? {
                adopted.insert(named.address);
            }
            // With the lock of the killed run comes what that one could not save.
            if was_locked && killed.is_none() {
                known = self.known()?;
            }
        }
        let Some(find) = adoptable.find else { return Ok(adopted) };
        let plan = PlanFile::beside(&self.data);
        let mut taken: BTreeSet<_> = self.resources()?.iter().filter_map(id_of).collect();
        // What lies in something that was adopted, such as the routes of an API, can be told in the next round.
        loop {
            let before = adopted.len();
            let tool = self.tool(&["plan", "-no-color", "-lock=false", &plan.out()]).args([file]);
            // Where it cannot be planned, the apply says why.
            if !tool.finish(&self.folder)?.success() {
                return Ok(adopted);
            }
            for (address, kind, planned) in self.read(&plan)?.created() {
                let Some(id) = find(kind, planned)?.into_iter().find(|id| !taken.contains(own_id(id))) else {
                    continue;
                };
                let own = Existing { address: address.to_owned(), id: id.clone(), is_ours: true };
                if self.adopt(file, &own, project, killed)? {
                    taken.insert(own_id(&id).to_owned());
                    adopted.insert(address.to_owned());
                }
            }
            if adopted.len() == before {
                return Ok(adopted);
            }
        }
    }

    /// What an apply has failed for, all of it: the provider spends minutes on a function before it says so.
    pub(super) fn existing(&self, said: &Said, plan: Option<&PlanFile>, adoptable: &Adoptable<'_>) -> Vec<Existing> {
        let errors = said.errors.iter().filter(|error| already_exists(&error.text())).collect::<Vec<_>>();
        if errors.is_empty() {
            return Vec::new();
        }
        let plan = plan.and_then(|plan| self.read(plan).ok());
        let existing = errors.into_iter().filter_map(|error| {
            let address = error.address.as_deref()?;
            let named = adoptable.named.iter().find(|(known, _)| known == address).map(|(_, id)| id.clone());
            let found = || {
                let (_, kind, planned) = plan.as_ref()?.created().find(|(created, ..)| *created == address)?;
                adoptable.find?(kind, planned).ok()?.into_iter().next()
            };
            if let Some(id) = named.or_else(|| told_id(&error.text())).or_else(found) {
                return Some(Existing { address: address.to_owned(), id, is_ours: true });
            }
            // The name of a bucket holds the account's number, and its tags come in a second call.
            let is_ours = address.starts_with("aws_s3_bucket.");
            Some(Existing { address: address.to_owned(), id: plan.as_ref()?.id(address)?, is_ours })
        });
        existing.collect()
    }

    /// Takes in what is there: whether it was.
    ///
    /// # Errors
    /// Among others: it is not the project's.
    pub(super) fn adopt(
        &self,
        file: &str,
        Existing { address, id, is_ours }: &Existing,
        project: &Value,
        killed: &mut Option<Running>,
    ) -> Result<bool> {
        if !self.import(file, address, id, killed)?.success() {
            return Ok(false);
        }
        if !is_ours && !self.is_tagged(address, project)? {
            self.change(&self.tool(&["state", "rm"]).args([address]), killed)?;
            bail_hint!(
                format!("give yours another name; to take that one over, tag it with `project` = {project}, and run this again");
                "`{id}` exists in AWS, and not as this project's: `{address}` cannot be made"
            );
        }
        events::say("adopt", &format!("`{id}`, which exists but was not in Terraform's state"));
        Ok(true)
    }

    /// Takes what exists into the state.
    pub(super) fn import(&self, file: &str, address: &str, id: &str, killed: &mut Option<Running>) -> Result<Finished> {
        self.change(&self.tool(&["import", "-no-color"]).args([file, address, id]), killed)
    }

    /// Whether what was imported has the tag that all of the project's resources have.
    fn is_tagged(&self, address: &str, project: &Value) -> Result<bool> {
        let found = self.resources()?.into_iter().find(|resource| resource["address"] == address);
        Ok(found.is_some_and(|resource| resource["values"]["tags_all"]["project"] == *project))
    }
}

/// A resource's id in the state.
fn id_of(resource: &Value) -> Option<String> {
    resource["values"]["id"].as_str().map(str::to_owned)
}

/// The id in the state of what is imported by that and where it lies, as `a1b2/c3d4`.
fn own_id(id: &str) -> &str {
    id.rsplit_once('/').map_or(id, |(_, own)| own)
}

/// AWS's words, by service, for a thing that is made twice.
fn already_exists(error: &str) -> bool {
    const WORDS: [&str; 5] = [
        "already exist",
        "AlreadyExists",
        "AlreadyOwnedByYou",
        "ResourceConflictException",
        "has been taken in this account",
    ];
    WORDS.iter().any(|word| error.contains(word))
}

/// The id of what is there already, where AWS says it: of an event source mapping, which has no name to be known by.
fn told_id(error: &str) -> Option<String> {
    let (_, rest) = error.split_once("existing mapping with UUID ")?;
    let id: String = rest.chars().take_while(|c| c.is_ascii_hexdigit() || *c == '-').collect();
    (!id.is_empty()).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::super::super::plan::Contents;
    use super::{already_exists, told_id};
    use serde_json::json;

    #[test]
    fn what_is_there_already_is_told_from_other_errors() {
        for said in [
            "EntityAlreadyExists: Role with name orders-1 already exists.",
            "InvalidInput: Service role name AWSServiceRoleForAPIGateway has been taken in this account, please try a different suffix.",
            "ResourceConflictException: Function already exist: orders",
            "BucketAlreadyOwnedByYou: Your previous request to create the named bucket succeeded and you already own it.",
        ] {
            assert!(already_exists(said), "{said}");
        }
        assert!(!already_exists("AccessDenied: User is not authorized to perform: iam:CreateRole"));
    }

    #[test]
    fn what_is_there_already_is_known_by_what_is_said_of_it() {
        let said = "ResourceConflictException: The event source arn (\" arn \") and function (\" orders:main \") provided \
            mapping already exists. Please update or delete the existing mapping with UUID 79e98ec5-e10a-4962-87fc-8abd3651d177\n";
        assert_eq!(told_id(said).as_deref(), Some("79e98ec5-e10a-4962-87fc-8abd3651d177"));
        assert_eq!(told_id("ResourceConflictException: Function already exist: orders"), None);
        let made = |address: &str, after| {
            let kind = address.split_once('.').expect("a resource").0;
            json!({"address": address, "type": kind, "change": {"actions": ["create"], "after": after}})
        };
        let plan = json!({"resource_changes": [
            made("aws_s3_bucket.orders", json!({"bucket": "orders-1"})),
            made("aws_s3_bucket.unnamed", json!({})),
            made("aws_dynamodb_table.orders", json!({"name": "orders-items"})),
            made("aws_sqs_queue.orders", json!({"name": "orders"})),
        ]});
        let plan: Contents = serde_json::from_value(plan).expect("a plan");
        let id = |address| plan.id(address);
        assert_eq!(id("aws_s3_bucket.orders").as_deref(), Some("orders-1"));
        assert_eq!(id("aws_dynamodb_table.orders").as_deref(), Some("orders-items"));
        // A queue is imported by its URL.
        let unknown = ["aws_s3_bucket.unnamed", "aws_s3_bucket.other", "aws_sqs_queue.orders"].map(id);
        assert_eq!(unknown, [None, None, None]);
    }
}
