//! HTTP APIs in AWS that Terraform does not tell of: they and what lies in them have ids that nobody knows beforehand.

use crate::tools::aws::Aws;
use anyhow::{Context, Result};
use serde_json::Value;

/// The HTTP API of the project and environment, and what lies in it: they have ids of their own, by which they are imported.
pub(super) fn find(aws: &Aws, variables: &Value, kind: &str, planned: &Value) -> Result<Vec<String>> {
    let text = |key: &str| planned[key].as_str();
    let Some(api) = text("api_id") else {
        let Some(name) = text("name").filter(|_| kind == "aws_apigatewayv2_api") else { return Ok(Vec::new()) };
        return Ok(named(&aws.apis("")?, variables, name).collect());
    };
    let (list, id, told, wanted) = match kind {
        "aws_apigatewayv2_integration" => ("integrations", "integrationId", "integrationUri", text("integration_uri")),
        "aws_apigatewayv2_route" => ("routes", "routeId", "routeKey", text("route_key")),
        "aws_apigatewayv2_stage" => ("stages", "stageName", "stageName", text("name")),
        _ => return Ok(Vec::new()),
    };
    let items = aws.apis(&format!("/{api}/{list}"))?.into_iter();
    let found = items.filter(|item| wanted.is_some() && item[told].as_str() == wanted);
    Ok(found.filter_map(|item| Some(format!("{api}/{}", item[id].as_str()?))).collect())
}

/// The ids of the APIs that are called so and have the tags of the stack's.
fn named<'a>(all: &'a [Value], variables: &'a Value, name: &'a str) -> impl Iterator<Item = String> + 'a {
    let ours = all.iter().filter(move |api| api["name"] == name && is_ours(api, variables));
    ours.filter_map(|api| Some(api["apiId"].as_str()?.to_owned()))
}

/// Whether the gateway's stack, or another of the project's, has made it.
pub(super) fn is_ours(api: &Value, variables: &Value) -> bool {
    ["project", "environment"].iter().all(|key| api["tags"][key] == variables[key])
}

/// What is there once more than it should be, and what deletes it: API Gateway makes a thing again where a call is repeated.
/// APIs that are called like this one and lead nowhere, and its integrations that no route leads to; nothing that the state
/// holds.
pub(super) fn surplus(aws: &Aws, variables: &Value, id: &str, state: &str) -> Result<Vec<(String, String)>> {
    let is_held = |id: &str| state.contains(&format!("\"{id}\""));
    let mut surplus = Vec::new();
    let all = aws.apis("")?;
    let name = all.iter().find(|api| api["apiId"] == id).and_then(|api| api["name"].as_str());
    let name = name.context("the HTTP API is not listed yet")?;
    for twin in named(&all, variables, name).filter(|twin| !is_held(twin)) {
        if aws.apis(&format!("/{twin}/routes"))?.is_empty() {
            surplus.push((format!("HTTP API `{twin}`"), format!("delete-api --api-id {twin}")));
        }
    }
    let routes = aws.apis(&format!("/{id}/routes"))?;
    for integration in aws.apis(&format!("/{id}/integrations"))? {
        let own = integration["integrationId"].as_str().unwrap_or_default();
        let target = format!("integrations/{own}");
        if !is_held(own) && routes.iter().all(|route| route["target"] != *target) {
            let what = format!("integration `{own}` of HTTP API `{id}`");
            surplus.push((what, format!("delete-integration --api-id {id} --integration-id {own}")));
        }
    }
    Ok(surplus)
}
