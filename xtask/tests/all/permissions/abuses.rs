//! Calls that must be refused, to each of the pipeline's roles and to whoever gets hold of a function's.

use super::bucket;
use crate::common::calls::Place;
use crate::common::fixture::{DEV_ACCOUNT, ORDERS, PRODUCTION, PROJECT};
use crate::common::judge::Call;

const URL: [&str; 2] = ["CreateFunctionUrlConfig", "UpdateFunctionUrlConfig"];
const PUBLISHING: [&str; 5] =
    ["CreateFunction", "DeleteFunction", "PublishVersion", "UpdateFunctionCode", "UpdateFunctionConfiguration"];
const RELEASING: [&str; 3] = ["CreateAlias", "RemovePermission", "UpdateAlias"];

pub(super) fn of(duty: &str, place: Place<'_>) -> Vec<Call> {
    let mut all = of_any(place);
    let function = place.function(ORDERS);
    let alias = place.function(&format!("{ORDERS}:{PRODUCTION}"));
    let lambda = |action: &str, resource: &str| Call::new(&format!("lambda:{action}"), resource);
    let gateway = lambda("AddPermission", &alias).with("lambda:Principal", "apigateway.amazonaws.com");
    let state = |key: &str| format!("arn:aws:s3:::{}/{key}", bucket(place));
    let apis = |end: &str| format!("arn:aws:apigateway:{}::/apis{end}", place.region);
    match duty {
        // Everything up to the gate, and nothing of what lies behind it.
        "publish" => {
            all.extend(RELEASING.map(|action| lambda(action, &function)));
            all.extend(RELEASING.map(|action| lambda(action, &alias)));
            all.extend([lambda("DeleteAlias", &function), gateway]);
            all.extend(["PutObject", "DeleteObject"].into_iter().flat_map(|action| {
                ["gateway.tfstate", "gateway.tfstate.tflock", "gateway.applied"]
                    .map(|key| Call::new(&format!("s3:{action}"), &state(key)))
            }));
            all.extend(
                ["POST", "PATCH", "DELETE", "PUT"]
                    .map(|method| Call::new(&format!("apigateway:{method}"), &apis("/a"))),
            );
            let access = place.log_group(&format!("/aws/apigateway/{PROJECT}"));
            all.extend(
                ["CreateLogGroup", "PutRetentionPolicy"].map(|action| Call::new(&format!("logs:{action}"), &access)),
            );
            all.push(Call::new("logs:PutResourcePolicy", "*"));
        }
        // Moves what is published, and publishes nothing.
        "release" => {
            all.extend(PUBLISHING.map(|action| lambda(action, &function)));
            all.push(lambda("DeleteFunction", &place.function(&format!("{ORDERS}:3"))));
            all.push(lambda("DeleteAlias", &function));
            all.push(Call::new("lambda:GetAccountSettings", "*"));
            let role = place.role("orders-1");
            let within = |action: &str| Call::new(action, &role).with("iam:PermissionsBoundary", &place.boundary());
            all.extend(["iam:CreateRole", "iam:PutRolePolicy"].map(within));
            all.extend(
                ["iam:DeleteRole", "iam:DeleteRolePolicy", "iam:TagRole"].map(|action| Call::new(action, &role)),
            );
            all.push(Call::new("iam:PassRole", &role).with("iam:PassedToService", "lambda.amazonaws.com"));
            all.extend(["PutObject", "DeleteObject"].into_iter().flat_map(|action| {
                ["functions.tfstate", "functions.applied", "roles/orders-1.tfstate", "packages/1/2.zip"]
                    .map(|key| Call::new(&format!("s3:{action}"), &state(key)))
            }));
            let logs = place.log_group("/aws/lambda/orders");
            all.extend(
                ["CreateLogGroup", "PutRetentionPolicy"].map(|action| Call::new(&format!("logs:{action}"), &logs)),
            );
        }
        _ => {}
    }
    // Signed URLs are not what `preview_url` says there; behind a gate there are none.
    all.extend(URL.map(|action| lambda(action, &alias).with("lambda:FunctionUrlAuthType", "AWS_IAM")));
    if duty != "deploy" {
        all.extend(URL.map(|action| lambda(action, &alias).with("lambda:FunctionUrlAuthType", "NONE")));
        all.push(lambda("DeleteFunctionUrlConfig", &alias));
        all.push(
            lambda("AddPermission", &alias).with("lambda:Principal", "*").with("lambda:FunctionUrlAuthType", "NONE"),
        );
    }
    all
}

