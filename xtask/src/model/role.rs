//! Names of roles: another policy is another role, as roles are frozen like versions.

use super::package::sha256;

/// IAM's limit on a role's name, as Lambda's on a function's
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>).
const LONGEST: usize = 64;
/// Hexadecimal digits of the policy's hash.
const HASH: usize = 12;

/// The function's name, cut to fit, and a hash of what the role allows.
pub(crate) fn role_name(function: &str, policy: &str) -> String {
    format!("{}-{}", stem(function), &sha256(policy.as_bytes()).hex[..HASH])
}

/// The name in a role's ARN, whatever its path.
pub(crate) fn name_in(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or_default()
}

/// Whether a role was made for this function.
pub(crate) fn is_role_of(role: &str, function: &str) -> bool {
    role.rsplit_once('-').is_some_and(|(before, hash)| {
        before == stem(function) && hash.len() == HASH && hash.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

fn stem(function: &str) -> String {
    function.chars().take(LONGEST - HASH - 1).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_whose_they_are() {
        for function in ["api", "api-backend", &"f".repeat(64)] {
            let name = role_name(function, "{}");
            assert!(name.len() <= LONGEST, "{name}");
            assert!(is_role_of(&name, function), "{name}");
            assert_eq!(name_in(&format!("arn:aws:iam::000000000000:role/project/{name}")), name);
            assert_ne!(name, role_name(function, "{\"Statement\":[]}"));
        }
        assert!(!is_role_of(&role_name("api-backend", "{}"), "api"));
        assert!(!is_role_of("api-backend", "api"));
    }
}
