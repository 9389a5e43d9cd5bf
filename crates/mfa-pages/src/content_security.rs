//! The content security policy of our pages.

/// Returns the value of `Content-Security-Policy` for our pages (CSP Level 3).
///
/// `form_targets` are further origins to which the response to a form may redirect. Chromium applies
/// `form-action` to the redirect too, so the list needs each app that has a host of its own. An entry
/// that is not a plain `https://host` or `http://host` origin is left out.
///
/// ```
/// use mfa_pages::content_security_policy;
///
/// let policy = content_security_policy(["https://app.example.jp"]);
/// assert!(policy.contains("form-action 'self' https://app.example.jp;"));
/// assert!(!policy.contains("unsafe"));
/// ```
pub fn content_security_policy<'a>(form_targets: impl IntoIterator<Item = &'a str>) -> String {
    let targets: String = form_targets
        .into_iter()
        .filter(|origin| is_plain_origin(origin))
        .flat_map(|origin| [" ", origin])
        .collect();
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
         connect-src 'self'; form-action 'self'{targets}; frame-ancestors 'none'; base-uri 'none'"
    )
}

fn is_plain_origin(origin: &str) -> bool {
    let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
    host.is_some_and(|host| {
        !host.is_empty()
            && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.:[]".contains(&byte))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_cannot_smuggle_a_directive_in() {
        for bad in ["https://a; script-src *", "*", "https://", "data:", "https://a b", "'self'"] {
            assert_eq!(content_security_policy([bad]), content_security_policy([]), "{bad}");
        }
    }
}
