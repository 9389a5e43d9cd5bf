//! The file itself: who may read it, what is in it, and who else may use it.

use std::collections::BTreeSet;

use auth_module::{
    Account, AuditTrail as _, AuthErrorKind, Change, HashParameters, HashSource as _, HasherLimits,
    LoginName, PasswordHasher, PasswordOutcome, User, UserAdministration as _, UserId,
};
use auth_store_sqlite::Database;
use secrecy::SecretString;
use testkit::LeakScanner;

use crate::common::{File, PASSWORD, PHONE, World, chain_key};

#[tokio::test]
async fn a_file_of_a_newer_version_or_of_something_else_is_left_alone() {
    let file = File::new();
    drop(file.open().await);
    let newer = rusqlite::Connection::open(file.path()).unwrap();
    newer.pragma_update(None, "user_version", 99).unwrap();
    drop(newer);
    assert_eq!(Database::open(file.path()).await.unwrap_err().kind(), AuthErrorKind::Corrupt);

    let other = file.folder().join("other.db");
    let text = "this is no database, and longer than a header of one hundred bytes".repeat(3);
    std::fs::write(&other, text).unwrap();
    let before = std::fs::read(&other).unwrap();
    assert!(Database::open(&other).await.is_err());
    assert_eq!(std::fs::read(&other).unwrap(), before);
}

/// What the command line does while the gateway runs.
#[tokio::test]
async fn two_processes_may_share_the_file() {
    let file = File::new();
    let world = World::with_alice(&file.open().await).await;
    let token = world.session().await;
    let other = World::over(&file.open().await);
    let (alice, password) = (LoginName::parse("alice").unwrap(), SecretString::from("a new one!"));
    let now = world.now();
    other.auth.set_password(&alice, &password, "cli", &other.randomness, now).await.unwrap();
    assert!(world.auth.load_session(&token, now).await.unwrap().is_none());
    assert!(matches!(world.try_password(PASSWORD).await, PasswordOutcome::Rejected));
    assert!(matches!(world.try_password("a new one!").await, PasswordOutcome::Verified(_)));
}

/// An import by the command line while the gateway runs. Otherwise the users with another cost could be told by time.
#[tokio::test]
async fn the_costs_of_hashes_that_another_process_has_changed_are_counted_again() {
    let file = File::new();
    let (database, other) = (file.open().await, file.open().await);
    let world = World::with_alice(&database).await;
    let users = database.users();
    let [low, dearer] = [4096, 8192].map(|kib| HashParameters::new(kib, 1, 1).unwrap());
    let mix = async || -> Vec<_> {
        let costs = users.hash_costs().await.unwrap();
        costs.iter().map(|cost| (cost.kind, cost.users)).collect()
    };
    assert_eq!(mix().await, [(low.into(), 1)]);
    let hasher = PasswordHasher::new(dearer, HasherLimits::default());
    let hash = hasher.hash(&SecretString::from(PASSWORD), [7; 16]).await.unwrap().unwrap();
    let bob = LoginName::parse("bob").unwrap();
    let user = User::new(UserId::from_random([9; 16]), bob, "Bob", world.now());
    let bob = user.id.clone();
    other.users().add(vec![Account::new(user, Some(hash.clone()))]).await.unwrap();
    assert_eq!(mix().await, [(low.into(), 1), (dearer.into(), 1)]);
    let cheap = PasswordHasher::new(low, HasherLimits::default());
    let again = cheap.hash(&SecretString::from(PASSWORD), [7; 16]).await.unwrap().unwrap();
    assert!(other.users().rehash(&bob, &hash, again).await.unwrap());
    assert_eq!(mix().await, [(low.into(), 2)]);
    let change = Change::Password(hash);
    assert!(other.users().change(&bob, change, world.now()).await.unwrap());
    assert_eq!(mix().await, [(low.into(), 1), (dearer.into(), 1)]);
    assert!(other.users().remove(&bob).await.unwrap());
    assert_eq!(mix().await, [(low.into(), 1)]);
}

#[tokio::test]
async fn the_file_holds_what_it_is_for_and_no_other_secret() {
    let file = File::new();
    let database = file.open().await;
    let world = World::with_alice(&database).await;
    world.try_password("tr0ub4dor&3 typed").await;
    let (pending, _) = world.pending("/x", Some("secret=an-app%27s-own")).await;
    let session = world.session().await;
    database.audit_trail(chain_key()).flush().await.unwrap();
    let found = LeakScanner::new()
        .with_secret("password", PASSWORD)
        .with_secret("wrong password", "tr0ub4dor&3 typed")
        .with_secret("pending token", &pending.expose_secret())
        .with_secret("session token", &session.expose_secret())
        .with_secret("where to", "an-app%27s-own")
        .with_phone_number("phone", PHONE)
        .scan_folder(file.folder())
        .unwrap();
    let names: BTreeSet<String> = found.into_iter().map(|leak| leak.name).collect();
    assert_eq!(names.into_iter().collect::<Vec<_>>(), ["phone", "where to"]);
}

#[cfg(unix)]
#[tokio::test]
async fn the_file_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let file = File::new();
    let _open = World::with_alice(&file.open().await).await;
    let mut files = 0;
    for entry in std::fs::read_dir(file.folder()).unwrap() {
        let mode = entry.unwrap().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        files += 1;
    }
    assert!(files >= 2, "the file and its log");
}
