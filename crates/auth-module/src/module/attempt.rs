//! Whose account an attempt is for, and where it comes from.

use std::time::SystemTime;

use mfa_plugin_api::ClientFacts;
use otp_cache::QuotaKey;

use crate::{
    known_browser::{Account, BrowserId},
    network::site_of,
    time::to_millis,
    user::{User, UserId},
};

/// What attempts are counted under: the id of a known user, or what was typed.
pub(super) struct AccountName {
    name: String,
    is_known: bool,
    generation: u64,
    last_login_at: Option<SystemTime>,
}

impl AccountName {
    /// Returns the name of the account of `user`, or of the account that `typed` might have been.
    pub(super) fn of(user: Option<&User>, typed: &str) -> Self {
        match user {
            Some(user) => {
                let account = Self::of_user(&user.id, user.generation);
                Self { last_login_at: user.last_login_at, ..account }
            }
            None => Self {
                name: format!("name\0{typed}"),
                is_known: false,
                generation: 0,
                last_login_at: None,
            },
        }
    }

    pub(super) fn of_user(id: &UserId, generation: u64) -> Self {
        Self { name: format!("id\0{id}"), is_known: true, generation, last_login_at: None }
    }

    /// Returns the name of the account in counters.
    pub(super) fn as_str(&self) -> &str {
        &self.name
    }

    /// Returns the name of the account in counters that are kept for a long time.
    ///
    /// Unknown names share 256 of them, so that made-up names do not fill the store. It does not show: a password for
    /// an unknown name is wrong, whatever these counters say.
    pub(super) fn long_term(&self) -> String {
        if self.is_known {
            return self.name.clone();
        }
        let digest = QuotaKey::derive("auth/password/unknown name", &self.name);
        let [bucket, ..] = digest.as_bytes();
        format!("unknown\0{bucket}")
    }

    /// Returns the name of the row of attempts that a login or a new password has begun. A directory that knows of
    /// neither has one row.
    pub(super) fn row(&self) -> String {
        let last_login_at = self.last_login_at.map_or(0, to_millis);
        format!("{}/{last_login_at}", self.generation)
    }

    /// Returns whose cookie a known browser would have.
    pub(super) fn account(&self) -> Account<'_> {
        Account { name: &self.name, generation: self.generation }
    }
}

/// Where an attempt comes from, as keys of counters.
pub(super) struct Source {
    /// The network that counts as one client.
    pub(super) address: String,
    /// The /24 or /48 around it.
    pub(super) site: String,
    pub(super) browser: Option<BrowserId>,
}

impl Source {
    /// Returns the source of a request whose browser is not known.
    pub(super) fn of(client: &ClientFacts) -> Self {
        let site = site_of(client.address).to_string();
        Self { address: client.network(), site, browser: None }
    }

    pub(super) fn in_browser(self, browser: Option<BrowserId>) -> Self {
        Self { browser, ..self }
    }
}

/// The place in which an attempt was made, as far as the completed logins of this user tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// A browser in which the user has completed a login.
    Browser,
    /// An address from which the user has completed a login.
    Address,
    /// Anywhere else.
    Unfamiliar,
}

impl Place {
    pub(super) fn is_familiar(self) -> bool {
        self != Self::Unfamiliar
    }
}
