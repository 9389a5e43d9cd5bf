//! Hashes that other programs made: verified as they are, and replaced at the next login.

use std::sync::Arc;

use auth_module::{
    Administration, AuthParts, Expected, HasherLimits, ImportFormat, ImportOptions,
    InvalidPasswordHash, InvalidPepper, PasswordHash, PasswordHasher, PasswordOutcome, Peppers,
    Requester,
};
use otp_cache::QuotaKey;
use secrecy::SecretString;

use crate::common::{World, cheap, client, hashed};

const PASSWORD: &str = "correct horse";

fn known_answers() -> impl Iterator<Item = &'static str> {
    let lines = include_str!("../data/foreign_hashes.txt").lines();
    lines.filter(|line| !line.starts_with('#'))
}

fn hash(text: &str) -> PasswordHash {
    PasswordHash::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn requester() -> Requester {
    Requester::new(client().address, QuotaKey::derive("account", "alice"))
}

async fn verifies(text: &str, password: &str) -> bool {
    let hasher = PasswordHasher::new(cheap(), HasherLimits::default());
    let (hash, password) = (hash(text), SecretString::from(password));
    hasher.verify(&password, Expected::Hash(&hash), requester()).await.unwrap().unwrap()
}

#[tokio::test]
async fn hashes_of_other_implementations_verify() {
    assert!(known_answers().count() >= 25);
    for text in known_answers() {
        assert!(verifies(text, PASSWORD).await, "{text}");
        for wrong in ["correct hors", "correct horse ", "Correct horse", ""] {
            assert!(!verifies(text, wrong).await, "{text}: {wrong:?}");
        }
        let again = hash(text).to_phc();
        assert!(verifies(&again, PASSWORD).await, "{text} is stored as {again}");
    }
}

/// The work for a name that no user has is that of a real hash of the kind, and no password is right.
#[tokio::test]
async fn a_name_without_a_user_costs_what_a_hash_of_the_kind_costs() {
    let hasher = PasswordHasher::new(cheap(), HasherLimits::default());
    for text in known_answers() {
        let dummy = Expected::Dummy(hash(text).kind());
        let right = hasher
            .verify(&SecretString::from(PASSWORD), dummy, requester())
            .await
            .unwrap()
            .unwrap();
        assert!(!right, "{text}");
    }
    assert_eq!(hasher.computed(), known_answers().count() as u64);
}

#[tokio::test]
async fn bcrypt_reads_72_bytes_and_no_nul() {
    let long = "$2b$04$abcdefghijklmnopqrstuubzadhGtS2zEF.gu0yd0opP6cVzb.e0i";
    assert!(verifies(long, &"x".repeat(72)).await);
    assert!(verifies(long, &"x".repeat(80)).await, "its maker cut the password as well");
    assert!(!verifies(long, &"x".repeat(71)).await);
    let short = "$2b$04$abcdefghijklmnopqrstuughE8Ev8uGFaUgY2cNEySvxngrb/Jzdm";
    assert!(verifies(short, "password").await);
    // The key is repeated, each time with a NUL at its end: for the algorithm these are equal.
    assert!(!verifies(short, "password\0password").await);
    assert!(!verifies(short, "password\0").await);
}

#[test]
fn absurd_costs_and_damaged_hashes_are_refused() {
    use InvalidPasswordHash::{Algorithm, Cost, Form};
    let bcrypt = "$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e";
    let sha_crypt = "$5$saltstring$vc6YOOogU4kWVvwga8e9zTFgKcy4tb5LaPxIiPJzqEC";
    let output = "y6UK+57OG2yJnZIbS3E5E599IliwIIbBdkxEFXXGYlM";
    for (text, expected) in [
        (bcrypt.replace("$04$", "$15$"), Cost),
        (bcrypt.replace("$04$", "$31$"), Cost),
        (bcrypt.replace("$04$", "$03$"), Cost),
        (bcrypt.replace("$2b$", "$2x$"), Algorithm),
        (bcrypt[..59].to_owned(), Form),
        (format!("{bcrypt}x"), Form),
        (bcrypt.replace("uujyd", "uuéd"), Form),
        (sha_crypt.replace("$5$", "$5$rounds=999999999$"), Cost),
        (sha_crypt.replace("$5$", "$5$rounds=10$"), Cost),
        (sha_crypt.replace("$5$", "$5$rounds=99999999999999$"), Cost),
        (sha_crypt.replace("$5$", "$5$rounds=-1$"), Form),
        (sha_crypt.replace("saltstring", "salt:string"), Form),
        (sha_crypt.replace("saltstring", "salt string"), Form),
        (sha_crypt.replace("EC", ""), Form),
        (sha_crypt.replace("$5$", "$6$"), Form),
        (format!("pbkdf2_sha256$2000001$salt${output}"), Cost),
        (format!("pbkdf2_sha256$0$salt${output}"), Cost),
        (format!("pbkdf2_sha256$1000$salt${}", &output[..10]), Form),
        (format!("pbkdf2_md5$1000$salt${output}"), Algorithm),
        (format!("$pbkdf2-sha256$i=4000000000,l=32$c2FsdA${output}"), Cost),
        (format!("$scrypt$ln=22,r=8,p=1$c2FsdA${output}"), Cost),
        (format!("$scrypt$ln=63,r=8,p=1$c2FsdA${output}"), Cost),
        (format!("$scrypt$ln=15,r=8,p=100$c2FsdA${output}"), Cost),
        (format!("$scrypt$ln=4,r=4294967295,p=4294967295$c2FsdA${output}"), Cost),
        (format!("scrypt$15$salt$8$1${output}"), Form),
        ("{SSHA}L55TUjtiq8FBorTWAZ0jy6g129A=".to_owned(), Form),
        ("{SHA}L55TUjtiq8FB".to_owned(), Form),
        ("{MD5}L55TUjtiq8FBorTWAZ0jyw==".to_owned(), Algorithm),
        ("{CLEARTEXT}secret".to_owned(), Algorithm),
        ("{SSHA".to_owned(), Form),
        ("{PBKDF2é}1000$c2FsdA$".to_owned() + output, Algorithm),
        ("{PBKDF2_SHA256}1000$c2FsdA$".to_owned() + output, Algorithm),
        (
            "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$X3DX6M94c7o.9agCG9G317fhZg9SqC.5i5rd.RhAtQ7".to_owned(),
            Algorithm,
        ),
        (
            "$argon2i$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$WWuEVBdRMrMDRqLPrHZzLMBQ8yBhlcvcBZBMuKmjMqQ"
                .to_owned(),
            Algorithm,
        ),
        ("5f4dcc3b5aa765d61d8327deb882cf99".to_owned(), Algorithm),
        ("$".to_owned(), Form),
        (String::new(), Algorithm),
    ] {
        assert_eq!(PasswordHash::parse(&text).unwrap_err(), expected, "{text}");
    }
}

async fn import(world: &World, name: &str, hash: &str) {
    let file = format!("username,password_hash\n{name},\"{hash}\"\n");
    let options = ImportOptions::new(ImportFormat::Csv);
    let done = world
        .auth
        .import_users(file.into_bytes(), options, "test", &world.randomness, world.now())
        .await;
    assert_eq!(done.unwrap().unwrap().added.len(), 1);
}

fn is_right(outcome: &PasswordOutcome) -> bool {
    matches!(outcome, PasswordOutcome::Verified(_))
}

#[tokio::test]
async fn the_next_login_replaces_a_foreign_hash_once() {
    for (number, text) in known_answers().enumerate() {
        let world = World::new().await;
        let name = format!("user{number}");
        import(&world, &name, text).await;
        assert!(!is_right(&world.try_password(&name, "a wrong password").await), "{text}");
        let stored = async || world.account(&name).await.password_hash.unwrap();
        assert_eq!(stored().await.kind(), hash(text).kind(), "a wrong password replaces nothing");
        assert!(is_right(&world.try_password(&name, PASSWORD).await), "{text}");
        assert_eq!(stored().await.kind(), cheap().into(), "{text}");
        assert!(is_right(&world.try_password(&name, PASSWORD).await), "{text}");
        assert!(!is_right(&world.try_password(&name, "correct hors").await), "{text}");
        let replaced = world.audit.records().into_iter();
        assert_eq!(replaced.filter(|r| r.event == "password.hash_replaced").count(), 1, "{text}");
        assert_eq!(world.user(&name).await.generation, 0, "no session ends");
    }
}

/// A hash of what was typed beyond 72 bytes would lock the owner out.
#[tokio::test]
async fn a_bcrypt_hash_of_a_longer_password_stays() {
    let world = World::new().await;
    let text = "$2b$04$abcdefghijklmnopqrstuubzadhGtS2zEF.gu0yd0opP6cVzb.e0i";
    import(&world, "long", text).await;
    for tail in ["", "abc", "another"] {
        let password = format!("{}x{tail}", "x".repeat(72));
        assert!(is_right(&world.try_password("long", &password).await), "{tail}");
        assert_eq!(world.account("long").await.password_hash.unwrap().to_phc(), text);
    }
}

#[tokio::test]
async fn a_password_is_the_same_however_its_characters_are_composed() {
    let world = World::new().await;
    let (nfc, nfd) =
        ("caf\u{e9} がぎぐげご", "cafe\u{301} か\u{3099}き\u{3099}く\u{3099}け\u{3099}こ\u{3099}");
    world.add("carol", Some(nfc), None, &[]).await;
    world.add("dan", Some(nfd), None, &[]).await;
    for name in ["carol", "dan"] {
        for typed in [nfc, nfd, "cafe\u{301} ｶﾞｷﾞｸﾞｹﾞｺﾞ".replace("ｶﾞｷﾞｸﾞｹﾞｺﾞ", "がぎぐげご").as_str()]
        {
            assert!(is_right(&world.try_password(name, typed).await), "{name} {typed:?}");
        }
        assert!(!is_right(&world.try_password(name, "cafe がぎぐげご").await));
    }
    let phc = world.account("carol").await.password_hash.unwrap().to_phc();
    assert!(phc.contains(",norm=nfkc$"), "{phc}");
}

/// A hash without the mark was made of the bytes that were typed, and so it is verified.
#[tokio::test]
async fn an_older_hash_verifies_as_it_was_made_and_is_replaced() {
    let world = World::new().await;
    // Argon2id of "ｐａｓｓ ｗｏｒｄ" in full width, without a mark.
    let hash = old_hash("ｐａｓｓ ｗｏｒｄ");
    import(&world, "old", &hash).await;
    assert!(!is_right(&world.try_password("old", "pass word").await), "as it was made");
    assert!(is_right(&world.try_password("old", "ｐａｓｓ ｗｏｒｄ").await));
    assert!(is_right(&world.try_password("old", "pass word").await), "the new hash is of NFKC");
}

fn old_hash(password: &str) -> String {
    let params = argon2::Params::new(4096, 1, 1, Some(32)).unwrap();
    let argon2 = argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params);
    let mut output = [0; 32];
    argon2.hash_password_into(password.as_bytes(), b"somesalt", &mut output).unwrap();
    let output = base64::Engine::encode(&base64::prelude::BASE64_STANDARD_NO_PAD, output);
    format!("$argon2id$v=19$m=4096,t=1,p=1$c29tZXNhbHQ${output}")
}

