//! The paths of the API.

use crate::operation::Operation;

/// A path after `/api/{tenant_id}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route<'a> {
    Messages,
    Message(&'a str),
    Cancel(&'a str),
    Bulks,
    BulkFiles,
    Bulk(&'a str),
    BulkMessages(&'a str),
    Unknown,
}

/// Splits `/api/{tenant_id}/…` into tenant and route.
pub(crate) fn split(path: &str) -> Option<(&str, Route<'_>)> {
    let rest = path.strip_prefix("/api/")?;
    let (tenant, rest) = rest.split_once('/').unwrap_or((rest, ""));
    let mut parts = rest.split('/');
    let parts = (parts.next(), parts.next(), parts.next(), parts.next(), parts.next());
    let route = match parts {
        (Some("messages"), None, ..) => Route::Messages,
        (Some("messages"), Some("bulks"), None, ..) => Route::Bulks,
        (Some("messages"), Some("bulks"), Some("files"), None, _) => Route::BulkFiles,
        (Some("messages"), Some("bulks"), Some(id), None, _) => Route::Bulk(id),
        (Some("messages"), Some("bulks"), Some(id), Some("messages"), None) => {
            Route::BulkMessages(id)
        }
        (Some("messages"), Some(id), None, ..) => Route::Message(id),
        (Some("messages"), Some(id), Some("cancel"), None, _) => Route::Cancel(id),
        _ => Route::Unknown,
    };
    Some((tenant, route))
}

/// Returns the calls of a path, one for each method.
pub(crate) fn operations(path: &str) -> &'static [Operation] {
    let Some((_, route)) = split(path) else { return &[] };
    match route {
        Route::Messages => &[Operation::Send, Operation::List],
        Route::Message(_) => &[Operation::Get],
        Route::Cancel(_) => &[Operation::Cancel],
        Route::BulkFiles => &[Operation::BulkFile],
        Route::Bulks => &[Operation::BulkStart],
        Route::Bulk(_) => &[Operation::BulkGet],
        Route::BulkMessages(_) => &[Operation::BulkResult],
        Route::Unknown => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_path_has_its_route() {
        let route = |path| split(path).map(|(_, route)| route);
        assert_eq!(route("/api/t/messages"), Some(Route::Messages));
        assert_eq!(route("/api/t/messages/"), Some(Route::Message("")));
        assert_eq!(route("/api/t/messages/x/"), Some(Route::Unknown));
        assert_eq!(route("/api/t/messages/x"), Some(Route::Message("x")));
        assert_eq!(route("/api/t/messages/x/cancel"), Some(Route::Cancel("x")));
        assert_eq!(route("/api/t/messages/x/cancel/y"), Some(Route::Unknown));
        assert_eq!(route("/api/t/messages/bulks"), Some(Route::Bulks));
        assert_eq!(route("/api/t/messages/bulks/files"), Some(Route::BulkFiles));
        assert_eq!(route("/api/t/messages/bulks/x"), Some(Route::Bulk("x")));
        assert_eq!(route("/api/t/messages/bulks/x/messages"), Some(Route::BulkMessages("x")));
        assert_eq!(route("/api/t"), Some(Route::Unknown));
        assert_eq!(route("/v2/t"), None);
    }
}
