//! AWS is several, apart from each other: what a region's is called in ARNs, and under which domain its services are.
//! (<https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html>)

/// A part of AWS with accounts of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Partition {
    /// The second word of each ARN.
    pub(crate) name: &'static str,
    domain: &'static str,
}

impl Partition {
    pub(crate) fn of(region: &str) -> Self {
        let (name, domain) = match region.split('-').next() {
            Some("cn") => ("aws-cn", "amazonaws.com.cn"),
            Some("eusc") => ("aws-eusc", "amazonaws.eu"),
            Some("us") if region.starts_with("us-gov-") => ("aws-us-gov", "amazonaws.com"),
            _ => ("aws", "amazonaws.com"),
        };
        Self { name, domain }
    }
}

/// The host of a service in a region.
pub(crate) fn host(service: &str, region: &str) -> String {
    format!("{service}.{region}.{}", Partition::of(region).domain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_hosts() {
        for (region, name, host_of_s3) in [
            ("us-east-1", "aws", "s3.us-east-1.amazonaws.com"),
            ("cn-northwest-1", "aws-cn", "s3.cn-northwest-1.amazonaws.com.cn"),
            ("us-gov-west-1", "aws-us-gov", "s3.us-gov-west-1.amazonaws.com"),
            ("eusc-de-east-1", "aws-eusc", "s3.eusc-de-east-1.amazonaws.eu"),
        ] {
            assert_eq!((Partition::of(region).name, host("s3", region).as_str()), (name, host_of_s3));
        }
    }
}
