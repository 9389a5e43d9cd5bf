//! The headers that tell the application who is logged in.

use std::time::{Duration, UNIX_EPOCH};

use auth_module::Session;
use http::{HeaderMap, HeaderName, HeaderValue};
use mfa_plugin_api::AuthenticationMethod;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

const X_MFA_USER: HeaderName = HeaderName::from_static("x-mfa-user");
const X_MFA_AMR: HeaderName = HeaderName::from_static("x-mfa-amr");
const X_MFA_AUTH_TIME: HeaderName = HeaderName::from_static("x-mfa-auth-time");

/// Bytes of a user name that are percent-encoded: controls, space and `%`. Non-ASCII bytes always are.
const NOT_IN_A_NAME: &AsciiSet = &CONTROLS.add(b' ').add(b'%');

/// Returns the headers for the application: the user of `session`, the methods as in the `amr` claim
/// (RFC 8176), and the time of the last factor in seconds since 1970.
pub(crate) fn headers(session: &Session) -> HeaderMap {
    let user = utf8_percent_encode(session.user().login_name.as_str(), NOT_IN_A_NAME).to_string();
    let methods = session.amr();
    let amr: Vec<&str> = methods.iter().map(AuthenticationMethod::as_str).collect();
    let auth_time = session.auth_time().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let mut headers = HeaderMap::new();
    for (name, value) in [
        (X_MFA_USER, user),
        (X_MFA_AMR, amr.join(",")),
        (X_MFA_AUTH_TIME, auth_time.as_secs().to_string()),
    ] {
        // Percent-encoded names and method names are visible ASCII.
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name, value);
        }
    }
    headers
}
