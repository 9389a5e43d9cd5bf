//! Passwords: what is told, what it costs, and how guessing slows down.

use std::sync::Arc;

use async_trait::async_trait;
use auth_module::{
    AuthError, AuthParts, Disabled, HashParameters, HasherLimits, LoginName, MemoryUsers,
    NewPassword, PasswordAttempt, PasswordCheck, PasswordHash, PasswordHasher, PasswordOutcome,
    PasswordVerdict, User, UserId, Users,
};
use secrecy::SecretString;

use crate::common::{ALICE_PASSWORD, MINUTE, World, cheap, client_at, with_hasher};

fn is_rejected(outcome: &PasswordOutcome) -> bool {
    matches!(outcome, PasswordOutcome::Rejected)
}

fn is_verified(outcome: &PasswordOutcome) -> bool {
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

/// The times at which tries are refused, for the try after each of `tries` wrong ones.
async fn tries_until_throttled(world: &World, name: &str) -> usize {
    for tries in 0..100 {
        if matches!(
            world.try_password(name, "wrong password").await,
            PasswordOutcome::Throttled { .. }
        ) {
            return tries;
        }
    }
    panic!("never throttled")
}

#[tokio::test]
async fn failures_slow_down_and_unknown_names_look_no_different() {
    let world = World::new().await;
    assert_eq!(tries_until_throttled(&world, "alice").await, 10);
    assert_eq!(tries_until_throttled(&world, "nobody").await, 10);
    let before = world.hasher.computed();
    let outcome = world.try_password("alice", ALICE_PASSWORD).await;
    let PasswordOutcome::Throttled { until } = outcome else { panic!("{outcome:?}") };
    assert_eq!(until, world.now() + MINUTE);
    assert_eq!(world.hasher.computed(), before, "what is not looked at costs nothing");
    world.clock.set(until);
    assert!(is_verified(&world.try_password("alice", ALICE_PASSWORD).await), "a wait, no lock");
}

#[tokio::test]
async fn another_spelling_is_the_same_user() {
    let world = World::new().await;
    for name in ["alice", "ALICE", "Ａlice", " alice", "aLICE"] {
        for _ in 0..2 {
            assert!(is_rejected(&world.try_password(name, "wrong password").await));
        }
    }
    let outcome = world.try_password("alice", ALICE_PASSWORD).await;
    assert!(matches!(outcome, PasswordOutcome::Throttled { .. }));
}

#[tokio::test]
async fn a_stranger_cannot_keep_the_owner_out() {
    let world = World::new().await;
    world.alice_session().await;
    // From ever new addresses: the limit per user ends it.
    let mut evaluated = 0;
    for n in 0..=255 {
        let client = client_at([198, 51, 100, n]);
        if is_rejected(&world.try_password_from("alice", "wrong password", &client).await) {
            evaluated += 1;
        }
    }
    assert_eq!(evaluated, 100, "no more guesses than the limit, over all addresses");
    let stranger = client_at([203, 0, 113, 1]);
    let outcome = world.try_password_from("alice", ALICE_PASSWORD, &stranger).await;
    assert!(matches!(outcome, PasswordOutcome::Throttled { .. }));
    // The owner's own address is known from an earlier login.
    assert!(is_verified(&world.try_password("alice", ALICE_PASSWORD).await));
    // And a month later it is still known, two more months later it is not.
    world.clock.advance(30 * 24 * 60 * MINUTE - MINUTE);
    exhaust(&world).await;
    assert!(is_verified(&world.try_password("alice", ALICE_PASSWORD).await));
    world.clock.advance(60 * 24 * 60 * MINUTE);
    exhaust(&world).await;
    let outcome = world.try_password("alice", ALICE_PASSWORD).await;
    assert!(matches!(outcome, PasswordOutcome::Throttled { .. }));
}

async fn exhaust(world: &World) {
    for n in 0..=255 {
        let client = client_at([198, 51, 100, n]);
        world.try_password_from("alice", "wrong password", &client).await;
    }
}

#[tokio::test]
async fn one_address_cannot_try_many_names() {
    let world = World::new().await;
    let mut evaluated = 0;
    for n in 0..200 {
        if is_rejected(&world.try_password(&format!("user{n}"), "wrong password").await) {
            evaluated += 1;
        }
    }
    assert_eq!(evaluated, 120);
    let elsewhere = client_at([203, 0, 113, 1]);
    assert!(is_verified(&world.try_password_from("alice", ALICE_PASSWORD, &elsewhere).await));
}

/// Otherwise a limit that holds over all spellings would tell that the account exists.
#[tokio::test]
async fn all_spellings_of_an_unknown_name_are_one_name() {
    let world = World::new().await;
    for name in ["nobody", "NOBODY", " Nobody ", "ｎｏｂｏｄｙ", "noBody"].iter().cycle().take(10)
    {
        assert!(is_rejected(&world.try_password(name, "wrong password").await), "{name}");
    }
    let outcome = world.try_password("NobodY", "wrong password").await;
    assert!(matches!(outcome, PasswordOutcome::Throttled { .. }), "{outcome:?}");
}

#[tokio::test]
async fn right_passwords_are_not_counted() {
    let world = World::new().await;
    for _ in 0..50 {
        assert!(is_verified(&world.try_password("alice", ALICE_PASSWORD).await));
    }
    assert_eq!(tries_until_throttled(&world, "alice").await, 10);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn guesses_in_parallel_gain_nothing() {
    let world = Arc::new(World::new().await);
    let tasks: Vec<_> = (0..60)
        .map(|_| {
            let world = Arc::clone(&world);
            tokio::spawn(async move { world.try_password("alice", "wrong password").await })
        })
        .collect();
    let mut evaluated = 0;
    for task in tasks {
        if is_rejected(&task.await.unwrap()) {
            evaluated += 1;
        }
    }
    assert_eq!(evaluated, 10);
}

#[tokio::test]
async fn refusals_do_not_fill_the_audit_trail() {
    let world = World::new().await;
    for _ in 0..200 {
        world.try_password("alice", "wrong password").await;
    }
    let noted = world.events().into_iter().filter(|&event| event == "password.throttled").count();
    assert_eq!(noted, 5);
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
        auth.verify_password("alice", &password, &client, &world.randomness, world.now())
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
                auth.verify_password(&name, &password, &client, &randomness, now).await.unwrap()
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
        .verify_password("alice", &password, &client, &world.randomness, world.now())
        .await
        .unwrap();
    assert!(is_rejected(&outcome));
    let record = world.audit.records().pop().unwrap();
    assert_eq!(record.fields, [("why", "changed".to_owned())]);
}

/// A directory that wants a new password before it lets anybody in.
#[derive(Debug)]
struct Outdated(UserId);

#[async_trait]
impl PasswordCheck for Outdated {
    async fn check(&self, _attempt: &PasswordAttempt<'_>) -> Result<PasswordVerdict, AuthError> {
        Ok(PasswordVerdict::MustChange(self.0.clone()))
    }

    fn users_changed(&self) {}
}

#[tokio::test]
async fn a_password_that_has_to_be_changed_opens_nothing_and_is_recorded() {
    let world = World::new().await;
    let passwords = Arc::new(Outdated(world.user("alice").await.id));
    let auth = world.module_with(|parts| AuthParts { passwords, ..parts });
    let (password, client) = (SecretString::from(ALICE_PASSWORD), crate::common::client());
    let outcome = auth
        .verify_password("alice", &password, &client, &world.randomness, world.now())
        .await
        .unwrap();
    assert!(is_rejected(&outcome));
    let record = world.audit.records().pop().unwrap();
    assert_eq!(record.fields, [("why", "must_change".to_owned())]);
}
