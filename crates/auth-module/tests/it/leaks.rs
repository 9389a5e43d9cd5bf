//! No password, token or phone number in logs, `Debug`, errors or the audit trail.

use std::fmt::Write as _;

use auth_module::{
    FactorSnapshot, ImportFormat, ImportOptions, PasswordAttempt, PendingToken, Requester,
    SessionToken,
};
use mfa_plugin_api::{Message, PluginState, Prompt, Reply, Step};
use otp_cache::QuotaKey;
use testkit::{LeakScanner, LogCapture};

use crate::common::{ALICE_PASSWORD, ALICE_PHONE, SMS_OTP, World, client};

fn scanner(pending: &PendingToken, session: &SessionToken) -> LeakScanner {
    LeakScanner::new()
        .with_secret("password", ALICE_PASSWORD)
        .with_secret("wrong password", "tr0ub4dor&3 typed")
        .with_secret("password typed as a name", "hunter2hunter2")
        .with_secret("where to", "an-app%27s-own")
        .with_secret("imported password", "imported-passphrase")
        .with_secret("pending token", &pending.expose_secret())
        .with_secret("session token", &session.expose_secret())
}

#[tokio::test]
async fn a_login_from_start_to_end_leaves_no_secret_behind() {
    let log = LogCapture::new();
    let _listening = log.start();
    let world = World::new().await;
    world.try_password("alice", "tr0ub4dor&3 typed").await;
    world.try_password("hunter2hunter2", "tr0ub4dor&3 typed").await;
    let (pending, login) = world.alice_pending("/x?secret=an-app%27s-own").await;
    let mut shown = format!("{pending:?} {login:?} {:?}", world.auth);
    let login = world.record_sms(&login).await;
    let completed = world.complete(&login).await;
    write!(shown, "{completed:?}").unwrap();
    let auth_module::Completed::Opened { token, session, .. } = completed else { panic!() };
    let account = world.account("alice").await;
    let phc = account.password_hash.as_ref().unwrap().to_phc();
    write!(shown, "{session:?} {:?}", account.user.subject(world.auth.tenant())).unwrap();
    write!(shown, "{account:?}").unwrap();
    let file = b"username,password,phone\neve,imported-passphrase,090-1234-5678\nx,short,12\n";
    let (auth, now) = (&world.auth, world.now());
    let problems = auth
        .import_users(
            file.to_vec(),
            ImportOptions::new(ImportFormat::Csv),
            "test",
            &world.randomness,
            now,
        )
        .await
        .unwrap()
        .unwrap_err();
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    write!(shown, "{problems:?} {lines:?}").unwrap();
    auth.logout(&token, &client(), now).await.unwrap();
    tracing::info!("the log is listening");

    let secrets = scanner(&pending, &token);
    let hash = phc.rsplit('$').next().unwrap();
    let strict = secrets.clone().with_phone_number("phone", ALICE_PHONE).with_secret("hash", hash);
    strict.assert_clean("Debug", &shown);
    strict.assert_clean("log", &log.text());
    strict.assert_clean("audit trail", &format!("{:?}", world.audit.records()));
}

#[tokio::test]
async fn what_a_plugin_remembers_is_not_shown() {
    let world = World::new().await;
    let (_, login) = world.alice_pending("/").await;
    let state = PluginState::from_bytes(b"a plugin's state".as_slice());
    let step = Step::Prompt(Prompt::new(Message::new("title")));
    let snapshot = FactorSnapshot::of(&Reply::new(step).with_state(state)).unwrap();
    let saved = world.auth.save_factor(&login, &SMS_OTP, &snapshot).await.unwrap();
    LeakScanner::new()
        .with_secret("state", "a plugin's state")
        .assert_clean("Debug", &format!("{saved:?}"));
}

#[test]
fn errors_say_what_happened_and_not_with_what() {
    let scanner = LeakScanner::new().with_phone_number("phone", "09012345678");
    let error = otp_core::PhoneNumber::from_japanese("0901234567x").unwrap_err();
    scanner.assert_clean("error", &format!("{error} {error:?}"));
}

/// People type passwords into the name field.
#[test]
fn an_attempt_shows_neither_the_name_nor_the_password() {
    let password = secrecy::SecretString::from("tr0ub4dor&3 typed");
    let attempt = PasswordAttempt {
        name: "hunter2hunter2",
        password: &password,
        requester: Requester::new(client().address, QuotaKey::derive("account", "x")),
        may_rehash: true,
        randomness: &testkit::SeededRandomness::new(1),
        now: testkit::ManualClock::new().now(),
    };
    LeakScanner::new()
        .with_secret("name", "hunter2hunter2")
        .with_secret("password", "tr0ub4dor&3 typed")
        .assert_clean("Debug", &format!("{attempt:?}"));
}
