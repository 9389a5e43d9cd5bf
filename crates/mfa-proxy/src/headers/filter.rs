//! Which headers of a client reach the application.

use http::{HeaderMap, HeaderName};

use super::{
    names::{Folded, NamePattern, NameSet, is_plain},
    table,
};

/// Decides which headers of a client reach an application.
///
/// A header that applications believe because a proxy sets it is dropped, in every spelling. So is a name with
/// another character than letters, digits and `-`, because many servers read each of them as `-`. An application can
/// have further names dropped, and except names from both rules. It cannot except what the proxy sets itself.
#[derive(Debug, Clone)]
pub struct HeaderFilter {
    believed: NameSet,
    passed: NameSet,
    dropped: NameSet,
    never: NameSet,
}

impl Default for HeaderFilter {
    fn default() -> Self {
        Self::new([], [])
    }
}

impl HeaderFilter {
    /// Makes a filter that also drops the names of `dropped`, in every spelling, and lets those of `passed` through,
    /// as they are spelled there. If both have a name, it is dropped.
    pub fn new(
        dropped: impl IntoIterator<Item = NamePattern>,
        passed: impl IntoIterator<Item = NamePattern>,
    ) -> Self {
        let believed = table::BELIEVED.iter().flat_map(|(_, names)| *names);
        let excepted = table::CREDENTIALS_AND_SOFTWARE.iter().copied().map(NamePattern::exact);
        Self {
            believed: believed.copied().map(NamePattern::built_in).collect(),
            passed: excepted.chain(passed).collect(),
            dropped: dropped.into_iter().map(|pattern| pattern.folded()).collect(),
            never: never(),
        }
    }

    /// Whether the proxy sets every header of this pattern itself, so that a client's can never pass.
    pub fn never_passes(pattern: &NamePattern) -> bool {
        never().covers(&pattern.folded())
    }

    /// Removes what must not reach the application. `own` are headers that the caller sets.
    pub(super) fn apply(&self, headers: &mut HeaderMap, own: &HeaderMap) {
        let dropped: Vec<HeaderName> =
            headers.keys().filter(|name| self.is_dropped(name, own)).cloned().collect();
        for name in dropped {
            headers.remove(name);
        }
    }

    /// Runs for each header of each request, so it does not allocate. `HeaderName` is in lower case.
    fn is_dropped(&self, name: &HeaderName, own: &HeaderMap) -> bool {
        let name = name.as_str().as_bytes();
        if is_plain(name) {
            let is_excepted = || self.passed.contains(name) && !self.never.contains(name);
            return self.dropped.contains(name) || self.believed.contains(name) && !is_excepted();
        }
        if !self.passed.contains(name) {
            return true;
        }
        let folded = Folded::new(name);
        let folded = folded.as_bytes();
        self.dropped.contains(folded)
            || self.never.contains(folded)
            || own.keys().any(|own| Folded::new(own.as_str().as_bytes()).as_bytes() == folded)
    }
}

