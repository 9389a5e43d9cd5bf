//! Passwords: what is told, what it costs, and how guessing slows down.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use auth_module::{
    AuthError, AuthParts, Disabled, HashParameters, HasherLimits, LoginName, MemoryUsers,
    NewPassword, NewUser, PasswordAttempt, PasswordCheck, PasswordHash, PasswordHasher,
    PasswordOutcome, PasswordVerdict, User, UserId, Users,
};
use secrecy::{ExposeSecret as _, SecretString};

use crate::common::{ALICE_PASSWORD, World, cheap, client_at, with_hasher};

pub(crate) fn is_rejected(outcome: &PasswordOutcome) -> bool {
    matches!(outcome, PasswordOutcome::Rejected)
}

pub(crate) fn is_verified(outcome: &PasswordOutcome) -> bool {
    matches!(outcome, PasswordOutcome::Verified(_))
}

#[tokio::test]
async fn wrong_unknown_disabled_and_without_password_answer_the_same_after_the_same_work() {
    let world = World::new().await;
    world.add("shut", Some(ALICE_PASSWORD), None, &[]).await;
    let shut = LoginName::parse("shut").unwrap();
    world.auth.set_disabled(&shut, Disabled::Yes, "admin", world.now()).await.unwrap();
    world.add("nopassword", None, None, &[]).await;
    for (name, password) in [
        ("alice", "wrong password"),
        ("nobody", ALICE_PASSWORD),
        ("no body!", ALICE_PASSWORD),
        ("", ALICE_PASSWORD),
        ("shut", ALICE_PASSWORD),
        ("nopassword", ALICE_PASSWORD),
    ] {
        let before = world.hasher.computed();
        assert!(is_rejected(&world.try_password(name, password).await), "{name}");
        assert_eq!(world.hasher.computed() - before, 1, "one hash for {name:?}");
    }
}

#[tokio::test]
async fn the_name_is_folded_and_the_password_is_brought_to_nfkc() {
    let world = World::new().await;
    world.add("dave", Some("パスワード pass ＡＢ"), None, &[]).await;
    for name in ["dave", "DAVE", " ｄａｖｅ "] {
        assert!(is_verified(&world.try_password(name, "パスワード pass ＡＢ").await), "{name}");
    }
    for password in ["パスワード pass AB", "ハ\u{309a}スワート\u{3099} pass ＡＢ"] {
        assert!(is_verified(&world.try_password("dave", password).await), "{password}");
    }
    for password in ["パスワード pass ab", "ハスワード pass ＡＢ", "パスワード pass ＡＢ "]
    {
        assert!(is_rejected(&world.try_password("dave", password).await), "{password}");
    }
}

#[tokio::test]
async fn the_whole_password_counts_up_to_1024_bytes() {
    let world = World::new().await;
    let longest = "a long pass word".repeat(64);
    world.add("long", Some(&longest), None, &[]).await;
    assert!(is_verified(&world.try_password("long", &longest).await));
    assert!(is_rejected(&world.try_password("long", &longest[1..]).await));
    let before = world.hasher.computed();
    for name in ["long", "nobody"] {
        assert!(is_rejected(&world.try_password(name, &format!("{longest}y")).await));
        assert!(is_rejected(&world.try_password(name, "").await));
    }
    assert_eq!(world.hasher.computed(), before, "no hash of what cannot be right, for anybody");
}

#[tokio::test]
async fn a_cheaper_hash_is_replaced_once_the_password_is_at_hand() {
    let world = World::new().await;
    let dearer = HashParameters::new(8192, 2, 1).unwrap();
    let hasher = PasswordHasher::new(dearer, HasherLimits::default());
    let auth = world.module_with(|parts| with_hasher(&world.users, &hasher, parts));
    let stored = async || world.account("alice").await.password_hash.unwrap();
    let verify = async |password: &str| {
        let password = SecretString::from(password);
        let client = crate::common::client();
        auth.verify_password("alice", &password, &client, None, &world.randomness, world.now())
            .await
            .unwrap()
    };
    assert!(is_rejected(&verify("wrong password").await));
    assert_eq!(stored().await.kind(), cheap().into());
    assert!(is_verified(&verify(ALICE_PASSWORD).await));
    assert_eq!(stored().await.kind(), dearer.into());
    let after_first = stored().await.to_phc();
    assert!(is_verified(&verify(ALICE_PASSWORD).await));
    assert_eq!(stored().await.to_phc(), after_first, "once is enough");
}

