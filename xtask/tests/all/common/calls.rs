//! What IAM is asked for a request that AWS gets: actions, resources and condition keys, by the Service Authorization
//! Reference (<https://docs.aws.amazon.com/service-authorization/latest/reference/>).

mod sources;

use super::judge::Call;
use super::proxy::Request;
use serde_json::Value;

/// Where the requests go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) account: &'a str,
    pub(crate) region: &'a str,
    pub(crate) project: &'a str,
}

impl Place<'_> {
    pub(crate) fn function(self, name: &str) -> String {
        format!("arn:aws:lambda:{}:{}:function:{name}", self.region, self.account)
    }

    pub(crate) fn role(self, name: &str) -> String {
        format!("arn:aws:iam::{}:role/{}/{name}", self.account, self.project)
    }

    pub(crate) fn log_group(self, name: &str) -> String {
        format!("arn:aws:logs:{}:{}:log-group:{name}", self.region, self.account)
    }

    pub(crate) fn boundary(self) -> String {
        format!("arn:aws:iam::{}:policy/{}/boundary", self.account, self.project)
    }

    /// What has to be allowed for a request; nothing for what anybody may.
    pub(crate) fn needed(self, request: &Request) -> Vec<Call> {
        match request.service() {
            "sts" => Vec::new(),
            // Terraform asks first who it is, and takes a no for an answer: then it asks STS, which tells anybody.
            "iam" if request.operation() == "GetUser" => Vec::new(),
            // Both are signed as Lambda, and both have `ListTags`.
            "lambda" | "lambda-microvms" => self.lambda(request),
            "iam" => self.iam(request),
            "s3" => s3(request),
            "logs" => self.logs(request),
            "apigatewayv2" => self.apigateway(request),
            "sqs" => self.queue(request),
            "events" => self.rule(request),
            "dynamodb" => self.table(request),
            "sns" => self.topic(request),
            "cloudwatch" => vec![Call::new(&format!("cloudwatch:{}", request.operation()), "*")],
            service => panic!("nobody has said what IAM is asked for {service}: {request}"),
        }
    }

    fn lambda(self, request: &Request) -> Vec<Call> {
        let action = match request.operation() {
            "Invoke" => "InvokeFunction",
            operation => operation,
        };
        let call = |resource: &str| Call::new(&format!("lambda:{action}"), resource);
        if action == "GetAccountSettings" {
            return vec![call("*")];
        }
        let body = json(request);
        let (path, query) = request.path().split_once('?').unwrap_or((request.path(), ""));
        if let Some((_, arn)) = path.split_once("/tags/") {
            return vec![call(&decoded(arn))];
        }
        if let Some((_, id)) = path.split_once("/event-source-mappings") {
            return self.mapping(request, id.trim_matches('/'));
        }
        let named =
            path.split("/functions/").nth(1).and_then(|rest| rest.split('/').next()).filter(|name| !name.is_empty());
        let named = named.map(decoded).unwrap_or_else(|| text(&body["FunctionName"]));
        // By its name or its ARN.
        let name = named.rsplit_once(":function:").map_or(&*named, |(_, name)| name).to_owned();
        // Aliases are no resource of their own where they are made and moved.
        let qualifier = query.split('&').find_map(|pair| pair.strip_prefix("Qualifier=")).map(decoded);
        let qualified = qualifier.map_or_else(|| name.clone(), |qualifier| format!("{name}:{qualifier}"));
        let mut main = call(&self.function(&qualified));
        if action == "AddPermission" {
            main = main.with("lambda:Principal", &text(&body["Principal"]));
        }
        let auth = if action == "AddPermission" { &body["FunctionUrlAuthType"] } else { &body["AuthType"] };
        if let Some(auth) = auth.as_str() {
            main = main.with("lambda:FunctionUrlAuthType", auth);
        }
        let mut all = vec![main];
        if let Some(role) = body["Role"].as_str() {
            // MiniStack's ARNs of roles have their path.
            all.push(Call::new("iam:PassRole", role).with("iam:PassedToService", "lambda.amazonaws.com"));
        }
        if action == "CreateFunction" && body["Tags"].is_object() {
            all.push(Call::new("lambda:TagResource", &self.function(&name)));
        }
        all
    }

    fn iam(self, request: &Request) -> Vec<Call> {
        let field = |name: &str| field(request, name);
        let role = self.role(&field("RoleName").unwrap_or_else(|| panic!("of what: {request}")));
        let mut main = Call::new(&format!("iam:{}", request.operation()), &role);
        if request.operation() == "CreateRole" {
            main = main.with("iam:PermissionsBoundary", &field("PermissionsBoundary").expect("it has a boundary"));
        } else if request.operation() == "PutRolePolicy" {
            // What the role has, which was made with it.
            main = main.with("iam:PermissionsBoundary", &self.boundary());
        }
        let tagged = request.operation() == "CreateRole" && request.body().contains("Tags.member.1");
        [Some(main), tagged.then(|| Call::new("iam:TagRole", &role))].into_iter().flatten().collect()
    }

    fn logs(self, request: &Request) -> Vec<Call> {
        let body = json(request);
        let call = |resource: &str| Call::new(&format!("logs:{}", request.operation()), resource);
        match request.operation() {
            "DescribeLogGroups" => vec![call("*")],
            "ListTagsForResource" | "TagResource" | "UntagResource" => {
                vec![call(text(&body["resourceArn"]).trim_end_matches(":*"))]
            }
            operation => {
                let group = self.log_group(&text(&body["logGroupName"]));
                let tagged = operation == "CreateLogGroup" && body["tags"].is_object();
                [Some(call(&group)), tagged.then(|| Call::new("logs:TagResource", &group))]
                    .into_iter()
                    .flatten()
                    .collect()
            }
        }
    }

    fn apigateway(self, request: &Request) -> Vec<Call> {
        let path = request.path().split('?').next().unwrap_or_default();
        let path = path.strip_prefix("/v2").unwrap_or_else(|| panic!("of which version: {request}"));
        let resource = format!("arn:aws:apigateway:{}::{path}", self.region);
        let mut all = vec![Call::new(&format!("apigateway:{}", request.method()), &resource)];
        if json(request)["tags"].is_object() {
            all.push(Call::new("apigateway:TagResource", &resource));
        }
        // Where access is logged, API Gateway sets the delivery up with the caller's rights
        // (<https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging.html>).
        if json(request)["accessLogSettings"].is_object() {
            all.extend(DELIVERY.map(|action| Call::new(&format!("logs:{action}"), "*")));
        }
        all
    }
}

