use super::*;
use crate::error::render;
use aws_sdk_lambda::config::endpoint::{DefaultResolver, Params, ResolveEndpoint};
use aws_smithy_http_client::test_util::{ReplayEvent, StaticReplayClient};
use aws_smithy_runtime_api::client::interceptors::context::Input;

const S3: &str =
    r#"<?xml version="1.0"?><Error><Code>{}</Code><Message>says S3</Message><RequestId>r</RequestId></Error>"#;
const QUERY: &str = r#"<ErrorResponse xmlns="http://monitoring.amazonaws.com/doc/2010-08-01/">
    <Error><Type>Sender</Type><Code>{}</Code><Message>says CloudWatch</Message></Error><RequestId>r</RequestId></ErrorResponse>"#;

/// An AWS that gives these answers in turn.
fn answering(answers: &[(u16, String)]) -> (Aws, StaticReplayClient) {
    let events = answers.iter().map(|(status, body)| {
        let response = http::Response::builder().status(*status).header("x-amz-request-id", "of-the-request");
        let response = response.header("x-amzn-errortype", "NotFoundException:http://internal.amazon.com/");
        let request = http::Request::builder().body(SdkBody::empty()).expect("a request");
        ReplayEvent::new(request, response.body(SdkBody::from(body.as_str())).expect("a response"))
    });
    let client = StaticReplayClient::new(events.collect());
    (Aws::replaying(client.clone()).expect("a client"), client)
}

fn s3(status: u16, code: &str) -> (u16, String) {
    (status, S3.replace("{}", code))
}

fn sent(client: &StaticReplayClient) -> Vec<String> {
    client.actual_requests().map(|request| format!("{} {}", request.method(), request.uri())).collect()
}

/// The SDK bears AWS's own table of partitions.
#[tokio::test]
async fn hosts_are_those_of_the_sdk() {
    for region in ["us-east-1", "eu-central-1", "cn-north-1", "cn-northwest-1", "us-gov-west-1", "eusc-de-east-1"] {
        let params = Params::builder().region(region).build().expect("parameters");
        let endpoint = DefaultResolver::new().resolve_endpoint(&params).await.expect("an endpoint");
        assert_eq!(endpoint.url(), format!("https://{}", host("lambda", region)));
    }
}

#[test]
fn a_bucket_is_there_or_not() {
    let (aws, client) = answering(&[(200, String::new())]);
    assert!(aws.has_bucket("states").expect("an answer"));
    assert_eq!(sent(&client), ["GET https://states.s3.us-east-1.amazonaws.com/?list-type=2&max-keys=0"]);
    let request = client.actual_requests().next().expect("a request");
    let header = |name| request.headers().get(name).unwrap_or_default();
    assert!(header("authorization").contains("/us-east-1/s3/aws4_request"), "{}", header("authorization"));
    // The digest of nothing.
    assert!(header("x-amz-content-sha256").starts_with("e3b0c442"), "{}", header("x-amz-content-sha256"));
    let (aws, _) = answering(&[s3(404, "NoSuchBucket")]);
    assert!(!aws.has_bucket("states").expect("an answer"));
}

