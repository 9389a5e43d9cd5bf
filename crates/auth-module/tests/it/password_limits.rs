//! How often a password may be wrong, and how often it may be right.

use std::{
    net::IpAddr,
    sync::{Arc, Mutex},
    time::SystemTime,
};

use async_trait::async_trait;
use auth_module::{
    AuthError, AuthModule, AuthParts, AuthSettings, HashParameters, HashedPasswords, HasherLimits,
    LoginName, PasswordAttempt, PasswordCheck, PasswordHasher, PasswordLimits, PasswordOutcome,
    PasswordVerdict, PhoneTagKey,
};
use mfa_plugin_api::ClientFacts;
use otp_core::gcra::Rate;
use secrecy::SecretString;

use crate::{
    common::{
        ALICE_PASSWORD, MINUTE, World, cheap, client, client_at, hashed, settings, with_hasher,
    },
    passwords::{Outdated, is_rejected, is_verified},
};

const WRONG: &str = "wrong password";

fn is_throttled(outcome: &PasswordOutcome) -> bool {
    matches!(outcome, PasswordOutcome::Throttled { .. })
}

/// A client in the site with this number, none of which is in the network of another.
fn in_site(number: u8) -> ClientFacts {
    client_at([100, number, 0, 1])
}

async fn guess(world: &World, name: &str, client: &ClientFacts) -> PasswordOutcome {
    world.try_password_from(name, WRONG, client).await
}

async fn is_right_from(world: &World, client: &ClientFacts) -> bool {
    is_verified(&world.try_password_from("alice", ALICE_PASSWORD, client).await)
}

/// The times at which tries are refused, for the try after each of `tries` wrong ones.
async fn tries_until_throttled(world: &World, name: &str) -> usize {
    for tries in 0..100 {
        if matches!(world.try_password(name, WRONG).await, PasswordOutcome::Throttled { .. }) {
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
            assert!(is_rejected(&world.try_password(name, WRONG).await));
        }
    }
    let outcome = world.try_password("alice", ALICE_PASSWORD).await;
    assert!(matches!(outcome, PasswordOutcome::Throttled { .. }));
}