const DELIVERY: [&str; 7] = [
    "CreateLogDelivery",
    "DeleteLogDelivery",
    "DescribeResourcePolicies",
    "GetLogDelivery",
    "ListLogDeliveries",
    "PutResourcePolicy",
    "UpdateLogDelivery",
];

fn s3(request: &Request) -> Vec<Call> {
    let path = request.path().split('?').next().unwrap_or_default().trim_matches('/').to_owned();
    let (bucket, key) = path.split_once('/').unwrap_or((&path, ""));
    let action = match request.operation() {
        "HeadBucket" | "ListObjects" | "ListObjectsV2" => "ListBucket",
        "HeadObject" => "GetObject",
        operation => sources::of_a_bucket(operation),
    };
    let resource = if key.is_empty() { bucket.to_owned() } else { format!("{bucket}/{}", decoded(key)) };
    vec![Call::new(&format!("s3:{action}"), &format!("arn:aws:s3:::{resource}"))]
}

fn field(request: &Request, name: &str) -> Option<String> {
    request.body().split('&').find_map(|pair| pair.strip_prefix(&format!("{name}="))).map(decoded)
}

fn json(request: &Request) -> Value {
    serde_json::from_str(&request.body()).unwrap_or(Value::Null)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Of a path, a query or a form.
fn decoded(text: &str) -> String {
    let text = text.replace('+', " ");
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(&part[..2], 16).expect("two hex digits"));
        bytes.extend_from_slice(&part.as_bytes()[2..]);
    }
    String::from_utf8(bytes).expect("UTF-8")
}
