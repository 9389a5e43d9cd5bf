//! Users from files: all or none, every bad row named, no value repeated.

use auth_module::{ImportFormat, LoginName, PasswordHash, PasswordOutcome, Users as _};
use testkit::LeakScanner;

use crate::common::World;

const HASH: &str =
    "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";

fn rows(count: usize, row: impl FnMut(usize) -> String) -> String {
    (0..count).map(row).collect()
}

impl World {
    async fn import(&self, format: ImportFormat, file: &str) -> Result<usize, Vec<String>> {
        self.import_bytes(format, file.as_bytes().to_vec()).await
    }

    async fn import_bytes(
        &self,
        format: ImportFormat,
        file: Vec<u8>,
    ) -> Result<usize, Vec<String>> {
        let (auth, now) = (&self.auth, self.now());
        let imported = auth.import_users(file, format, "test", &self.randomness, now).await;
        let texts = |problems: Vec<_>| problems.iter().map(ToString::to_string).collect();
        imported.unwrap().map_err(texts)
    }

    async fn count(&self) -> usize {
        self.users.list(None, usize::MAX).await.unwrap().len()
    }
}

#[tokio::test]
async fn csv_in_any_order_of_columns() {
    let world = World::new().await;
    let file = format!(
        "\u{feff}phone,username,password,password_hash,display_name,groups\r\n\
         090-1234-5678,Carol,carol's password,,\"Carol, 山田\",staff admins\r\n\
         ,dan,,\"{HASH}\",,\r\n"
    );
    assert_eq!(world.import(ImportFormat::Csv, &file).await, Ok(2));
    let carol = world.user("carol").await;
    assert_eq!(carol.display_name, "Carol, 山田");
    assert_eq!(carol.phone_number.unwrap().as_e164(), "+819012345678");
    assert_eq!(carol.groups.into_iter().collect::<Vec<_>>(), ["admins", "staff"]);
    let dan = world.user("dan").await;
    assert_eq!((dan.display_name.as_str(), dan.phone_number), ("dan", None));
    for (name, password) in [("carol", "carol's password"), ("dan", "password")] {
        let outcome = world.try_password(name, password).await;
        assert!(matches!(outcome, PasswordOutcome::Verified(_)), "{name}");
    }
}

#[tokio::test]
async fn json_lines() {
    let world = World::new().await;
    let file = format!(
        "{{\"username\":\"carol\",\"password\":\"carol's password\",\"phone\":\"+81 90 1234 5678\",\
         \"groups\":[\"staff\"]}}\n\n{{\"username\":\"dan\",\"password_hash\":\"{HASH}\"}}\n"
    );
    assert_eq!(world.import(ImportFormat::JsonLines, &file).await, Ok(2));
    assert_eq!(world.user("carol").await.phone_number.unwrap().as_e164(), "+819012345678");
    let outcome = world.try_password("dan", "password").await;
    assert!(matches!(outcome, PasswordOutcome::Verified(_)));
}

#[tokio::test]
async fn every_bad_row_is_named_and_nothing_is_imported() {
    let world = World::new().await;
    let before = world.count().await;
    let file = "username,password,password_hash,phone,display_name,groups\n\
         good,a fine password,,09012345678,,\n\
         b@d name,a fine password,,,,\n\
         short,seven77,,,,\n\
         none,,,,,\n\
         both,a fine password,$argon2id$,,,\n\
         fixed,a fine password,,0312345678,,\n\
         bcrypt,,$2b$12$abcdefghijklmnopqrstuv,,,\n\
         GOOD,a fine password,,,,\n\
         alice,a fine password,,,,\n\
         group,a fine password,,,,sta/ff\n\
         few,a fine password\n\
         \"twice\nbad\",seven77,,x,,\n";
    let problems = world.import(ImportFormat::Csv, file).await.unwrap_err();
    let name = "a login name is 1 to 64 ASCII letters, digits and . _ - @ +, starting with a letter or a digit";
    let expected = [
        format!("line 3, column username: {name}"),
        "line 4, column password: a password has at least 8 characters".to_owned(),
        "line 5, column password: password or password_hash is missing".to_owned(),
        "line 6, column password: either password or password_hash, not both".to_owned(),
        "line 7, column phone: not a Japanese mobile number".to_owned(),
        "line 8, column password_hash: the password hash is not Argon2id version 19".to_owned(),
        "line 9, column username: the same login name as in line 2".to_owned(),
        "line 10, column username: a user with this login name exists".to_owned(),
        "line 11, column groups: a group is 1 to 64 ASCII letters, digits and . _ -".to_owned(),
        "line 12: not as many fields as the header has columns; one with a comma in it, such as a \
         password hash, has to stand in double quotes"
            .to_owned(),
        format!("line 13, column username: {name}"),
        "line 13, column password: a password has at least 8 characters".to_owned(),
        "line 13, column phone: not a Japanese mobile number".to_owned(),
    ];
    assert_eq!(problems, expected);
    assert_eq!(world.count().await, before);
    LeakScanner::new()
        .with_secret("password", "a fine password")
        .with_secret("short password", "seven77")
        .with_secret("hash", "abcdefghijklmnopqrstuv")
        .assert_clean("problems", &problems.join("\n"));
}

