//! What a refused login tells the login page: kept in a cookie of this browser, shown once.
//!
//! The page comes by a redirect, so that a reload does not post the password again. The cookie holds the user
//! name only to fill the field again. A URL must not hold the name, because URLs are logged.

use std::time::{Duration, SystemTime};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderMap, HeaderValue};
use mfa_pages::LoginProblem;
use serde::{Deserialize, Serialize};

use super::cookies;

/// A longer name is not shown again, so that the cookie stays small.
const MAX_USERNAME_BYTES: usize = 256;

/// A login that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RefusedLogin {
    pub(crate) username: String,
    pub(crate) problem: LoginProblem,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    username: String,
    problem: Problem,
    /// Seconds since 1970 until which attempts are refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<u64>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Problem {
    BothMissing,
    Busy,
    MustChange,
    PasswordMissing,
    Rejected,
    Throttled,
    UsernameMissing,
}

impl RefusedLogin {
    /// Reads the cookie. Returns `None` if there is none, if it is not ours, or if the wait that it names has
    /// ended.
    pub(crate) fn from_cookie(headers: &HeaderMap, now: SystemTime) -> Option<Self> {
        let json = URL_SAFE_NO_PAD.decode(cookies::FLASH.value(headers)?).ok()?;
        let Stored { username, problem, until } = serde_json::from_slice(&json).ok()?;
        let problem = match problem {
            Problem::BothMissing => LoginProblem::BothMissing,
            Problem::Busy => LoginProblem::Busy,
            Problem::MustChange => LoginProblem::MustChange,
            Problem::PasswordMissing => LoginProblem::PasswordMissing,
            Problem::Rejected => LoginProblem::Rejected,
            Problem::Throttled => {
                let until = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(until?))?;
                if until <= now {
                    return None;
                }
                LoginProblem::Throttled { until }
            }
            Problem::UsernameMissing => LoginProblem::UsernameMissing,
        };
        Some(Self { username, problem })
    }

    /// Returns the `Set-Cookie` value.
    pub(crate) fn to_cookie(&self) -> Option<HeaderValue> {
        let mut until = None;
        let problem = match self.problem {
            LoginProblem::BothMissing => Problem::BothMissing,
            LoginProblem::Busy => Problem::Busy,
            LoginProblem::MustChange => Problem::MustChange,
            LoginProblem::PasswordMissing => Problem::PasswordMissing,
            LoginProblem::Rejected => Problem::Rejected,
            LoginProblem::Throttled { until: at } => {
                // Rounded up: an attempt at the time shown is accepted.
                let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
                until = Some(since.as_secs() + u64::from(since.subsec_nanos() > 0));
                Problem::Throttled
            }
            LoginProblem::UsernameMissing => Problem::UsernameMissing,
        };
        let is_short = self.username.len() <= MAX_USERNAME_BYTES;
        let username = if is_short { self.username.clone() } else { String::new() };
        let json = serde_json::to_vec(&Stored { username, problem, until }).ok()?;
        cookies::FLASH.set(&URL_SAFE_NO_PAD.encode(json))
    }
}

#[cfg(test)]
mod tests {
    use http::header::COOKIE;

    use super::*;

    /// The headers of the next request.
    fn carried(refused: &RefusedLogin) -> HeaderMap {
        let set = refused.to_cookie().expect("a header value");
        let pair = set.to_str().expect("text").split(';').next().expect("a pair").to_owned();
        let mut headers = HeaderMap::new();
        headers.insert(COOKIE, pair.parse().expect("a header value"));
        headers
    }

    fn read(refused: &RefusedLogin) -> Option<RefusedLogin> {
        RefusedLogin::from_cookie(&carried(refused), SystemTime::UNIX_EPOCH)
    }

    #[test]
    fn a_refused_login_is_read_back() {
        let until = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        for problem in [
            LoginProblem::BothMissing,
            LoginProblem::Busy,
            LoginProblem::MustChange,
            LoginProblem::PasswordMissing,
            LoginProblem::Rejected,
            LoginProblem::Throttled { until },
            LoginProblem::UsernameMissing,
        ] {
            let refused = RefusedLogin { username: "港 \"あかり\"; x".to_owned(), problem };
            assert_eq!(read(&refused).as_ref(), Some(&refused));
        }
    }

    #[test]
    fn a_long_user_name_is_not_kept() {
        let problem = LoginProblem::Rejected;
        let kept = |length: usize| {
            read(&RefusedLogin { username: "a".repeat(length), problem }).map(|r| r.username.len())
        };
        assert_eq!(kept(MAX_USERNAME_BYTES), Some(MAX_USERNAME_BYTES));
        assert_eq!(kept(MAX_USERNAME_BYTES + 1), Some(0));
    }

    #[test]
    fn a_wait_that_is_over_is_not_shown() {
        let until = SystemTime::UNIX_EPOCH + Duration::from_secs(60);
        let problem = LoginProblem::Throttled { until };
        let headers = carried(&RefusedLogin { username: "alice".to_owned(), problem });
        assert!(RefusedLogin::from_cookie(&headers, until - Duration::from_secs(1)).is_some());
        assert_eq!(RefusedLogin::from_cookie(&headers, until), None);
    }

    #[test]
    fn a_cookie_that_is_not_ours_is_ignored() {
        for value in
            ["", "x", "e30", &URL_SAFE_NO_PAD.encode(r#"{"username":"a","problem":"throttled"}"#)]
        {
            let mut headers = HeaderMap::new();
            headers.insert(COOKIE, format!("__Host-mfa_flash={value}").parse().expect("a header"));
            assert_eq!(
                RefusedLogin::from_cookie(&headers, SystemTime::UNIX_EPOCH),
                None,
                "{value}"
            );
        }
    }
}