#[tokio::test]
async fn one_address_cannot_try_many_names() {
    let world = World::new().await;
    let mut evaluated = 0;
    for n in 0..200 {
        if is_rejected(&world.try_password(&format!("user{n}"), WRONG).await) {
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
        assert!(is_rejected(&world.try_password(name, WRONG).await), "{name}");
    }
    let outcome = world.try_password("NobodY", WRONG).await;
    assert!(matches!(outcome, PasswordOutcome::Throttled { .. }), "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn guesses_in_parallel_gain_nothing() {
    let world = Arc::new(World::new().await);
    let tasks: Vec<_> = (0..60)
        .map(|_| {
            let world = Arc::clone(&world);
            tokio::spawn(async move { world.try_password("alice", WRONG).await })
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
        world.try_password("alice", WRONG).await;
    }
    let noted = world.events().into_iter().filter(|&event| event == "password.throttled").count();
    assert_eq!(noted, 5);
}

// ---- One site ----

#[tokio::test]
async fn one_site_cannot_try_many_names_from_ever_new_addresses() {
    let sites: [fn(u16) -> IpAddr; 2] = [
        |n| IpAddr::from([0x2001, 0xdb8, 7, n, 0, 0, 0, 1]),
        |n| IpAddr::from([198, 51, 100, n.to_be_bytes()[1]]),
    ];
    for address in sites {
        let world = World::new().await;
        let mut evaluated = 0;
        for n in 0..700 {
            let client = ClientFacts::new(address(n), "ja");
            evaluated += u16::from(is_rejected(&guess(&world, &format!("user{n}"), &client).await));
        }
        assert_eq!(evaluated, 600);
        assert!(is_right_from(&world, &in_site(1)).await);
    }
}

// ---- Many guesses for one name ----

/// Ten addresses use up their attempts, whether they are neighbours or far apart.
#[tokio::test]
async fn the_owner_gets_in_at_a_new_address_while_strangers_guess() {
    let neighbours = |n: u8| client_at([198, 51, 100, n]);
    let far_apart = in_site;
    for address in [neighbours as fn(u8) -> ClientFacts, far_apart] {
        let world = World::new().await;
        let mut evaluated = 0;
        for n in 0..10 {
            for _ in 0..10 {
                evaluated += u8::from(is_rejected(&guess(&world, "alice", &address(n)).await));
            }
        }
        assert_eq!(evaluated, 20 + 8 * 3);
        assert!(is_right_from(&world, &address(200)).await);
    }
}

#[tokio::test]
async fn two_addresses_cannot_keep_the_owner_out_however_long_they_guess() {
    let world = World::new().await;
    let mut evaluated = 0;
    for hour in 0..48 {
        for _ in 0..60 {
            for stranger in [1, 2] {
                evaluated +=
                    u16::from(is_rejected(&guess(&world, "alice", &in_site(stranger)).await));
            }
            world.clock.advance(MINUTE);
        }
        assert!(is_right_from(&world, &in_site(100 + hour)).await, "hour {hour}");
    }
    assert!(evaluated > 1000, "they did go on: {evaluated}");
}

#[tokio::test]
async fn an_unknown_name_looks_like_a_user_under_many_guesses() {
    let world = World::new().await;
    for n in 0..60 {
        for _ in 0..4 {
            let before = world.hasher.computed();
            let known = guess(&world, "alice", &in_site(n)).await;
            let unknown = guess(&world, "nobody", &in_site(100 + n)).await;
            assert_eq!(is_throttled(&known), is_throttled(&unknown), "site {n}");
            let hashes = if is_throttled(&known) { 0 } else { 2 };
            assert_eq!(world.hasher.computed() - before, hashes, "site {n}");
        }
    }
}

// ---- The end of wrong passwords in a row ----

/// A module that counts failures in a row and refuses hardly anything else.
async fn lax() -> World {
    let many = Rate::new(10_000, 10 * MINUTE).unwrap();
    let limits = PasswordLimits {
        per_user_and_address: many,
        per_user_and_browser: many,
        per_user: many,
        ..PasswordLimits::default()
    };
    let mut world = World::new().await;
    let settings = settings().with_password_limits(limits);
    world.auth = Arc::new(world.module_with(|parts| AuthParts { settings, ..parts }));
    world
}

/// Fails so often for alice, from at least three sites.
async fn fail(world: &World, times: u8) {
    for n in 0..times {
        assert!(is_rejected(&guess(world, "alice", &in_site(n % 3)).await), "{n}");
    }
}

#[tokio::test]
async fn after_a_hundred_failures_in_a_row_only_familiar_places_get_further() {
    let world = lax().await;
    let browser = world.known_browser("alice").await;
    let browser = Some(browser.as_str());
    fail(&world, 99).await;
    assert!(is_right_from(&world, &in_site(50)).await, "99 are not enough");
    fail(&world, 1).await;
    let before = world.hasher.computed();
    assert!(is_rejected(&world.try_password_from("alice", ALICE_PASSWORD, &in_site(50)).await));
    assert_eq!(world.hasher.computed() - before, 1, "the work of a wrong password");
    assert_eq!(world.events().pop(), Some("password.closed"));
    let in_browser = world.try_password_in("alice", ALICE_PASSWORD, &in_site(50), browser).await;
    assert!(is_verified(&in_browser), "a known browser");
    assert!(is_right_from(&world, &client()).await, "a familiar address");
    assert!(is_rejected(&world.try_password_from("alice", ALICE_PASSWORD, &in_site(50)).await));
    // A completed login begins a new row.
    world.alice_session().await;
    assert!(is_right_from(&world, &in_site(50)).await);
}

#[tokio::test]
async fn a_password_that_has_to_be_changed_looks_wrong_after_a_hundred_failures() {
    let mut world = lax().await;
    fail(&world, 100).await;
    let passwords = Arc::new(Outdated(world.user("alice").await.id));
    world.auth = Arc::new(world.module_with(|parts| AuthParts { passwords, ..parts }));
    assert!(is_rejected(&world.try_password_from("alice", ALICE_PASSWORD, &in_site(50)).await));
    assert_eq!(world.events().pop(), Some("password.closed"));
}

/// Otherwise the time would tell that the password was right.
#[tokio::test]
async fn a_right_password_that_is_not_enough_is_not_hashed_again() {
    let mut world = lax().await;
    let dearer = HashParameters::new(8192, 2, 1).unwrap();
    let hasher = PasswordHasher::new(dearer, HasherLimits::default());
    fail(&world, 100).await;
    world.auth = Arc::new(world.module_with(|parts| with_hasher(&world.users, &hasher, parts)));
    assert!(is_rejected(&world.try_password_from("alice", ALICE_PASSWORD, &in_site(50)).await));
    assert_eq!(hasher.computed(), 1);
}

#[tokio::test]
async fn one_site_cannot_use_up_the_failures_of_all() {
    let world = lax().await;
    for _ in 0..200 {
        guess(&world, "alice", &in_site(1)).await;
    }
    let neighbour = client_at([100, 1, 0, 99]);
    let there = world.try_password_from("alice", ALICE_PASSWORD, &neighbour).await;
    assert!(is_rejected(&there), "in this site the failures are used up");
    for _ in 0..200 {
        guess(&world, "alice", &in_site(2)).await;
    }
    assert!(is_right_from(&world, &in_site(50)).await, "two sites are not enough for the rest");
    for _ in 0..200 {
        guess(&world, "alice", &in_site(3)).await;
    }
    assert!(!is_right_from(&world, &in_site(50)).await);
}

async fn unlock(world: &World, name: &str) {
    let name = LoginName::parse(name).unwrap();
    world.auth.unlock(&name, "admin", world.now()).await.unwrap();
}

#[tokio::test]
async fn an_administrator_lets_the_owner_in_again_from_the_site_of_the_guesses_too() {
    let world = lax().await;
    for n in 0..200 {
        guess(&world, "alice", &in_site(n % 3)).await;
    }
    assert!(!is_right_from(&world, &in_site(50)).await);
    unlock(&world, "alice").await;
    assert!(is_right_from(&world, &in_site(50)).await);
    assert!(is_right_from(&world, &in_site(1)).await);
    // The hundred hold after it too.
    fail(&world, 100).await;
    assert!(!is_right_from(&world, &in_site(1)).await);
    assert!(!is_right_from(&world, &in_site(50)).await);
}

#[tokio::test]
async fn a_new_password_begins_a_new_row() {
    let world = lax().await;
    fail(&world, 100).await;
    let (name, new) = (LoginName::parse("alice").unwrap(), SecretString::from(ALICE_PASSWORD));
    world.auth.set_password(&name, &new, "admin", &world.randomness, world.now()).await.unwrap();
    assert!(is_right_from(&world, &in_site(50)).await);
}

/// A stolen cookie, or a colleague behind the same address, has a hundred guesses in a row, too.
#[tokio::test]
async fn a_familiar_place_is_familiar_for_a_hundred_failures_in_a_row() {
    let world = lax().await;
    let cookie = world.known_browser("alice").await;
    let browser = Some(cookie.as_str());
    for _ in 0..100 {
        assert!(is_rejected(&world.try_password_in("alice", WRONG, &in_site(50), browser).await));
        assert!(is_rejected(&world.try_password("alice", WRONG).await));
    }
    assert!(is_right_from(&world, &in_site(60)).await, "the failures there do not count elsewhere");
    fail(&world, 100).await;
    let in_browser = world.try_password_in("alice", ALICE_PASSWORD, &in_site(50), browser).await;
    assert!(is_rejected(&in_browser));
    assert!(!is_right_from(&world, &client()).await);
}

// ---- Familiar places ----

async fn exhaust(world: &World) {
    for n in 0..60 {
        for _ in 0..3 {
            guess(world, "alice", &in_site(n)).await;
        }
    }
    assert!(!is_right_from(world, &in_site(100)).await);
}

#[tokio::test]
async fn an_address_is_familiar_for_a_month_or_two() {
    let world = World::new().await;
    world.alice_session().await;
    exhaust(&world).await;
    assert!(is_right_from(&world, &client()).await);
    world.clock.advance(30 * 24 * 60 * MINUTE - MINUTE);
    exhaust(&world).await;
    assert!(is_right_from(&world, &client()).await);
    world.clock.advance(60 * 24 * 60 * MINUTE);
    exhaust(&world).await;
    assert!(!is_right_from(&world, &client()).await);
}

#[tokio::test]
async fn a_known_browser_has_limits_of_its_own() {
    let world = World::new().await;
    let cookie = world.known_browser("alice").await;
    let browser = Some(cookie.as_str());
    exhaust(&world).await;
    // Somebody behind the same address uses up its attempts, too.
    for n in 0..200 {
        guess(&world, &format!("user{n}"), &in_site(100)).await;
    }
    let right =
        async || world.try_password_in("alice", ALICE_PASSWORD, &in_site(100), browser).await;
    assert!(is_verified(&right().await));
    for _ in 0..10 {
        let wrong = world.try_password_in("alice", WRONG, &in_site(101), browser).await;
        assert!(is_rejected(&wrong));
    }
    let PasswordOutcome::Throttled { until } = right().await else { panic!("a stolen cookie") };
    assert_eq!(until, world.now() + MINUTE);
    world.clock.set(until);
    assert!(is_verified(&right().await), "a wait, no lock");
}

#[tokio::test]
async fn a_known_browser_is_known_to_its_user_until_a_new_password() {
    let world = World::new().await;
    let cookie = world.known_browser("alice").await;
    exhaust(&world).await;
    let tried = async |browser: Option<&str>| {
        let tried = world.try_password_in("alice", ALICE_PASSWORD, &in_site(100), browser).await;
        is_verified(&tried)
    };
    assert!(tried(Some(&cookie)).await);
    let of_bob = world.known_browser_after("bob", "bob's own password", None).await;
    assert!(!tried(Some(&of_bob)).await);
    let of_both = world.known_browser_after("bob", "bob's own password", Some(&cookie)).await;
    assert!(tried(Some(&of_both)).await, "a shared computer");
    let (name, new) = (LoginName::parse("alice").unwrap(), SecretString::from(ALICE_PASSWORD));
    world.auth.set_password(&name, &new, "admin", &world.randomness, world.now()).await.unwrap();
    world.clock.advance(60 * MINUTE);
    exhaust(&world).await;
    assert!(!tried(Some(&of_both)).await);
}

#[tokio::test]
async fn without_a_key_no_browser_is_known() {
    let world = World::new().await;
    let (_, session) = world.alice_session().await;
    let plain = AuthSettings::new("test", PhoneTagKey::from_bytes([9; 32]));
    let auth = world.module_with(|parts| AuthParts { settings: plain, ..parts });
    let remembered = auth.remember_browser(&session, None, &world.randomness, world.now());
    assert!(remembered.unwrap().is_none());
}

// ---- Right passwords ----

/// One valid account from many addresses fills neither the hasher nor the store.
#[tokio::test]
async fn right_passwords_are_counted_over_all_unfamiliar_places() {
    let world = World::new().await;
    world.alice_session().await;
    // That was the first of the hundred.
    for n in 1..100 {
        assert!(is_right_from(&world, &in_site(n)).await);
    }
    let before = world.hasher.computed();
    let outcome = world.try_password_from("alice", ALICE_PASSWORD, &in_site(100)).await;
    let PasswordOutcome::Throttled { until } = outcome else { panic!("{outcome:?}") };
    assert_eq!(until, world.now() + MINUTE / 10);
    assert_eq!(world.hasher.computed(), before, "without a hash");
    assert!(is_right_from(&world, &client()).await, "the owner's address has a count of its own");
    world.clock.set(until);
    assert!(is_right_from(&world, &in_site(100)).await);
}

#[tokio::test]
async fn wrong_passwords_do_not_use_up_the_right_ones() {
    let world = World::new().await;
    for n in 0..60 {
        guess(&world, "alice", &in_site(n)).await;
    }
    assert!(is_right_from(&world, &in_site(100)).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn right_passwords_in_parallel_gain_nothing() {
    let successes = Rate::new(5, 10 * MINUTE).unwrap();
    let settings =
        settings().with_password_limits(PasswordLimits { successes, ..PasswordLimits::default() });
    let mut world = World::new().await;
    world.auth = Arc::new(world.module_with(|parts| AuthParts { settings, ..parts }));
    let world = Arc::new(world);
    let tasks: Vec<_> = (0..60)
        .map(|n| {
            let world = Arc::clone(&world);
            tokio::spawn(async move { is_right_from(&world, &in_site(n)).await })
        })
        .collect();
    let mut verified = 0;
    for task in tasks {
        verified += u8::from(task.await.unwrap());
    }
    assert!(verified <= 5, "{verified}");
}

#[tokio::test]
async fn right_passwords_use_up_no_wrong_ones() {
    let world = World::new().await;
    for _ in 0..10 {
        assert!(is_verified(&world.try_password("alice", ALICE_PASSWORD).await));
    }
    assert_eq!(tries_until_throttled(&world, "alice").await, 10);
}

// ---- The queue ----

/// Notes whose passwords were checked, in this order. Leaves out those for whom the hasher had no place.
#[derive(Debug)]
struct Noting {
    check: Arc<HashedPasswords>,
    checked: Arc<Mutex<Vec<String>>>,
}

#[async_trait]
impl PasswordCheck for Noting {
    async fn check(&self, attempt: &PasswordAttempt<'_>) -> Result<PasswordVerdict, AuthError> {
        let verdict = self.check.check(attempt).await?;
        if verdict != PasswordVerdict::Busy {
            self.checked.lock().unwrap().push(attempt.name.to_owned());
        }
        Ok(verdict)
    }

    fn users_changed(&self) {
        self.check.users_changed();
    }
}

/// A try of a made-up name from one of many /64 networks in one /48.
async fn flood(auth: Arc<AuthModule>, n: u16, now: SystemTime) -> PasswordOutcome {
    let client = ClientFacts::new(IpAddr::from([0x2001, 0xdb8, 7, n, 0, 0, 0, 1]), "ja");
    let (name, password) = (format!("nobody{n}"), SecretString::from(WRONG));
    let randomness = testkit::SeededRandomness::new(u64::from(n));
    auth.verify_password(&name, &password, &client, None, &randomness, now).await.unwrap()
}

#[tokio::test]
async fn with_the_hasher_stuffed_from_one_network_another_is_next() {
    let mut world = World::new().await;
    let hasher = PasswordHasher::new(cheap(), HasherLimits { at_once: 1, waiting: 64 });
    let checked = Arc::new(Mutex::new(Vec::new()));
    let passwords = Noting { check: hashed(&world.users, &hasher), checked: Arc::clone(&checked) };
    let passwords = Arc::new(passwords);
    world.auth = Arc::new(world.module_with(|parts| AuthParts { passwords, ..parts }));
    let now = world.now();
    // One thread runs the tasks in their order, so all of them wait before alice does.
    let flooding: Vec<_> =
        (0..130).map(|n| tokio::spawn(flood(Arc::clone(&world.auth), n, now))).collect();
    tokio::task::yield_now().await;
    let before = checked.lock().unwrap().len();
    assert!(is_right_from(&world, &in_site(1)).await);
    let mut outcomes = Vec::new();
    for flooding in flooding {
        outcomes.push(flooding.await.unwrap());
    }
    let place = checked.lock().unwrap().iter().position(|name| name == "alice").unwrap();
    assert!(place <= before + 2, "after the one at work and the one that was next: {place}");
    let busy = outcomes.iter().filter(|outcome| matches!(outcome, PasswordOutcome::Busy)).count();
    let rejected = outcomes.iter().filter(|outcome| is_rejected(outcome)).count();
    assert_eq!(busy + rejected, 130);
    assert!(busy > 0 && rejected > 3, "the places were taken: {busy} busy");
}