#[tokio::test]
async fn a_hash_made_elsewhere_verifies() {
    let world = World::new().await;
    // The reference implementation's own vector for Argon2id (phc-winner-argon2, src/test.c).
    let phc =
        "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
    let mut user = auth_module::NewUser::new(LoginName::parse("vector").unwrap());
    user.password = Some(NewPassword::Hash(PasswordHash::parse(phc).unwrap()));
    world.auth.add_user(user, "test", &world.randomness, world.now()).await.unwrap();
    assert!(is_verified(&world.try_password("vector", "password").await));
    assert!(is_rejected(&world.try_password("vector", "Password").await));
}

#[tokio::test]
async fn unknown_names_cost_what_users_cost() {
    let world = World::new().await;
    let work = async |name: &str, address: u8| {
        let (before, client) = (world.hasher.work_kib(), client_at([203, 0, 113, address]));
        assert!(is_rejected(&world.try_password_from(name, "wrong password", &client).await));
        world.hasher.work_kib() - before
    };
    assert_eq!(work("nobody", 0).await, work("alice", 0).await);

    // As many users again, whose hashes were made elsewhere at four times the cost.
    let elsewhere = HashParameters::new(8192, 2, 1).unwrap();
    let hasher = PasswordHasher::new(elsewhere, HasherLimits::default());
    for name in ["moved1", "moved2"] {
        let hash =
            hasher.hash(&SecretString::from(ALICE_PASSWORD), [7; 16]).await.unwrap().unwrap();
        let mut user = auth_module::NewUser::new(LoginName::parse(name).unwrap());
        user.password = Some(NewPassword::Hash(hash));
        world.auth.add_user(user, "test", &world.randomness, world.now()).await.unwrap();
    }
    let (dear, cheap) = (work("moved1", 0).await, work("alice", 0).await);
    assert_eq!((dear, cheap), (2 * 8192, 4096));
    let mut dear_ones = 0;
    for n in 0..40 {
        let name = format!("nobody{n}");
        let once = work(&name, n).await;
        assert_eq!(work(&name, n).await, once, "a name costs the same each time");
        assert!(once == dear || once == cheap);
        dear_ones += u8::from(once == dear);
    }
    assert!((8..=32).contains(&dear_ones), "about half of them: {dear_ones} of 40");
}

