//! What may be typed as the name of something that is nobody's function: the rules of AWS, git and CircleCI, or narrower ones.
//! Each gives the name, or the rule in a sentence.

/// What every name that is made of it in AWS allows.
pub(crate) fn project(text: &str) -> Result<String, String> {
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let good =
        (1..=32).contains(&text.len()) && text.starts_with(|c: char| c.is_ascii_lowercase()) && text.chars().all(legal);
    if good {
        return Ok(text.to_owned());
    }
    Err("a project's name is 1 to 32 lowercase letters, digits and hyphens, and begins with a letter".to_owned())
}

/// Narrower than git's rule: what needs no quotation marks in a shell, in YAML or in a document.
pub(crate) fn branch(text: &str) -> Result<String, String> {
    let part = |part: &str| {
        !part.is_empty()
            && !part.starts_with(['.', '-'])
            && !part.ends_with(".lock")
            && !part.ends_with('.')
            && part.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
    };
    if text.len() <= 200 && !text.contains("..") && text != "HEAD" && text.split('/').all(part) {
        return Ok(text.to_owned());
    }
    Err("a production branch is letters, digits, `.`, `_`, `-` and `/`, as git allows them".to_owned())
}

/// As the Terraform of each root asks for it.
pub(crate) fn region(text: &str) -> Result<String, String> {
    let parts: Vec<_> = text.split('-').collect();
    let letters = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase());
    match parts[..] {
        [first, ref middle @ .., last]
            if first.len() == 2
                && letters(&first)
                && !middle.is_empty()
                && middle.iter().all(letters)
                && !last.is_empty()
                && last.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            Ok(text.to_owned())
        }
        _ => Err("a region is the name of an AWS region, as in `eu-central-1`".to_owned()),
    }
}

pub(crate) fn account_id(text: &str) -> Result<String, String> {
    if text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(text.to_owned());
    }
    Err("an account is 12 digits".to_owned())
}

/// `dev=123456789012`.
pub(crate) fn account(text: &str) -> Result<(String, String), String> {
    let (environment, id) = text.split_once('=').ok_or("it is `ENVIRONMENT=ID`, as in `dev=123456789012`")?;
    Ok((environment.to_owned(), account_id(id)?))
}

/// CircleCI's ids are UUIDs.
pub(crate) fn uuid(text: &str) -> Result<String, String> {
    let lengths: Vec<_> = text.split('-').map(str::len).collect();
    if lengths == [8, 4, 4, 4, 12] && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit()) {
        return Ok(text.to_owned());
    }
    Err("an id of CircleCI is a UUID, as in `8a5b3c1e-…`".to_owned())
}

/// As CircleCI's tokens name it.
pub(crate) fn repository(text: &str) -> Result<String, String> {
    let parts: Vec<_> = text.split('/').collect();
    let legal = |part: &&str| {
        !part.is_empty()
            && part.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
            && !part.ends_with(".git")
    };
    if parts.len() == 3 && parts[0].contains('.') && parts.iter().all(legal) {
        return Ok(text.to_owned());
    }
    Err("a repository is its host, owner and name, as in `github.com/acme/shop`".to_owned())
}

pub(crate) fn commit(text: &str) -> Result<String, String> {
    if (7..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(text.to_owned());
    }
    Err("a commit is 7 or more hexadecimal digits".to_owned())
}

pub(crate) fn holder(text: &str) -> Result<String, String> {
    let text = text.trim();
    if !text.is_empty() && text.len() <= 200 && !text.chars().any(char::is_control) {
        return Ok(text.to_owned());
    }
    Err("a holder is a name on one line".to_owned())
}

/// Whether a text is lowercase letters and digits, with single hyphens between them, and begins with a letter.
pub(super) fn is_plain(text: &str) -> bool {
    let is_part =
        |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    text.starts_with(|c: char| c.is_ascii_lowercase()) && text.split('-').all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_names_are_refused() {
        for bad in ["", "A", "1a", "a_b", "ü", &"a".repeat(33), "a b"] {
            assert!(project(bad).is_err(), "{bad}");
        }
        for bad in ["", "-a", "a..b", "/a", "a/", "a b", "a\"", "a.lock", "HEAD", "ü", "a//b", "a/.b"] {
            assert!(branch(bad).is_err(), "{bad}");
        }
        for bad in ["", "us", "us-east", "us-east-", "US-east-1", "us--1", "us-1", "eu-central-1a"] {
            assert!(region(bad).is_err(), "{bad}");
        }
        for bad in ["dev", "dev=1", "dev=12345678901x", "=", "1234567890123"] {
            assert!(account(bad).is_err(), "{bad}");
        }
        for bad in ["", "x", "00000000-0000-0000-0000-00000000000g"] {
            assert!(uuid(bad).is_err(), "{bad}");
        }
        for bad in ["", "acme/shop", "https://github.com/acme/shop", "github.com/acme/shop.git", "github.com/a b/c"] {
            assert!(repository(bad).is_err(), "{bad}");
        }
        for bad in ["", "  ", "a\nb"] {
            assert!(holder(bad).is_err(), "{bad:?}");
        }
        assert!(branch("release/2.x").is_ok() && region("us-gov-west-1").is_ok() && project("a").is_ok());
    }
}
