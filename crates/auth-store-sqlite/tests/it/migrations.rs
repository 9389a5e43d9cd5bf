//! Files of earlier layouts.

use auth_module::{LoginName, PasswordOutcome, Users as _};

use crate::common::{File, PASSWORD, World};

/// Users stay; sessions of the former layout end.
#[tokio::test]
async fn a_file_of_the_first_layout_is_migrated() {
    let file = File::new();
    let first = rusqlite::Connection::open(file.path()).unwrap();
    first.execute_batch(include_str!("../../src/migrations/0001.sql")).unwrap();
    first.pragma_update(None, "user_version", 1).unwrap();
    // "MFAU", the mark of the file.
    first.pragma_update(None, "application_id", 0x4d46_4155).unwrap();
    let hash = auth_module::PasswordHasher::new(
        auth_module::HashParameters::new(4096, 1, 1).unwrap(),
        auth_module::HasherLimits::default(),
    );
    let hash = hash.hash(&secrecy::SecretString::from(PASSWORD), [7; 16]).await.unwrap().unwrap();
    first
        .execute(
            "INSERT INTO users (id, login_name, display_name, groups, password_hash, is_disabled,
                 created_at) VALUES ('id', 'alice', 'Alice', '[]', ?1, 0, 0)",
            [hash.to_phc()],
        )
        .unwrap();
    first
        .execute_batch(
            "INSERT INTO sessions VALUES (zeroblob(32), 'id', 9e15, 9e15, '{}');
             INSERT INTO pending_logins VALUES (zeroblob(32), 'id', 0, 9e15, '{}');",
        )
        .unwrap();
    drop(first);
    let database = file.open().await;
    let alice = database.users().find_by_name(&LoginName::parse("alice").unwrap()).await.unwrap();
    assert_eq!(alice.unwrap().generation, 0);
    let world = World::over(&database);
    assert!(matches!(world.try_password(PASSWORD).await, PasswordOutcome::Verified(_)));
    world.session().await;
    let left = rusqlite::Connection::open(file.path()).unwrap();
    let count = |table: &str| {
        let query = format!("SELECT count(*) FROM {table}");
        left.query_row(&query, [], |row| row.get::<_, i64>(0)).unwrap()
    };
    assert_eq!((count("sessions"), count("pending_logins")), (1, 0));
}