fn never() -> NameSet {
    table::NEVER.iter().copied().map(NamePattern::built_in).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patterns(texts: &[&str]) -> Vec<NamePattern> {
        texts.iter().map(|text| text.parse().expect("a pattern")).collect()
    }

    fn passes(filter: &HeaderFilter, name: &str) -> bool {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
        !filter.is_dropped(&name, &HeaderMap::new())
    }

    #[test]
    fn every_entry_is_dropped_in_every_spelling() {
        let filter = HeaderFilter::default();
        let entries = table::BELIEVED.iter().flat_map(|(_, names)| *names);
        for entry in entries {
            let name = entry.replace('*', "more");
            let spelled = ["_", ".", "~", "!", "|", "'", "+", "$", "%", "&", "#", "^", "`", "*"];
            let others = spelled.iter().map(|separator| name.replace('-', separator));
            for name in others.chain([name.clone(), name.to_uppercase()]) {
                assert!(!passes(&filter, &name), "{name}");
            }
        }
    }

    /// What browsers, their scripts and programs send to applications.
    #[test]
    fn headers_that_applications_need_pass() {
        let filter = HeaderFilter::default();
        let names = "
            accept accept-charset accept-encoding accept-language access-control-request-headers
            access-control-request-method authorization access-token api-key cache-control
            content-disposition content-encoding content-language content-length content-md5 content-range
            content-type cookie date depth destination dnt dpr early-data etag expect from grpc-timeout host
            http-referer idempotency-key if if-match if-modified-since if-none-match if-range
            if-unmodified-since last-event-id lock-token ocs-apirequest origin overwrite pragma prefer
            priority private-token range referer rsc save-data sec-ch-ua sec-fetch-dest sec-fetch-user
            sec-gpc sec-websocket-key sec-websocket-protocol service-worker soapaction timeout traceparent
            tracestate translate tus-resumable uid upgrade-insecure-requests upload-offset user-agent via
            viewport-width x-access-token x-ajax-navigation x-amz-date x-amzn-trace-id x-api-key x-auth
            x-auth-token x-authorization x-b3-traceid x-client-data x-client-id x-client-version
            x-correlation-id x-csrf-token x-csrftoken x-dns-prefetch-control x-file-name x-gitlab-token
            x-grafana-org-id x-grpc-web x-hub-signature-256 x-inertia x-livewire x-middleware-prefetch
            x-ms-client-request-id x-ms-version x-nextjs-data x-pjax x-request-id x-requested-with
            x-socket-id x-tenant-id x-timezone x-token x-turbo-request-id x-user-agent x-wp-nonce
            x-xsrf-token x-xsrftoken hx-request hx-target next-action next-router-state-tree turbo-frame
        ";
        for name in names.split_whitespace() {
            assert!(passes(&filter, name), "{name}");
        }
    }

    #[test]
    fn other_characters_than_letters_digits_and_hyphens_need_an_exception() {
        let filter = HeaderFilter::new(
            [],
            patterns(&["My_Header", "app_*", "content_length", "x_mfa_user"]),
        );
        for (name, expected) in [
            ("my_header", true),
            ("my_header2", false),
            ("my.header", false),
            ("app_anything", true),
            ("other_header", false),
            ("transfer_encoding", false),
            ("content_length", false),
            ("content.length", false),
            ("x_mfa_user", false),
            ("$wsru", false),
        ] {
            assert_eq!(passes(&filter, name), expected, "{name}");
        }
    }

    #[test]
    fn an_application_extends_the_table_and_makes_exceptions() {
        let filter = HeaderFilter::new(
            patterns(&["x-foo-*", "X_Bar", "x-user-name"]),
            patterns(&["x-user-*", "x-forwarded-*", "x-mfa-*", "x-auth-request-*"]),
        );
        for (name, expected) in [
            ("x-foo-bar", false),
            ("x-foo", true),
            ("x-bar", false),
            ("x-user-id", true),
            ("x-user", false),
            // Both lists have it.
            ("x-user-name", false),
            ("x-auth-request-user", true),
            ("x-auth-user", false),
            ("x-forwarded-port", true),
            ("x-forwarded-for", false),
            ("x-forwarded-host", false),
            ("x-forwarded-proto", false),
            ("x-mfa-user", false),
        ] {
            assert_eq!(passes(&filter, name), expected, "{name}");
        }
    }

    #[test]
    fn no_exception_lets_a_spelling_of_an_own_header_through() {
        let filter = HeaderFilter::new([], patterns(&["account_name"]));
        let mut own = HeaderMap::new();
        let name = HeaderName::from_static("account_name");
        assert!(!filter.is_dropped(&name, &own));
        own.insert("account-name", http::HeaderValue::from_static("alice"));
        assert!(filter.is_dropped(&name, &own));
    }

    #[test]
    fn an_exception_for_what_the_proxy_sets_is_known_to_be_useless() {
        for text in [
            "x-mfa-user",
            "x_mfa_user",
            "x-mfa-*",
            "X-Mfa-u*",
            "forwarded",
            "x_forwarded_for",
            "content_length",
        ] {
            assert!(HeaderFilter::never_passes(&text.parse().expect("a pattern")), "{text}");
        }
        for text in ["x-forwarded-*", "x-user", "x-*", "x-forwarded-port"] {
            assert!(!HeaderFilter::never_passes(&text.parse().expect("a pattern")), "{text}");
        }
    }

    /// The page for operators names each entry of the table.
    #[test]
    fn the_documentation_has_every_entry() {
        let page = include_str!("../../../../docs/headers.md");
        for (believed, names) in table::BELIEVED {
            let start = format!("| {believed} | ");
            let row = page.lines().find(|line| line.starts_with(&start));
            let listed: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
            assert_eq!(row, Some(format!("{start}{} |", listed.join(", ")).as_str()));
        }
        for name in table::CREDENTIALS_AND_SOFTWARE.iter().chain(table::NEVER) {
            assert!(page.contains(&format!("`{name}`")), "{name}");
        }
    }
}
