//! The paths of the API and the calls that they are.

use http::Method;

use crate::operation::Operation;

/// A path after `/api/{tenant_id}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target<'a> {
    Messages,
    Message(&'a str),
    Cancel(&'a str),
    Bulks,
    BulkFiles,
    Bulk(&'a str),
    BulkMessages(&'a str),
    Unknown,
}

/// Splits `/api/{tenant_id}/…` into tenant and target.
pub(crate) fn split(path: &str) -> Option<(&str, Target<'_>)> {
    let rest = path.strip_prefix("/api/")?;
    let (tenant, rest) = rest.split_once('/').unwrap_or((rest, ""));
    let mut parts = rest.split('/');
    let parts = (parts.next(), parts.next(), parts.next(), parts.next(), parts.next());
    let target = match parts {
        (Some("messages"), None, ..) => Target::Messages,
        (Some("messages"), Some("bulks"), None, ..) => Target::Bulks,
        (Some("messages"), Some("bulks"), Some("files"), None, _) => Target::BulkFiles,
        (Some("messages"), Some("bulks"), Some(id), None, _) => Target::Bulk(id),
        (Some("messages"), Some("bulks"), Some(id), Some("messages"), None) => {
            Target::BulkMessages(id)
        }
        (Some("messages"), Some(id), None, ..) => Target::Message(id),
        (Some("messages"), Some(id), Some("cancel"), None, _) => Target::Cancel(id),
        _ => Target::Unknown,
    };
    Some((tenant, target))
}

/// Which call a request is, for faults.
pub(crate) fn operation(method: &Method, path: &str) -> Option<Operation> {
    let (_, target) = split(path)?;
    Some(match (target, method) {
        (Target::Messages, &Method::POST) => Operation::Send,
        (Target::Messages, _) => Operation::List,
        (Target::Message(_), _) => Operation::Get,
        (Target::Cancel(_), _) => Operation::Cancel,
        (Target::BulkFiles, _) => Operation::BulkFile,
        (Target::Bulks, _) => Operation::BulkStart,
        (Target::Bulk(_), _) => Operation::BulkGet,
        (Target::BulkMessages(_), _) => Operation::BulkResult,
        (Target::Unknown, _) => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_told_apart() {
        let target = |path| split(path).map(|(_, target)| target);
        assert_eq!(target("/api/t/messages"), Some(Target::Messages));
        assert_eq!(target("/api/t/messages/"), Some(Target::Message("")));
        assert_eq!(target("/api/t/messages/x/"), Some(Target::Unknown));
        assert_eq!(target("/api/t/messages/x"), Some(Target::Message("x")));
        assert_eq!(target("/api/t/messages/x/cancel"), Some(Target::Cancel("x")));
        assert_eq!(target("/api/t/messages/x/cancel/y"), Some(Target::Unknown));
        assert_eq!(target("/api/t/messages/bulks"), Some(Target::Bulks));
        assert_eq!(target("/api/t/messages/bulks/files"), Some(Target::BulkFiles));
        assert_eq!(target("/api/t/messages/bulks/x"), Some(Target::Bulk("x")));
        assert_eq!(target("/api/t/messages/bulks/x/messages"), Some(Target::BulkMessages("x")));
        assert_eq!(target("/api/t"), Some(Target::Unknown));
        assert_eq!(target("/v2/t"), None);
    }
}
