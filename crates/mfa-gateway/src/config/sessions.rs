//! `[sessions]`: how long sessions and pending logins last.

use std::time::Duration;

use auth_module::{AuthSettings, InvalidSettings};

use super::document::{Reported, Section};

/// `[sessions]`
#[derive(Debug, Clone, Copy)]
pub struct Sessions {
    /// The longest time from login to the end of a session.
    pub absolute_timeout: Duration,
    /// The longest time between two requests of a session.
    pub idle_timeout: Duration,
    /// The longest time from the password to the last factor.
    pub login_timeout: Duration,
    /// How old the snapshot of a session's user may be.
    pub user_refresh: Duration,
}

impl Sessions {
    /// Sets these timeouts in the settings of the authentication module.
    ///
    /// # Errors
    ///
    /// [`InvalidSettings`] if a timeout is out of range. Reading a file rules this out.
    pub fn apply_to(self, settings: AuthSettings) -> Result<AuthSettings, InvalidSettings> {
        settings
            .with_pending_lifetime(self.login_timeout)?
            .with_session_lifetime(self.absolute_timeout, self.idle_timeout)?
            .with_user_refresh(self.user_refresh)
    }
}

pub(super) fn read(section: &Section<'_>) -> Result<Sessions, Reported> {
    let absolute_timeout = section
        .key(
            "absolute_timeout",
            (
                "A session ends this long after the login.",
                "ログインからこの時間が経つと、セッションが切れます。",
            ),
        )
        .source((
            "NIST SP 800-63B-4, 2.2.3: at most 24 hours",
            "NIST SP 800-63B-4, 2.2.3：24時間以下",
        ))
        .renamed_from("absolute")
        .duration(AuthSettings::DEFAULT_SESSION_LIFETIME, AuthSettings::SESSION_LIFETIME_RANGE);
    let idle_timeout = section
        .key(
            "idle_timeout",
            (
                "A session ends after this long without a request.",
                "リクエストがないままこの時間が経つと、セッションが切れます。",
            ),
        )
        .source(("NIST SP 800-63B-4, 2.2.3: at most 1 hour", "NIST SP 800-63B-4, 2.2.3：1時間以下"))
        .renamed_from("idle")
        .duration(AuthSettings::DEFAULT_SESSION_IDLE, AuthSettings::SESSION_IDLE_RANGE);
    let login_timeout = section
        .key(
            "login_timeout",
            (
                "A login ends this long after the password if a factor is missing.",
                "要素が足りないまま、パスワードの入力からこの時間が経つと、ログイン手続き\
                 が切れます。",
            ),
        )
        .source((
            "NIST SP 800-63B-4, 3.1.3.2: at most 10 minutes",
            "NIST SP 800-63B-4, 3.1.3.2：10分以下",
        ))
        .renamed_from("pending")
        .duration(AuthSettings::DEFAULT_PENDING_LIFETIME, AuthSettings::PENDING_LIFETIME_RANGE);
    let user_refresh = section
        .key(
            "user_refresh",
            (
                "The user of a session is read again after this long. \"0s\": for each request.",
                "この時間が経つと、セッションのユーザーを読み直します。\"0s\"はリクエスト\
                 ごとです。",
            ),
        )
        .duration(AuthSettings::DEFAULT_USER_REFRESH, AuthSettings::USER_REFRESH_RANGE);
    let (absolute_timeout, idle_timeout) = (absolute_timeout?, idle_timeout?);
    let (login_timeout, user_refresh) = (login_timeout?, user_refresh?);
    for shorter in [("idle_timeout", idle_timeout), ("user_refresh", user_refresh)] {
        section.ensure_at_most(shorter, ("absolute_timeout", absolute_timeout))?;
    }
    Ok(Sessions { absolute_timeout, idle_timeout, login_timeout, user_refresh })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::document::problems_in;

    #[test]
    fn the_idle_timeout_is_the_shorter_one() {
        assert_eq!(
            problems_in("absolute_timeout = \"30m\"\nidle_timeout = \"31m\"\n", read),
            ["2:16: idle_timeout: is more than absolute_timeout; make it the smaller one"]
        );
        assert!(
            problems_in("absolute_timeout = \"30m\"\nidle_timeout = \"30m\"\n", read).is_empty()
        );
    }

    #[test]
    fn a_user_is_read_again_before_the_session_ends() {
        assert_eq!(
            problems_in(
                "absolute_timeout = \"5m\"\nidle_timeout = \"5m\"\nuser_refresh = \"6m\"\n",
                read
            ),
            ["3:16: user_refresh: is more than absolute_timeout; make it the smaller one"]
        );
    }

    #[test]
    fn a_login_lasts_ten_minutes_at_most() {
        assert!(problems_in("login_timeout = \"10m\"\n", read).is_empty());
        let found = problems_in("login_timeout = \"601s\"\n", read);
        assert!(found[0].contains("is not between 5m and 10m"), "{found:?}");
    }

    #[test]
    fn old_names_point_to_the_new_ones() {
        let found = problems_in("absolute = \"1h\"\nidle = \"1h\"\npending = \"5m\"\n", read);
        assert_eq!(
            found,
            [
                "1:1: absolute: is now called absolute_timeout; write absolute_timeout instead",
                "2:1: idle: is now called idle_timeout; write idle_timeout instead",
                "3:1: pending: is now called login_timeout; write login_timeout instead",
            ]
        );
    }
}
