//! Aliases: read, and written by compare-and-swap.

use super::{Aws, code, failed, status};
use crate::error::Hint;
use crate::model::alias::Alias;
use crate::model::moves::Update;
use crate::model::record::Record;
use crate::model::version::Version;
use anyhow::{Context, Result};
use aws_sdk_lambda::types::{AliasConfiguration, AliasRoutingConfiguration};

/// What became of a write that names what it expects.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Swap {
    Done,
    /// Somebody else wrote first: 412 on an update, 409 on a create, 404 where it is gone.
    Lost,
}

impl Aws {
    /// All aliases, by name.
    pub(crate) fn aliases(&self, lambda: &str) -> Result<Vec<Alias>> {
        self.runtime.block_on(self.list_aliases(lambda))
    }

    pub(super) async fn list_aliases(&self, lambda: &str) -> Result<Vec<Alias>> {
        let pages = self.lambda.list_aliases().function_name(lambda).into_paginator().items().send();
        match pages.collect::<Result<Vec<_>, _>>().await {
            Ok(all) => {
                let mut aliases = all.into_iter().map(alias).collect::<Result<Vec<_>>>()?;
                aliases.sort_by(|a, b| a.name.cmp(&b.name));
                Ok(aliases)
            }
            Err(error) if code(&error) == Some("ResourceNotFoundException") => Ok(Vec::new()),
            Err(error) => Err(failed(&format!("cannot list the aliases of `{lambda}`"), &error)),
        }
    }

    /// One alias, or `None` when it does not exist.
    pub(crate) fn alias(&self, lambda: &str, name: &str) -> Result<Option<Alias>> {
        match self.runtime.block_on(self.lambda.get_alias().function_name(lambda).name(name).send()) {
            Ok(found) => alias(
                AliasConfiguration::builder()
                    .set_name(found.name)
                    .set_function_version(found.function_version)
                    .set_description(found.description)
                    .set_routing_config(found.routing_config)
                    .set_revision_id(found.revision_id)
                    .build(),
            )
            .map(Some),
            Err(error) if code(&error) == Some("ResourceNotFoundException") => Ok(None),
            Err(error) => Err(failed(&format!("cannot read alias `{name}` of `{lambda}`"), &error)),
        }
    }

    pub(crate) fn create_alias(&self, lambda: &str, name: &str, version: Version, description: &str) -> Result<Swap> {
        let call = self.lambda.create_alias().function_name(lambda).name(name);
        let call = call.function_version(version.to_string()).description(description);
        match self.runtime.block_on(call.send()) {
            Ok(_) => Ok(Swap::Done),
            Err(error) if status(&error) == Some(409) => Ok(Swap::Lost),
            Err(error) => Err(failed(&format!("cannot create alias `{name}` of `{lambda}`"), &error)),
        }
    }

    /// Moves an alias if its revision is still the one that was read. The weights are always stated: leaving them out
    /// would keep them (<https://docs.aws.amazon.com/lambda/latest/api/API_UpdateAlias.html>).
    pub(crate) fn update_alias(&self, lambda: &str, name: &str, update: &Update) -> Result<Swap> {
        let weights = update.split.iter().map(|split| (split.version.to_string(), split.share.weight())).collect();
        let routing = AliasRoutingConfiguration::builder().set_additional_version_weights(Some(weights)).build();
        let call = self.lambda.update_alias().function_name(lambda).name(name).routing_config(routing);
        let call = call.function_version(update.version.to_string()).revision_id(&update.revision);
        let call = call.set_description(update.record.as_ref().map(Record::to_description));
        match self.runtime.block_on(call.send()) {
            Ok(_) => Ok(Swap::Done),
            Err(error) if matches!(status(&error), Some(404 | 409 | 412)) => Ok(Swap::Lost),
            Err(error) => Err(failed(&format!("cannot move alias `{name}` of `{lambda}`"), &error)),
        }
    }

    /// Deletes an alias; nothing to do where there is none. Its URL would stay behind: delete that first.
    pub(crate) fn delete_alias(&self, lambda: &str, name: &str) -> Result<()> {
        match self.runtime.block_on(self.lambda.delete_alias().function_name(lambda).name(name).send()) {
            Ok(_) => Ok(()),
            Err(error) if code(&error) == Some("ResourceNotFoundException") => Ok(()),
            Err(error) => Err(failed(&format!("cannot delete alias `{name}` of `{lambda}`"), &error)),
        }
    }
}

fn alias(found: AliasConfiguration) -> Result<Alias> {
    let name = found.name.context("AWS gave an alias without a name")?;
    let version = found.function_version.unwrap_or_default();
    let weights = found.routing_config.and_then(|routing| routing.additional_version_weights).unwrap_or_default();
    Ok(Alias {
        version: version
            .parse()
            .with_context(|| format!("alias `{name}` points at `{version}`, which is no published version"))
            .hint("point it at a version in the AWS console, or delete it, then run this again")?,
        weights: weights.into_iter().filter_map(|(version, weight)| Some((version.parse().ok()?, weight))).collect(),
        description: found.description.unwrap_or_default(),
        revision: found.revision_id.unwrap_or_default(),
        name,
    })
}
