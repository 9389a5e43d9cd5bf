//! The cookie of a browser in which users have completed logins.
//!
//! It replaces no factor. It only tells the owner of an account from strangers when passwords are limited.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::{Zeroize as _, Zeroizing};

/// How long a browser is known after a completed login.
pub const KNOWN_BROWSER_LIFETIME: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The most users of one browser. The one whose login is longest ago is forgotten first.
const MAX_USERS: usize = 4;

const VERSION: u8 = 1;
const SEPARATOR: char = '.';
const ENTRY_BYTES: usize = 1 + 16 + 8 + 32;
const ENTRY_CHARS: usize = ENTRY_BYTES / 3 * 4;

/// The value of the cookie as the browser sent it. It can be forged. `Debug` shows nothing of it.
#[derive(Clone, Copy)]
pub struct KnownBrowserCookie<'a>(&'a str);

impl<'a> KnownBrowserCookie<'a> {
    /// Takes what a request carries; it need not be valid.
    pub const fn new(value: &'a str) -> Self {
        Self(value)
    }

    fn entries(self) -> impl Iterator<Item = &'a str> {
        let is_cookie_octet = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
        let is_entry =
            move |entry: &&str| entry.len() == ENTRY_CHARS && entry.bytes().all(is_cookie_octet);
        self.0.split(SEPARATOR).take(MAX_USERS).filter(is_entry)
    }
}

impl fmt::Debug for KnownBrowserCookie<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KnownBrowserCookie([redacted])")
    }
}

/// The key of the cookie of known browsers.
#[derive(Clone)]
pub struct KnownBrowserKey(Hmac<Sha256>);

impl KnownBrowserKey {
    /// Makes a key of 32 unpredictable bytes, the same on every node.
    ///
    /// # Panics
    ///
    /// Never: HMAC takes keys of any length.
    pub fn from_bytes(key: [u8; 32]) -> Self {
        Self(Hmac::new_from_slice(&key).expect("HMAC takes keys of any length"))
    }

    /// Returns the id of the browser, if the cookie says that `account` completed a login in it with this
    /// generation of the password, at most 30 days before `now`.
    pub(crate) fn find(
        &self,
        cookie: KnownBrowserCookie<'_>,
        account: &Account<'_>,
        now: SystemTime,
    ) -> Option<BrowserId> {
        cookie.entries().find_map(|entry| self.verify(entry, account, now))
    }

    /// Returns the value of the cookie after `account` has completed a login, with the other users of `cookie`.
    pub(crate) fn remember(
        &self,
        cookie: Option<KnownBrowserCookie<'_>>,
        account: &Account<'_>,
        id: [u8; 16],
        now: SystemTime,
    ) -> Zeroizing<String> {
        let others = cookie.into_iter().flat_map(KnownBrowserCookie::entries);
        let others = others.filter(|entry| self.verify(entry, account, now).is_none());
        let mut value = Zeroizing::new(String::with_capacity(MAX_USERS * (ENTRY_CHARS + 1)));
        value.push_str(&self.issue(account, id, now));
        for other in others.take(MAX_USERS - 1) {
            value.push(SEPARATOR);
            value.push_str(other);
        }
        value
    }

    fn issue(&self, account: &Account<'_>, id: [u8; 16], now: SystemTime) -> Zeroizing<String> {
        let mut head = [0; ENTRY_BYTES - 32];
        head[0] = VERSION;
        head[1..17].copy_from_slice(&id);
        head[17..].copy_from_slice(&seconds(now).to_be_bytes());
        let mut entry = Zeroizing::new([0; ENTRY_BYTES]);
        entry[..head.len()].copy_from_slice(&head);
        entry[head.len()..].copy_from_slice(&self.mac(&head, account).finalize().into_bytes());
        Zeroizing::new(BASE64_URL_SAFE_NO_PAD.encode(entry.as_slice()))
    }

    fn verify(&self, entry: &str, account: &Account<'_>, now: SystemTime) -> Option<BrowserId> {
        let entry = Zeroizing::new(BASE64_URL_SAFE_NO_PAD.decode(entry).ok()?);
        let (head, mac) = entry.split_at_checked(ENTRY_BYTES - 32)?;
        self.mac(head, account).verify_slice(mac).ok()?;
        let (id, issued_at) = head.get(1..)?.split_at_checked(16)?;
        let issued_at = u64::from_be_bytes(issued_at.try_into().ok()?);
        // A time to come is that of a clock that was set back. The cookie then lasts until the browser drops it.
        let is_over = seconds(now).saturating_sub(issued_at) >= KNOWN_BROWSER_LIFETIME.as_secs();
        if is_over { None } else { Some(BrowserId(id.try_into().ok()?)) }
    }

