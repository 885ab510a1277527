//! What is published, compared with what was applied: AWS may have refused a part of it, and a person may have changed it
//! by hand since.

use super::Held;
use super::lambdas::{Lambda, Lambdas};
use crate::environment::Environment;
use crate::model::content::Content;
use crate::tools::aws::Aws;
use crate::tools::parallel::side_by_side;
use anyhow::Result;
use std::collections::BTreeMap;
use std::fmt;

/// What is published, and is something else than what was applied.
#[derive(Debug)]
pub(super) struct Wrong {
    pub(super) function: String,
    what: String,
    /// Empty where it is not there at all.
    pub(super) differences: Vec<String>,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.differences.as_slice() {
            [] => write!(f, "{} is not there", self.what),
            differences => write!(f, "{} has {}", self.what, differences.join(", ")),
        }
    }
}

/// The versions that are not as `wanted`. What the next one is published from, `$LATEST`, is another thing at any moment
/// while others deploy; it is looked at where nobody has applied since.
pub(super) fn compare(
    aws: &Aws,
    lambdas: &Lambdas,
    latest: bool,
    wanted: impl Fn(&str, &Lambda, &Content) -> Content + Sync,
) -> Result<Vec<Wrong>> {
    let lambdas: Vec<_> = lambdas.iter().collect();
    let judged = side_by_side(&lambdas, |(function, lambda)| {
        let wrong = |what: String, differences| Wrong { function: (*function).clone(), what, differences };
        let version = lambda.lambda_version;
        let what = format!("version {version} of `{function}`");
        let Some(found) = aws.version(&lambda.lambda_name, version)? else {
            return Ok(Some(wrong(what, Vec::new())));
        };
        let wanted = wanted(function, lambda, &found.content);
        let differences = found.content.differences(&wanted);
        if !differences.is_empty() {
            return Ok(Some(wrong(what, differences)));
        }
        // Terraform reads it, and sees no difference: it compares packages.
        let told = Content { code_sha256: lambda.code_sha256.clone(), ..found.content };
        let differences = told.differences(&wanted);
        if !differences.is_empty() {
            return Ok(Some(wrong(format!("`$LATEST` of `{function}`"), differences)));
        }
        let latest = if latest { aws.latest(&lambda.lambda_name)? } else { None };
        let Some(latest) = latest else { return Ok(None) };
        let differences = latest.content.differences(&wanted);
        let what = format!("`$LATEST` of `{function}`, changed {},", latest.last_modified);
        Ok((!differences.is_empty()).then(|| wrong(what, differences)))
    });
    let judged = judged.into_iter().collect::<Result<Vec<_>>>()?;
    Ok(judged.into_iter().flatten().collect())
}

/// What is in AWS by nobody's deploy, as sentences by function: other code or configuration than the state tells of, or a
/// version that was published since.
pub(crate) fn by_hand(aws: &Aws, lambdas: &Lambdas) -> Result<BTreeMap<String, Vec<String>>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for wrong in compare(aws, lambdas, true, |_, lambda, found| lambda.content(found))? {
        found.entry(wrong.function.clone()).or_default().push(wrong.to_string());
    }
    let listed: Vec<_> = lambdas.iter().collect();
    let newest = side_by_side(&listed, |(_, lambda)| Ok(aws.versions(&lambda.lambda_name)?.into_iter().next()));
    for ((function, lambda), newest) in listed.into_iter().zip(newest.into_iter().collect::<Result<Vec<_>>>()?) {
        if let Some(newest) = newest.filter(|newest| newest.version > lambda.lambda_version) {
            let (version, at) = (newest.version, newest.last_modified);
            let sentence = format!("version {version} of `{function}` was published {at}, but not by a deploy");
            found.entry(function.clone()).or_default().push(sentence);
        }
    }
    Ok(found)
}

/// What the state tells of the functions, read where it lies: nothing where there is none, or it is of another format.
pub(crate) fn applied(environment: &Environment, aws: &Aws) -> Result<Lambdas> {
    let held = Held::known(aws, &environment.bucket(), "functions.tfstate")?;
    Ok(held.map_or(Ok(None), |held| held.output("lambdas"))?.unwrap_or_default())
}