#[tokio::test]
async fn a_file_that_is_none_is_refused() {
    let world = World::new().await;
    let columns =
        "a column is none of username, display_name, phone, password, password_hash, groups";
    for (file, expected) in [
        ("", "line 1: the file is empty"),
        ("username,passwort\n", &format!("line 1: {columns}")),
        ("password,phone\n", "line 1: the column username is missing"),
        ("username,phone\n", "line 1: a column password or password_hash is missing"),
        ("username,username,password\n", "line 1: a column stands there twice"),
    ] {
        let problems = world.import(ImportFormat::Csv, file).await.unwrap_err();
        assert_eq!(problems, [expected], "{file:?}");
    }
    let shift_jis = b"username,password,display_name\neve,a fine password,\x8e\x52\x93\x63\n";
    let problems = world.import_bytes(ImportFormat::Csv, shift_jis.to_vec()).await.unwrap_err();
    assert_eq!(problems, ["line 2: not UTF-8"]);
    let json = "[]\n{\"username\":\"eve\"\n{\"username\":\"eve\",\"admin\":true}\n\
                {\"password\":\"a fine password\"}\n{\"username\":7}\n\
                {\"username\":\"a\",\"username\":\"b\",\"password\":\"a fine password\"}\n";
    let problems = world.import(ImportFormat::JsonLines, json).await.unwrap_err();
    let kind = "a name is missing, unknown or repeated, or a value is of the wrong kind";
    let expected: Vec<_> = (1..=6)
        .map(|line| match line {
            2 => "line 2: not a JSON object in UTF-8".to_owned(),
            line => format!("line {line}: {kind}"),
        })
        .collect();
    assert_eq!(problems, expected);
}

#[tokio::test]
async fn thousands_with_ready_hashes() {
    let world = World::new().await;
    let before = world.hasher.computed();
    let rows: String = rows(5000, |n| format!("user{n:04},\"{HASH}\",0901234{n:04}\n"));
    let file = format!("username,password_hash,phone\n{rows}");
    assert!(matches!(world.import(ImportFormat::Csv, &file).await, Ok(5000)));
    assert_eq!(world.hasher.computed(), before);
    assert_eq!(world.count().await, 5002);
    let after = LoginName::parse("user4997").unwrap();
    let last = world.users.list(Some(&after), 10).await.unwrap();
    let names: Vec<_> = last.iter().map(|user| user.login_name.as_str()).collect();
    assert_eq!(names, ["user4998", "user4999"]);
    // A second time every name is taken, and every one is said.
    assert_eq!(world.import(ImportFormat::Csv, &file).await.unwrap_err().len(), 5000);
}

#[tokio::test]
async fn plain_passwords_are_hashed_each_with_its_own_salt() {
    let world = World::new().await;
    let rows: String = rows(50, |n| format!("user{n},the same password\n"));
    let file = format!("username,password\n{rows}");
    assert_eq!(world.import(ImportFormat::Csv, &file).await, Ok(50));
    let mut hashes = std::collections::HashSet::new();
    for n in 0..50 {
        let account = world.account(&format!("user{n}")).await;
        let phc = account.password_hash.as_ref().map(PasswordHash::to_phc).unwrap();
        assert!(hashes.insert(phc));
    }
    let outcome = world.try_password("user49", "the same password").await;
    assert!(matches!(outcome, PasswordOutcome::Verified(_)));
}

#[tokio::test]
async fn the_audit_trail_knows_the_number_by_its_tag_only() {
    let world = World::new().await;
    world
        .import(ImportFormat::Csv, "username,password,phone\neve,a fine password,08011112222\n")
        .await
        .unwrap();
    let records = world.audit.records();
    let added = records.iter().rev().find(|record| record.event == "user.added").unwrap();
    assert_eq!(added.actor.as_deref(), Some("test"));
    let (name, tag) = &added.fields[0];
    assert_eq!(*name, "phone_number");
    assert!(tag.ends_with("…2222") && tag.chars().count() == 16 + 1 + 4, "{tag}");
    assert!(records.iter().any(|record| record.event == "users.imported"));
}