/// What none of the roles may.
fn of_any(place: Place<'_>) -> Vec<Call> {
    let mut all = Vec::new();
    // Another function, account or region.
    let function = place.function(ORDERS);
    let other = if place.account == DEV_ACCOUNT { "333333333333" } else { DEV_ACCOUNT };
    let elsewhere = [
        place.function("another"),
        place.function("orders-2"),
        function.replace(place.account, other),
        function.replace(place.region, "eu-west-1"),
    ];
    for resource in &elsewhere {
        let actions = PUBLISHING.iter().chain(&RELEASING).chain(&["GetFunction", "InvokeFunction", "DeleteAlias"]);
        all.extend(actions.map(|action| Call::new(&format!("lambda:{action}"), resource)));
    }
    let lambda = |action: &str| Call::new(&format!("lambda:{action}"), &function);
    // The function as a whole, and what is set for all of its aliases.
    all.extend(
        [
            "DeleteFunction",
            "PutFunctionConcurrency",
            "DeleteFunctionConcurrency",
            "PutFunctionEventInvokeConfig",
            "PutFunctionCodeSigningConfig",
            "PutRuntimeManagementConfig",
        ]
        .map(lambda),
    );
    // Other callers: an account, a service, whoever is not named.
    for principal in ["333333333333", "arn:aws:iam::333333333333:root", "ec2.amazonaws.com"] {
        all.push(lambda("AddPermission").with("lambda:Principal", principal));
    }
    all.push(lambda("AddPermission"));
    // Rights of its own, of others, and what bounds them.
    let iam = |kind: &str, name: &str| format!("arn:aws:iam::{}:{kind}/{name}", place.account);
    let own = iam("role", &format!("{PROJECT}-deploy"));
    let roles = [own.clone(), format!("{own}-publish"), format!("{own}-release"), iam("role", "administrator")];
    for role in &roles {
        let bounded = |action: &str| Call::new(action, role).with("iam:PermissionsBoundary", &place.boundary());
        all.extend(["iam:CreateRole", "iam:PutRolePolicy"].map(bounded));
        all.extend(
            [
                "iam:AttachRolePolicy",
                "iam:DeleteRole",
                "iam:DeleteRolePolicy",
                "iam:UpdateAssumeRolePolicy",
                "sts:AssumeRole",
            ]
            .map(|action| Call::new(action, role)),
        );
        all.push(Call::new("iam:PassRole", role).with("iam:PassedToService", "lambda.amazonaws.com"));
    }
    let function_role = place.role("orders-1");
    let role = |action: &str| Call::new(action, &function_role);
    all.extend([
        role("iam:CreateRole"),
        role("iam:CreateRole").with("iam:PermissionsBoundary", "arn:aws:iam::aws:policy/AdministratorAccess"),
        role("iam:PutRolePolicy"),
        role("iam:AttachRolePolicy"),
        role("iam:UpdateAssumeRolePolicy"),
        role("iam:PutRolePermissionsBoundary").with("iam:PermissionsBoundary", &place.boundary()),
        role("iam:DeleteRolePermissionsBoundary"),
        role("iam:PassRole").with("iam:PassedToService", "ec2.amazonaws.com"),
        role("iam:PassRole").with("iam:PassedToService", "scheduler.amazonaws.com"),
        role("iam:PassRole"),
        role("sts:AssumeRole"),
    ]);
    let boundary = place.boundary();
    let policies = [boundary, iam("policy", &format!("{PROJECT}/{PROJECT}-deploy-deploy-0"))];
    for policy in &policies {
        let actions = ["CreatePolicyVersion", "DeletePolicy", "DeletePolicyVersion", "SetDefaultPolicyVersion"];
        all.extend(actions.map(|action| Call::new(&format!("iam:{action}"), policy)));
    }
    let provider = iam("oidc-provider", "oidc.circleci.com/org/an-organization");
    all.extend(
        ["iam:AddClientIDToOpenIDConnectProvider", "iam:DeleteOpenIDConnectProvider"]
            .map(|action| Call::new(action, &provider)),
    );
    all.extend(["iam:CreateUser", "iam:CreateAccessKey"].map(|action| Call::new(action, &iam("user", "somebody"))));
    all.push(Call::new(
        "iam:CreateServiceLinkedRole",
        &iam("role", "aws-service-role/ops.apigateway.amazonaws.com/any"),
    ));
    // The administrator's state, another's, another account's, and the bucket itself.
    let bucket = bucket(place);
    let objects = [
        format!("{bucket}/bootstrap.tfstate"),
        format!("{bucket}/another.tfstate"),
        format!("{}/functions.tfstate", bucket.replace(place.account, other)),
    ];
    for object in &objects {
        let object = format!("arn:aws:s3:::{object}");
        all.extend(["s3:GetObject", "s3:PutObject", "s3:DeleteObject"].map(|action| Call::new(action, &object)));
    }
    let bucket = format!("arn:aws:s3:::{bucket}");
    all.extend(
        ["s3:DeleteBucket", "s3:PutBucketPolicy", "s3:PutBucketVersioning", "s3:PutLifecycleConfiguration"]
            .map(|action| Call::new(action, &bucket)),
    );
    all.push(Call::new("s3:DeleteObjectVersion", &format!("{bucket}/functions.tfstate")));
    // Logs are kept; what else the account holds is none of its business.
    for group in ["/aws/lambda/orders", "/aws/apigateway/acme-shop", "somebody-elses"] {
        all.push(Call::new("logs:DeleteLogGroup", &place.log_group(group)));
    }
    all.push(Call::new("logs:PutRetentionPolicy", &place.log_group("somebody-elses")));
    all.push(Call::new("apigateway:GET", &format!("arn:aws:apigateway:{}::/restapis", place.region)));
    all.push(Call::new("apigateway:POST", &format!("arn:aws:apigateway:{}::/restapis", place.region)));
    all.extend(data(place));
    all.extend(calling(place, ORDERS));
    all
}

