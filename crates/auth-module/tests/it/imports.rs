//! Users from files: all or none, every bad row named, no value repeated.

use auth_module::{
    ImportFormat, ImportOptions, ImportReport, LoginName, PasswordHash, PasswordOutcome, Users as _,
};
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
        self.import_with(ImportOptions::new(format), file).await.map(|report| report.added.len())
    }

    async fn import_with(
        &self,
        options: ImportOptions,
        file: Vec<u8>,
    ) -> Result<ImportReport, Vec<String>> {
        let (auth, now) = (&self.auth, self.now());
        let imported = auth.import_users(file, options, "test", &self.randomness, now).await;
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
         md5,,$1$12$abcdefghijklmnopqrstuv,,,\n\
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
        "line 5, column password: a new user needs password or password_hash".to_owned(),
        "line 6, column password: either password or password_hash, not both".to_owned(),
        "line 7, column phone: not a Japanese mobile number".to_owned(),
        "line 8, column password_hash: the password hash is of no known kind; use Argon2id, bcrypt, \
         SHA-crypt ($5$, $6$), PBKDF2, scrypt or {SSHA}"
            .to_owned(),
        "line 9, column username: the same login name as in line 2".to_owned(),
        "line 10, column username: a user with this login name exists".to_owned(),
        "line 11, column groups: a group is 1 to 64 ASCII letters, digits and . _ -".to_owned(),
        "line 12: not as many fields as the header has columns; one with a separator in it, such as a \
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
    let columns = "column 2 of the header is none of username, display_name, phone, password, \
                   password_hash, groups, disabled";
    for (file, expected) in [
        ("", "line 1: the file is empty"),
        ("username,passwort\n", &format!("line 1: {columns}")),
        ("password,phone\n", "line 1: the column username is missing"),
        ("\n\n;;\n", "line 3: the first line has no names of columns"),
        ("username,username,password\n", "line 1: a column is there twice"),
    ] {
        let problems = world.import(ImportFormat::Csv, file).await.unwrap_err();
        assert_eq!(problems, [expected], "{file:?}");
    }
    let json = "[]\n{\"username\":\"eve\"\n{\"username\":\"eve\",\"admin\":true}\n\
                {\"password\":\"a fine password\"}\n{\"username\":7}\n\
                {\"username\":\"a\",\"username\":\"b\",\"password\":\"a fine password\"}\n";
    let problems = world.import(ImportFormat::JsonLines, json).await.unwrap_err();
    let kind = "a name is missing, unknown or repeated, or a value is of the wrong kind";
    let expected: Vec<_> = (1..=6)
        .map(|line| match line {
            2 => "line 2: not a JSON object".to_owned(),
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

/// What office programs make of a table: each variant is the same two users.
#[tokio::test]
async fn tables_as_office_programs_write_them() {
    let table = "username,display_name,phone,password,groups\n\
                 carol,山田 花子,09011112222,a fine password,staff\n\
                 dan,佐藤,08033334444,another password here,\n";
    let crlf = table.replace('\n', "\r\n");
    let shift_jis = encoded(table);
    let utf_16: Vec<u8> = ["\u{feff}", &table.replace(',', "\t")]
        .concat()
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    for file in [
        table.as_bytes().to_vec(),
        crlf.replace(',', ";").into_bytes(),
        format!("sep=;\r\n{}", crlf.replace(',', ";")).into_bytes(),
        table.replace(',', "\t").into_bytes(),
        table.replace('\n', "\r").into_bytes(),
        shift_jis,
        utf_16,
        table.replace('\n', ",,\n").into_bytes(),
        format!("\n{}\n,,,,\n ,,\u{3000},,\n\n", table.trim_end()).into_bytes(),
        table.replace("090", "90").replace("080", "80").into_bytes(),
        table.replace("09011112222", "\"=\"\"09011112222\"\"\"").into_bytes(),
        table.replace("09011112222", "=\"09011112222\"").into_bytes(),
        table.replace("09011112222", "'０９０－１１１１－２２２２").into_bytes(),
        table.replace("username,display_name,phone", "ユーザーID,氏名,電話番号").into_bytes(),
        table.replace("username,display_name,phone", "User Name, Display-Name ,PHONE").into_bytes(),
    ] {
        let world = World::new().await;
        let seen = String::from_utf8_lossy(&file).into_owned();
        let report = world.import_with(ImportOptions::new(ImportFormat::Csv), file).await;
        assert_eq!(report.map(|report| report.added.len()), Ok(2), "{seen}");
        let carol = world.user("carol").await;
        assert_eq!(carol.display_name, "山田 花子", "{seen}");
        assert_eq!(carol.phone_number.unwrap().as_e164(), "+819011112222", "{seen}");
        assert_eq!(world.user("dan").await.phone_number.unwrap().as_e164(), "+818033334444");
        let outcome = world.try_password("carol", "a fine password").await;
        assert!(matches!(outcome, PasswordOutcome::Verified(_)), "{seen}");
    }
}

/// Returns the text in Shift_JIS, for the characters that these tests use.
fn encoded(text: &str) -> Vec<u8> {
    let bytes = |c| match c {
        '山' => vec![0x8e, 0x52],
        '田' => vec![0x93, 0x63],
        '花' => vec![0x89, 0xd4],
        '子' => vec![0x8e, 0x71],
        '佐' => vec![0x8d, 0xb2],
        '藤' => vec![0x93, 0xa1],
        c => vec![u8::try_from(u32::from(c)).unwrap()],
    };
    text.chars().flat_map(bytes).collect()
}

#[tokio::test]
async fn lines_are_those_of_the_file() {
    let world = World::new().await;
    for end in ["\n", "\r\n", "\r"] {
        let file = [
            "username,password,phone",
            "",
            "a!,a fine password,",
            ",,",
            "\"b",
            "\",short77,x",
            "",
            "c!,a fine password,",
            "d,a fine password",
        ]
        .join(end);
        let problems = world.import(ImportFormat::Csv, &file).await.unwrap_err();
        let lines: Vec<&str> =
            problems.iter().map(|p| p.split([',', ':']).next().unwrap()).collect();
        let expected = ["line 3", "line 5", "line 5", "line 5", "line 8", "line 9"];
        assert_eq!(lines[lines.len() - 2..], expected[4..], "{end:?} {problems:?}");
        assert_eq!(lines[0], "line 3", "{end:?} {problems:?}");
        assert!(lines.contains(&"line 5"), "{end:?} {problems:?}");
    }
}

#[tokio::test]
async fn what_cannot_be_read_says_what_to_change() {
    let world = World::new().await;
    for (value, expected) in [
        (
            "9.01112E+10",
            "line 2, column phone: a spreadsheet has rounded this number; make the column a text column, type the number again",
        ),
        ("0800-111-2222", "line 2, column phone: not a Japanese mobile number"),
    ] {
        let file = format!("username,password,phone\neve,a fine password,{value}\n");
        let problems = world.import(ImportFormat::Csv, &file).await.unwrap_err();
        assert_eq!(problems, [expected]);
    }
    for (file, expected) in [
        (
            "username,password\nalice2,password123\n",
            "line 2, column password: this password is among",
        ),
        ("username,password\neve,a fine password,more\n", "line 2: not as many fields"),
        (
            "username,,password\neve,x,a fine password\n",
            "line 2: a value is in a column without a name",
        ),
        (
            "username,password,disabled\neve,a fine password,perhaps\n",
            "line 2, column disabled: write yes or no",
        ),
    ] {
        let problems = world.import(ImportFormat::Csv, file).await.unwrap_err();
        assert!(problems[0].starts_with(expected), "{problems:?}");
    }
}

fn update() -> ImportOptions {
    let mut options = ImportOptions::new(ImportFormat::Csv);
    options.update = true;
    options
}

#[tokio::test]
async fn an_update_changes_what_is_given_and_nothing_else() {
    let world = World::new().await;
    let (token, session) = world.alice_session().await;
    let before = world.user("alice").await;
    // Nothing new: no record, no session ends.
    let same = "username,phone,password,groups,display_name\n\
                alice,90-1234-5678,correct horse battery,,\n";
    let report = world.import_with(update(), same.into()).await.unwrap();
    assert_eq!((report.added.len(), report.changed.len(), report.unchanged), (0, 0, 1));
    assert_eq!(report.zeros_put_back, [2]);
    assert_eq!(world.user("alice").await, before);
    assert!(world.is_open(&token).await);

    let file = "username,phone,password,groups,disabled\n\
                alice,-,,staff admins,\n\
                bob,,a better password,,yes\n\
                eve,08011112222,a fine password,,no\n";
    let mut dry = update();
    dry.dry_run = true;
    let planned = world.import_with(dry, file.into()).await.unwrap();
    assert_eq!(world.user("alice").await, before, "a dry run changes nothing");
    assert_eq!(world.count().await, 2);
    let report = world.import_with(update(), file.into()).await.unwrap();
    assert_eq!(report, planned, "what was done is what was announced");
    let columns: Vec<_> = report.changed.iter().map(|changed| changed.columns.clone()).collect();
    assert_eq!(columns, [vec!["phone", "groups"], vec!["password", "disabled"]]);
    let alice = world.user("alice").await;
    assert_eq!((alice.phone_number, alice.groups.len()), (None, 2));
    assert_eq!(alice.id, session.user().id);
    assert!(world.is_open(&token).await, "a new group ends nothing");
    assert!(world.user("bob").await.is_disabled);
    let records = world.audit.records();
    for event in ["user.phone_number_set", "user.groups_set", "user.password_set", "user.disabled"]
    {
        let made =
            records.iter().filter(|r| r.event == event && r.actor.as_deref() == Some("test"));
        assert_eq!(made.count(), 1, "{event}");
    }
    let lost = "username,groups\nalice,-\n";
    world.import_with(update(), lost.into()).await.unwrap();
    assert!(!world.is_open(&token).await, "a lost group ends the sessions");
}

#[tokio::test]
async fn an_update_is_all_or_nothing() {
    let world = World::new().await;
    let before = world.user("alice").await;
    let file = "username,phone,password\nalice,08099998888,\nfrank,,\n";
    let problems = world.import_with(update(), file.into()).await.unwrap_err();
    assert_eq!(problems, ["line 3, column password: a new user needs password or password_hash"]);
    assert_eq!(world.user("alice").await, before);
}
