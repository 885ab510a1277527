//! Where a route of an HTTP API leads, by its key.

/// The path at which a route is tried out; `None` where the key is no path, as a WebSocket API's.
///
/// A key is `$default`, or a method and a path
/// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html>). What varies in the path,
/// in braces, ends it here.
pub(crate) fn path(key: &str) -> Option<&str> {
    if key == "$default" {
        return Some("/");
    }
    let (_, path) = key.split_once(' ')?;
    let fixed = path.split('{').next().unwrap_or_default();
    fixed.starts_with('/').then_some(fixed)
}

#[cfg(test)]
mod tests {
    use super::path;

    #[test]
    fn a_path_is_what_does_not_vary() {
        assert_eq!(path("$default"), Some("/"));
        assert_eq!(path("GET /orders"), Some("/orders"));
        assert_eq!(path("ANY /orders/{proxy+}"), Some("/orders/"));
        assert_eq!(path("GET /orders/{id}/items"), Some("/orders/"));
        assert_eq!(path("$connect"), None);
        assert_eq!(path("orders"), None);
    }
}