/// A day of a busy function has thousands of pages, and the first is seen before the second is asked for.
#[test]
fn a_log_comes_page_by_page() {
    let page = |message: &str, next: &str| {
        let event = format!(r#"{{"timestamp": 1, "logStreamName": "[1]", "message": "{message}"}}"#);
        (200, format!(r#"{{"events": [{event}]{next}}}"#))
    };
    let (aws, client) = answering(&[page("one", r#", "nextToken": "more""#), page("two", "")]);
    let mut seen = Vec::new();
    let each = |page: Vec<crate::model::logs::Event>| {
        seen.extend(page.into_iter().map(|event| (event.message, event.id, sent(&client).len())));
        Ok(())
    };
    aws.log_events("orders", 0, each).expect("two pages");
    assert_eq!(seen, [("one".into(), "[1] 1 1".into(), 1), ("two".into(), "[1] 1 2".to_owned(), 2)]);
}

#[test]
fn whether_a_bucket_is_there_may_stay_unknown() {
    for (status, code, attempts, hint) in [
        (301, "PermanentRedirect", 1, "AWS's own message"),
        (400, "AuthorizationHeaderMalformed", 1, "AWS's own message"),
        (403, "AccessDenied", 1, "`s3:ListBucket`"),
        (429, "SlowDown", 6, "limits the calls"),
        (500, "InternalError", 6, "on AWS's side"),
        (502, "", 6, "on AWS's side"),
        (503, "SlowDown", 6, "on AWS's side"),
        (504, "", 6, "on AWS's side"),
    ] {
        let (aws, client) = answering(&vec![s3(status, code); 9]);
        let error = render(&aws.has_bucket("states").expect_err("it is not known"), None);
        for part in ["cannot tell whether bucket `states` is there", code, "says S3", "of-the-request", hint] {
            assert!(error.contains(part), "{status}: no `{part}` in {error}");
        }
        assert!(!error.contains('<'), "{error}");
        assert_eq!(sent(&client).len(), attempts, "{status}");
    }
}

#[test]
fn a_fault_that_passes_is_not_told_of() {
    let (aws, client) =
        answering(&[s3(503, "SlowDown"), s3(429, "SlowDown"), s3(500, "InternalError"), (200, String::new())]);
    assert!(aws.has_bucket("states").expect("an answer"));
    assert_eq!(sent(&client).len(), 4);
    // CloudWatch limits with a status of 400.
    let throttled = (400, QUERY.replace("{}", "Throttling"));
    let (aws, client) = answering(&[throttled, (403, QUERY.replace("{}", "AccessDenied"))]);
    let error =
        render(&aws.measure("app", "main", crate::model::version::Version(3), 5).expect_err("it is refused"), None);
    assert!(error.contains("AccessDenied: says CloudWatch") && error.contains("version 3 of `app`"), "{error}");
    assert_eq!(sent(&client).len(), 2);
    assert!(sent(&client)[0].starts_with("GET https://monitoring.us-east-1.amazonaws.com/?Action=GetMetricData"));
}

#[test]
fn an_api_is_there_or_not_or_nobody_knows() {
    let json = |status| (status, r#"{"message": "says API Gateway"}"#.to_owned());
    let (aws, client) = answering(&[json(200)]);
    assert!(aws.has_api("a1").expect("an answer"));
    assert_eq!(sent(&client), ["GET https://apigateway.us-east-1.amazonaws.com/v2/apis/a1"]);
    assert!(!answering(&[json(404)]).0.has_api("a1").expect("an answer"));
    for status in [401, 403, 429, 503] {
        let error = render(&answering(&vec![json(status); 6]).0.has_api("a1").expect_err("it is not known"), None);
        assert!(error.contains("HTTP API `a1`") && error.contains("NotFoundException: says API Gateway"), "{error}");
    }
}

#[test]
fn a_bucket_is_made_once() {
    for (answer, made) in [
        ((200, String::new()), Ok(())),
        (s3(409, "BucketAlreadyOwnedByYou"), Ok(())),
        (s3(409, "BucketAlreadyExists"), Err("another `project`")),
        (s3(403, "AccessDenied"), Err("administrator")),
        (s3(409, "OperationAborted"), Err("AWS's own message")),
    ] {
        let (aws, client) = answering(&[answer]);
        match (aws.make_bucket("states"), made) {
            (Ok(()), Ok(())) => {}
            (Err(error), Err(hint)) => assert!(render(&error, None).contains(hint), "{}", render(&error, None)),
            other => panic!("{other:?}"),
        }
        assert_eq!(sent(&client), ["PUT https://states.s3.us-east-1.amazonaws.com/"]);
    }
}

#[test]
fn objects_are_listed_and_deleted() {
    let page = |key: &str, more: bool| {
        let contents = format!(
            "<Contents><Key>{key}</Key><LastModified>2026-01-31T12:00:00.000Z</LastModified><Size>1</Size></Contents>"
        );
        (200, format!("<ListBucketResult><IsTruncated>{more}</IsTruncated>{contents}</ListBucketResult>"))
    };
    let (aws, client) = answering(&[page("roles/a", true), s3(503, "SlowDown"), page("roles/b", false)]);
    let keys: Vec<_> = aws.objects("states", "roles/").expect("a list").into_iter().map(|object| object.key).collect();
    assert_eq!(keys, ["roles/a", "roles/b"]);
    assert!(sent(&client)[2].ends_with("/?list-type=2&prefix=roles%2F&start-after=roles%2Fa"), "{:?}", sent(&client));
    assert!(answering(&[s3(404, "NoSuchBucket")]).0.objects("states", "roles/").expect("no list").is_empty());
    answering(&[s3(403, "AccessDenied")]).0.objects("states", "roles/").expect_err("it is not known");

    let (aws, client) = answering(&[(204, String::new()), s3(404, "NoSuchKey"), s3(403, "AccessDenied")]);
    aws.delete_object("states", "roles/a").expect("it is deleted");
    aws.delete_object("states", "roles/a").expect("it was deleted");
    aws.delete_object("states", "roles/a").expect_err("it is refused");
    assert_eq!(sent(&client)[0], "DELETE https://states.s3.us-east-1.amazonaws.com/roles/a");
}

#[test]
fn waits_as_long_as_it_is_told() {
    let mut context = InterceptorContext::new(Input::erase(()));
    let response = http::Response::builder().status(429).header("retry-after", "7").body(SdkBody::empty());
    context.set_response(response.expect("a response").try_into().expect("a response"));
    let action = RetryAfter.classify_retry_v2(&context, &RetryAction::transient_error());
    let RetryAction::RetryIndicated(RetryReason::RetryableError { retry_after, .. }) = action else {
        panic!("{action:?}");
    };
    assert_eq!(retry_after, Some(Duration::from_secs(7)));
    let nothing = RetryAction::NoActionIndicated;
    assert_eq!(RetryAfter.classify_retry_v2(&context, &nothing), nothing, "it makes no answer one to try again");
}
