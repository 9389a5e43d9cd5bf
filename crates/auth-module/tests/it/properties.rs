//! What holds for any input.

use auth_module::{LoginName, PasswordHash, SessionToken};
use proptest::prelude::*;
use zeroize::Zeroizing;

proptest! {
    #[test]
    fn a_canonical_name_is_its_own_canonical_name(typed in "\\PC{0,70}") {
        if let Ok(name) = LoginName::parse(&typed) {
            prop_assert_eq!(LoginName::parse(name.as_str()), Ok(name.clone()));
            prop_assert!(name.as_str().is_ascii());
        }
    }

    #[test]
    fn a_hash_is_read_as_it_was_written_and_nothing_panics(text in "(\\$argon2id\\$v=19\\$)?\\PC{0,80}") {
        if let Ok(hash) = PasswordHash::parse(&text) {
            let written = hash.to_phc();
            let again = PasswordHash::parse(&written).map(|hash| hash.to_phc());
            prop_assert_eq!(again, Ok(written));
        }
    }

    #[test]
    fn a_cookie_is_a_token_or_nothing(text in "[A-Za-z0-9_=-]{40,46}") {
        if let Some(token) = SessionToken::parse(&text) {
            prop_assert_eq!(token.expose_secret(), Zeroizing::new(text));
        }
    }
}