fn peppers(keys: &[u8]) -> Peppers {
    keys.iter().fold(Peppers::default(), |peppers, &byte| peppers.with(&[byte; 32]).unwrap())
}

fn with_peppers(keys: &[u8]) -> impl FnOnce(&World) -> auth_module::AuthModule {
    let hasher = PasswordHasher::with_peppers(cheap(), HasherLimits::default(), peppers(keys));
    move |world| {
        world.module_with(|parts| AuthParts {
            passwords: hashed(&world.users, &hasher),
            administration: Some(Administration { users: Arc::new(world.users.clone()), hasher }),
            ..parts
        })
    }
}

#[tokio::test]
async fn a_pepper_is_added_and_changed_at_the_next_login() {
    let world = World::new().await;
    let password = SecretString::from(crate::common::ALICE_PASSWORD);
    let stored = async || world.account("alice").await.password_hash.unwrap();
    assert_eq!(stored().await.pepper(), None);
    let client = client();
    for keys in [&[7][..], &[9, 7], &[9]] {
        let auth = with_peppers(keys)(&world);
        let now = world.now();
        let outcome =
            auth.verify_password("alice", &password, &client, None, &world.randomness, now);
        assert!(is_right(&outcome.await.unwrap()), "{keys:?}");
        assert_eq!(stored().await.pepper(), peppers(&keys[..1]).current(), "{keys:?}");
    }
    let text = stored().await.to_phc();
    assert!(text.contains(",keyid=") && text.contains(",norm=nfkc$"), "{text}");
    // Without its pepper, a hash can neither be verified nor taken for a wrong one.
    for keys in [&[][..], &[8]] {
        let auth = with_peppers(keys)(&world);
        let now = world.now();
        let outcome =
            auth.verify_password("alice", &password, &client, None, &world.randomness, now);
        outcome.await.unwrap_err();
    }
}

#[test]
fn peppers_are_long_and_each_there_once() {
    let one = peppers(&[7]);
    let (seven, eight) = (one.current().unwrap(), peppers(&[8]).current().unwrap());
    assert!(one.contains(seven) && !one.contains(eight));
    assert_eq!(one.clone().with(&[7; 32]).unwrap_err(), InvalidPepper::Twice);
    assert_eq!(one.clone().with(&[8; 31]).unwrap_err(), InvalidPepper::TooShort);
    assert_eq!(one.with(&[8; 32]).unwrap().current(), Some(seven), "the first is the current one");
    assert!(!format!("{:?}", peppers(&[0x41])).contains("AAAA"));
}