/// Letting something else than an HTTP API call a function.
pub(super) fn calling(place: Place<'_>, name: &str) -> Vec<Call> {
    let arn = |service: &str, name: &str| format!("arn:aws:{service}:{}:{}:{name}", place.region, place.account);
    let function = place.function(name);
    let alias = place.function(&format!("{name}:{PRODUCTION}"));
    let topic = arn("sns", name);
    vec![
        Call::new("sqs:CreateQueue", &arn("sqs", name)),
        Call::new("sqs:CreateQueue", &arn("sqs", &format!("{name}-dead-letters"))),
        Call::new("lambda:PutFunctionEventInvokeConfig", &alias),
        Call::new("lambda:CreateEventSourceMapping", "*").with("lambda:FunctionArn", &function),
        Call::new("lambda:CreateEventSourceMapping", "*").with("lambda:FunctionArn", &alias),
        Call::new("events:PutRule", &arn("events", &format!("rule/{name}"))),
        Call::new("events:PutTargets", &arn("events", &format!("rule/{name}"))).with("events:TargetArn", &alias),
        Call::new("s3:CreateBucket", &format!("arn:aws:s3:::{name}-{}-{}", place.account, place.region)),
        Call::new("dynamodb:CreateTable", &arn("dynamodb", &format!("table/{name}-items"))),
        Call::new("sns:CreateTopic", &topic),
        Call::new("sns:Subscribe", &topic).with("sns:Protocol", "lambda").with("sns:Endpoint", &alias),
    ]
}

