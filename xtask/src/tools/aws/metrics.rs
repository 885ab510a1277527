//! What CloudWatch counted. One call of one service, so it is made by hand rather than with another SDK.

use super::signed::{Request, encoded};
use super::{Aws, failed};
use crate::error::bail_hint;
use crate::model::canary::Measured;
use crate::model::version::Version;
use anyhow::{Context, Result};
use aws_smithy_xml::decode::{Document, try_data};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::fmt::Write;

/// The metrics asked for: the query's id, the metric, the statistic
/// (<https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html>).
const QUERIES: [(&str, &str, &str); 4] = [
    ("invocations", "Invocations", "Sum"),
    ("errors", "Errors", "Sum"),
    ("time", "Duration", "Sum"),
    ("timed", "Duration", "SampleCount"),
];

/// Lambda sends its metrics once a minute.
const PERIOD: SignedDuration = SignedDuration::from_mins(1);

impl Aws {
    /// What was measured of one version behind one alias in the last minutes. The dimension `ExecutedVersion` is there
    /// only while an alias splits its traffic.
    pub(crate) fn measure(&self, lambda: &str, alias: &str, version: Version, minutes: u32) -> Result<Measured> {
        let now = Timestamp::now();
        // The end is exclusive, and what is stamped with this minute counts.
        let (start, end) = (now - SignedDuration::from_mins(minutes.into()), now + PERIOD);
        let resource = format!("{lambda}:{alias}");
        let dimensions = [("FunctionName", lambda), ("Resource", &resource), ("ExecutedVersion", &version.to_string())];
        let mut query = format!(
            "Action=GetMetricData&Version=2010-08-01&StartTime={}&EndTime={}",
            encoded(&format!("{start:.0}")),
            encoded(&format!("{end:.0}"))
        );
        for (nth, (id, metric, statistic)) in (1..).zip(QUERIES) {
            let member = format!("MetricDataQueries.member.{nth}");
            let _ = write!(
                query,
                "&{member}.Id={id}&{member}.MetricStat.Stat={statistic}&{member}.MetricStat.Period={}\
                 &{member}.MetricStat.Metric.Namespace=AWS%2FLambda&{member}.MetricStat.Metric.MetricName={metric}",
                PERIOD.as_secs()
            );
            for (nth, (name, value)) in (1..).zip(dimensions) {
                let dimension = format!("{member}.MetricStat.Metric.Dimensions.member.{nth}");
                let _ = write!(query, "&{dimension}.Name={name}&{dimension}.Value={}", encoded(value));
            }
        }
        let request = Request {
            service: "monitoring",
            method: "GET",
            endpoint: self.endpoint("monitoring"),
            path: format!("/?{query}"),
            body: Vec::new(),
            target: None,
        };
        let answer = self.signed(request).map_err(|error| {
            failed(&format!("CloudWatch does not say how version {version} of `{lambda}` does"), &error)
        })?;
        let sums = sums(&answer).with_context(|| format!("CloudWatch's answer is not understood: {answer}"))?;
        let [invocations, errors, time, timed] = QUERIES.map(|(id, ..)| sums.get(id).copied());
        let found = invocations.zip(errors).zip(time.zip(timed));
        let Some(((invocations, errors), (time, timed))) = found else {
            bail_hint!("run this again in a minute"; "CloudWatch left out some of what it was asked: {answer}");
        };
        let duration_ms = if timed > 0.0 { time / timed } else { 0.0 };
        Ok(Measured { invocations: invocations as u64, errors: errors as u64, duration_ms })
    }
}

/// The sum of each complete result, by its id.
fn sums(answer: &str) -> Result<BTreeMap<String, f64>> {
    let mut sums = BTreeMap::new();
    let mut document = Document::new(answer);
    let mut root = document.root_element()?;
    while let Some(mut result) = root.next_tag() {
        while let Some(mut results) = result.next_tag() {
            if results.start_el().local() != "MetricDataResults" {
                continue;
            }
            while let Some(mut member) = results.next_tag() {
                let (mut id, mut sum, mut complete) = (String::new(), 0.0, false);
                while let Some(mut field) = member.next_tag() {
                    match field.start_el().local() {
                        "Id" => id = try_data(&mut field)?.into_owned(),
                        "StatusCode" => complete = try_data(&mut field)? == "Complete",
                        "Values" => {
                            while let Some(mut value) = field.next_tag() {
                                sum += try_data(&mut value)?.trim().parse::<f64>()?;
                            }
                        }
                        _ => {}
                    }
                }
                if complete {
                    sums.insert(id, sum);
                }
            }
        }
    }
    Ok(sums)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_an_answer_in_any_order() {
        let answer = r#"<GetMetricDataResponse xmlns="http://monitoring.amazonaws.com/doc/2010-08-01/">
          <GetMetricDataResult><Messages/><MetricDataResults>
            <member><Timestamps><member>2026-01-31T12:00:00Z</member></Timestamps>
              <Values><member>40.0</member><member>2.5</member></Values>
              <Label>x</Label><Id>invocations</Id><StatusCode>Complete</StatusCode></member>
            <member><Id>errors</Id><StatusCode>Complete</StatusCode><Values/></member>
            <member><Id>time</Id><StatusCode>PartialData</StatusCode><Values><member>1</member></Values></member>
          </MetricDataResults></GetMetricDataResult>
          <ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></GetMetricDataResponse>"#;
        let wanted = BTreeMap::from([("errors".to_owned(), 0.0), ("invocations".to_owned(), 42.5)]);
        assert_eq!(sums(answer).expect("it is XML"), wanted);
    }

    #[test]
    fn values_are_encoded() {
        assert_eq!(encoded("api-backend:main"), "api-backend%3Amain");
    }
}