/// As by an import of the command line while the gateway runs.
#[tokio::test]
async fn users_that_another_process_adds_are_counted_a_second_later() {
    let world = World::new().await;
    let dear_names = async || {
        let mut dear = 0;
        for n in 0..20 {
            let (before, client) = (world.hasher.work_kib(), client_at([203, 0, 113, n]));
            world.try_password_from(&format!("nobody{n}"), "wrong password", &client).await;
            dear += u8::from(world.hasher.work_kib() - before > 4096);
        }
        dear
    };
    assert_eq!(dear_names().await, 0);
    let dearer = HashParameters::new(8192, 2, 1).unwrap();
    let hasher = PasswordHasher::new(dearer, HasherLimits::default());
    let other = world.module_with(|parts| with_hasher(&world.users, &hasher, parts));
    for n in 0..6 {
        let mut user = NewUser::new(LoginName::parse(&format!("moved{n}")).unwrap());
        user.password = Some(NewPassword::Plain(SecretString::from(ALICE_PASSWORD)));
        other.add_user(user, "test", &world.randomness, world.now()).await.unwrap();
    }
    world.clock.advance(Duration::from_millis(999));
    assert_eq!(dear_names().await, 0, "counted less than a second ago");
    world.clock.advance(Duration::from_millis(1));
    let dear = dear_names().await;
    assert!(dear >= 10, "about three of four: {dear} of 20");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn too_many_at_once_are_told_to_come_back_and_are_not_counted() {
    let world = World::new().await;
    let hasher = PasswordHasher::new(cheap(), HasherLimits { at_once: 1, waiting: 2 });
    let auth = world.module_with(|parts| with_hasher(&world.users, &hasher, parts));
    let auth = Arc::new(auth);
    let now = world.now();
    let client = client_at([203, 0, 113, 1]);
    let tasks: Vec<_> = (0..20)
        .map(|n| {
            let (auth, client) = (Arc::clone(&auth), client.clone());
            tokio::spawn(async move {
                let (name, password) = (format!("nobody{n}"), SecretString::from("wrong password"));
                let randomness = testkit::SeededRandomness::new(n);
                auth.verify_password(&name, &password, &client, None, &randomness, now)
                    .await
                    .unwrap()
            })
        })
        .collect();
    let (mut busy, mut rejected) = (0, 0);
    for task in tasks {
        match task.await.unwrap() {
            PasswordOutcome::Busy => busy += 1,
            PasswordOutcome::Rejected => rejected += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(busy + rejected, 20);
    assert!(busy > 0, "20 at once do not fit into 3 places");
    assert!(rejected >= 3, "those who have a place are served");
    assert_eq!(hasher.computed(), rejected);
    // Of the 120 tries of this address only those are gone that were looked at.
    let mut left = 0;
    while is_rejected(&world.try_password_from(&format!("more{left}"), "wrong", &client).await) {
        left += 1;
    }
    assert_eq!(left, 120 - rejected);
}

/// The name is free when the limit is charged, and has a user when the password is checked.
#[derive(Debug)]
struct AddedMeanwhile(MemoryUsers);

#[async_trait]
impl Users for AddedMeanwhile {
    async fn find_by_name(&self, _name: &LoginName) -> Result<Option<User>, AuthError> {
        Ok(None)
    }

    async fn find_by_id(&self, id: &UserId) -> Result<Option<User>, AuthError> {
        self.0.find_by_id(id).await
    }

    async fn list(&self, after: Option<&LoginName>, limit: usize) -> Result<Vec<User>, AuthError> {
        self.0.list(after, limit).await
    }

    async fn search(
        &self,
        text: &str,
        after: Option<&LoginName>,
        limit: usize,
    ) -> Result<Vec<User>, AuthError> {
        self.0.search(text, after, limit).await
    }
}

#[tokio::test]
async fn a_user_whose_limit_was_not_charged_is_not_verified() {
    let world = World::new().await;
    let users = Arc::new(AddedMeanwhile(world.users.clone()));
    let auth = world.module_with(|parts| AuthParts { users, ..parts });
    let (password, client) = (SecretString::from(ALICE_PASSWORD), crate::common::client());
    let outcome = auth
        .verify_password("alice", &password, &client, None, &world.randomness, world.now())
        .await
        .unwrap();
    assert!(is_rejected(&outcome));
    let record = world.audit.records().pop().unwrap();
    assert_eq!(record.fields, [("why", "changed".to_owned())]);
}

/// A directory in which alice's password has to be changed first.
#[derive(Debug)]
pub(crate) struct Outdated(pub(crate) UserId);

#[async_trait]
impl PasswordCheck for Outdated {
    async fn check(&self, attempt: &PasswordAttempt<'_>) -> Result<PasswordVerdict, AuthError> {
        let is_right = attempt.password.expose_secret() == ALICE_PASSWORD;
        Ok(if is_right {
            PasswordVerdict::MustChange(self.0.clone())
        } else {
            PasswordVerdict::Wrong
        })
    }

    fn users_changed(&self) {}
}

/// A world in which the password of this user has to be changed.
async fn outdated(id: impl FnOnce(UserId) -> UserId) -> World {
    let mut world = World::new().await;
    let passwords = Arc::new(Outdated(id(world.user("alice").await.id)));
    world.auth = Arc::new(world.module_with(|parts| AuthParts { passwords, ..parts }));
    world
}

#[tokio::test]
async fn only_the_right_password_learns_that_it_has_to_be_changed() {
    let world = outdated(|alice| alice).await;
    assert!(is_rejected(&world.try_password("alice", "wrong password").await));
    let record = world.audit.records().pop().unwrap();
    assert_eq!(record.fields, [("why", "wrong".to_owned())]);
    // It does not count as a wrong one.
    for _ in 0..30 {
        let outcome = world.try_password("alice", ALICE_PASSWORD).await;
        assert!(matches!(outcome, PasswordOutcome::MustChange), "{outcome:?}");
    }
    let record = world.audit.records().pop().unwrap();
    assert_eq!((record.event, record.fields.as_slice()), ("password.must_change", &[][..]));
    assert!(!world.events().contains(&"login.opened"));
}

#[tokio::test]
async fn a_password_of_another_user_that_has_to_be_changed_is_rejected() {
    let world = outdated(|_| UserId::from_random([9; 16])).await;
    assert!(is_rejected(&world.try_password("alice", ALICE_PASSWORD).await));
    let record = world.audit.records().pop().unwrap();
    assert_eq!(record.fields, [("why", "changed".to_owned())]);
}