/// Reading and writing what the account holds.
fn data(place: Place<'_>) -> Vec<Call> {
    let arn = |service: &str, name: &str| format!("arn:aws:{service}:{}:{}:{name}", place.region, place.account);
    let secret = arn("secretsmanager", "secret:a-secret-abcdef");
    vec![
        Call::new("secretsmanager:GetSecretValue", &secret),
        Call::new("ssm:GetParameter", &arn("ssm", "parameter/a")),
        Call::new("dynamodb:GetItem", &arn("dynamodb", "table/a")),
        Call::new("dynamodb:PutItem", &arn("dynamodb", "table/a")),
        Call::new("dynamodb:Scan", &arn("dynamodb", "table/a")),
        Call::new("s3:GetObject", "arn:aws:s3:::a-bucket/key"),
        Call::new("s3:PutObject", "arn:aws:s3:::a-bucket/key"),
        Call::new("s3:ListBucket", "arn:aws:s3:::a-bucket"),
        Call::new("sqs:SendMessage", &arn("sqs", "a-queue")),
        Call::new("sqs:SendMessage", &arn("sqs", &format!("{ORDERS}-dead-letters"))),
        Call::new("sns:Publish", &arn("sns", "a-topic")),
        Call::new("events:PutEvents", &arn("events", "event-bus/default")),
        Call::new("kms:Decrypt", &arn("kms", "key/a")),
        Call::new("kms:GenerateDataKey", &arn("kms", "key/a")),
        Call::new("logs:PutLogEvents", &place.log_group("/aws/lambda/orders:log-stream:1")),
    ]
}

/// What code in a function can be let to do, and Lambda itself with the function's role.
pub(super) fn of_a_function(place: Place<'_>) -> Vec<Call> {
    let inside = data(place).into_iter().map(|call| call.with("lambda:SourceFunctionArn", &place.function(ORDERS)));
    inside.chain(sources(place)).collect()
}

/// Lambda reads an event source by these, and names no function.
fn sources(place: Place<'_>) -> Vec<Call> {
    let arn = |service: &str, name: &str| format!("arn:aws:{service}:{}:{}:{name}", place.region, place.account);
    let stream = arn("dynamodb", "table/a/stream/2026-01-01T00:00:00.000");
    let queue = arn("sqs", "a-queue");
    let all =
        ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"].map(|action| Call::new(action, &queue));
    let all = all
        .into_iter()
        .chain(["dynamodb:GetRecords", "dynamodb:GetShardIterator"].map(|action| Call::new(action, &stream)));
    let read = Call::new("kinesis:GetRecords", &arn("kinesis", "stream/a"));
    let via = format!("sqs.{}.amazonaws.com", place.region);
    all.chain([read, Call::new("kms:Decrypt", &arn("kms", "key/a")).with("kms:ViaService", &via)]).collect()
}

/// What a role cannot be let to do that the pipeline made with whatever trust, for whoever is no function; and what a
/// function cannot be let to do either.
pub(super) fn of_a_made_role(place: Place<'_>) -> Vec<Call> {
    let mut all = data(place);
    let foreign = place.function(ORDERS).replace(place.account, "333333333333");
    all.extend(data(place).into_iter().map(|call| call.with("lambda:SourceFunctionArn", &foreign)));
    let inside = |call: Call| call.with("lambda:SourceFunctionArn", &place.function(ORDERS));
    // Event sources, but of another account or region.
    let queue = format!("arn:aws:sqs:{}:{}:a-queue", place.region, place.account);
    let elsewhere = [queue.replace(place.account, "333333333333"), queue.replace(place.region, "eu-west-1")];
    all.extend(elsewhere.map(|queue| Call::new("sqs:ReceiveMessage", &queue)));
    let state = format!("arn:aws:s3:::{}", bucket(place));
    all.extend(
        [
            Call::new("s3:GetObject", &format!("{state}/functions.tfstate")),
            Call::new("s3:PutObject", &format!("{state}/bootstrap.tfstate")),
            Call::new("s3:ListBucket", &state),
            Call::new("s3:DeleteBucket", "arn:aws:s3:::a-bucket"),
            Call::new("lambda:UpdateAlias", &place.function(ORDERS)),
            Call::new("lambda:UpdateFunctionCode", &place.function(ORDERS)),
            Call::new("lambda:InvokeFunction", &place.function(ORDERS)),
            Call::new("iam:CreateUser", &format!("arn:aws:iam::{}:user/a", place.account)),
            Call::new("iam:CreateRole", &place.role("a")).with("iam:PermissionsBoundary", &place.boundary()),
            Call::new("iam:PassRole", &place.role("a")).with("iam:PassedToService", "lambda.amazonaws.com"),
            Call::new("sts:AssumeRole", &format!("arn:aws:iam::{}:role/{PROJECT}-deploy", place.account)),
        ]
        .map(inside),
    );
    all
}