    fn mac(&self, head: &[u8], account: &Account<'_>) -> Hmac<Sha256> {
        let mac = self.0.clone().chain_update(b"known browser\0").chain_update(head);
        mac.chain_update(account.generation.to_be_bytes()).chain_update(account.name)
    }
}

impl fmt::Debug for KnownBrowserKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KnownBrowserKey([redacted])")
    }
}

/// Whose cookie it is.
#[derive(Clone, Copy)]
pub(crate) struct Account<'a> {
    /// The name of the account's counters.
    pub(crate) name: &'a str,
    /// The generation of the user; a new password ends the cookie.
    pub(crate) generation: u64,
}

/// Names one browser of one user until its next login. Has counters of its own.
pub(crate) struct BrowserId([u8; 16]);

impl fmt::Display for BrowserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl Drop for BrowserId {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

fn seconds(at: SystemTime) -> u64 {
    at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALICE: Account<'_> = Account { name: "id\0alice", generation: 3 };
    const BOB: Account<'_> = Account { name: "id\0bob", generation: 0 };

    fn key() -> KnownBrowserKey {
        KnownBrowserKey::from_bytes([7; 32])
    }

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000 + seconds)
    }

    fn is_known(
        key: &KnownBrowserKey,
        value: &str,
        account: &Account<'_>,
        now: SystemTime,
    ) -> bool {
        key.find(KnownBrowserCookie::new(value), account, now).is_some()
    }

    #[test]
    fn a_browser_is_known_to_the_user_who_logged_in_for_thirty_days() {
        let value = key().remember(None, &ALICE, [5; 16], at(0));
        let id = key().find(KnownBrowserCookie::new(&value), &ALICE, at(0)).unwrap();
        assert_eq!(id.to_string(), "05".repeat(16));
        let lifetime = KNOWN_BROWSER_LIFETIME.as_secs();
        assert!(is_known(&key(), &value, &ALICE, at(lifetime - 1)));
        assert!(!is_known(&key(), &value, &ALICE, at(lifetime)));
        assert!(!is_known(&key(), &value, &BOB, at(0)));
        let with_new_password = Account { generation: 4, ..ALICE };
        assert!(!is_known(&key(), &value, &with_new_password, at(0)));
        assert!(!is_known(&KnownBrowserKey::from_bytes([8; 32]), &value, &ALICE, at(0)));
    }

    #[test]
    fn a_browser_is_known_to_its_last_four_users() {
        let names: Vec<String> = (0..6).map(|n| format!("id\0user{n}")).collect();
        let account = |n: usize| Account { name: &names[n], generation: 0 };
        let mut value = Zeroizing::new(String::new());
        for n in [0, 1, 2, 3, 4, 5, 4] {
            let cookie = KnownBrowserCookie::new(&value);
            value = key().remember(Some(cookie), &account(n), [1; 16], at(0));
        }
        let known: Vec<_> =
            (0..6).filter(|n| is_known(&key(), &value, &account(*n), at(0))).collect();
        assert_eq!(known, [2, 3, 4, 5]);
        assert!(value.len() <= MAX_USERS * (ENTRY_CHARS + 1));
        assert!(value.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)));
    }

    #[test]
    fn nothing_shows_the_cookie() {
        let value = key().remember(None, &ALICE, [5; 16], at(0));
        let scanner = testkit::LeakScanner::new().with_secret("cookie", &value);
        scanner
            .assert_clean("Debug", &format!("{:?} {:?}", KnownBrowserCookie::new(&value), key()));
    }

    proptest! {
        #[test]
        fn a_changed_cookie_is_worth_nothing(at_byte in 0..ENTRY_BYTES, change in 1..=255_u8) {
            let value = key().remember(None, &ALICE, [5; 16], at(0));
            let mut bytes = BASE64_URL_SAFE_NO_PAD.decode(value.as_str()).unwrap();
            bytes[at_byte] ^= change;
            let changed = BASE64_URL_SAFE_NO_PAD.encode(bytes);
            prop_assert!(!is_known(&key(), &changed, &ALICE, at(0)));
        }

        #[test]
        fn any_text_may_come_as_the_cookie(text in "[A-Za-z0-9_.-]{0,400}|\\PC{0,80}") {
            prop_assert!(!is_known(&key(), &text, &ALICE, at(0)));
            let kept = key().remember(Some(KnownBrowserCookie::new(&text)), &ALICE, [5; 16], at(0));
            prop_assert!(is_known(&key(), &kept, &ALICE, at(0)));
            prop_assert!(kept.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)));
        }
    }
}
