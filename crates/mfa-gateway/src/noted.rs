//! What is noted about a request for the access log, and the names of users there.

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use auth_module::{Session, UserId};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// The key of the names under which the access log knows users.
#[derive(Clone)]
pub(crate) struct LogKey(Hmac<Sha256>);

impl fmt::Debug for LogKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LogKey(..)")
    }
}

impl LogKey {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        Self(Hmac::new_from_slice(key).expect("HMAC takes keys of any length"))
    }

    /// Returns the name of a user: 16 hexadecimal digits, the same ones each time.
    pub(crate) fn name(&self, user: &UserId) -> String {
        let mut mac = self.0.clone();
        mac.update(user.as_str().as_bytes());
        let digest = mac.finalize().into_bytes();
        let (head, _) = digest.split_first_chunk().expect("a digest of 32 bytes");
        format!("{:016x}", u64::from_be_bytes(*head))
    }
}

/// What the access log says about a request, found out while it is served.
#[derive(Debug, Default)]
pub(crate) struct Noted {
    user: OnceLock<UserId>,
    rule: OnceLock<Arc<str>>,
}

impl Noted {
    /// Notes whose session the request has.
    pub(crate) fn session(&self, session: &Session) {
        self.user.get_or_init(|| session.user().id.clone());
    }

    /// Notes the rule that decided about the request.
    pub(crate) fn rule(&self, name: Arc<str>) {
        self.rule.get_or_init(|| name);
    }

    pub(crate) fn user(&self) -> Option<&UserId> {
        self.user.get()
    }

    pub(crate) fn rule_name(&self) -> Option<&str> {
        self.rule.get().map(AsRef::as_ref)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_user_depends_on_the_key_and_is_not_the_id() {
        let (alice, bob) = (UserId::from_random([1; 16]), UserId::from_random([2; 16]));
        let key = LogKey::new(&[7; 32]);
        assert_eq!(key.name(&alice), key.name(&alice));
        assert_ne!(key.name(&alice), key.name(&bob));
        assert_ne!(key.name(&alice), LogKey::new(&[8; 32]).name(&alice));
        assert_eq!(key.name(&alice).len(), 16);
        assert!(!alice.as_str().contains(&key.name(&alice)));
        assert!(!format!("{key:?}").contains('7'));
    }
}
