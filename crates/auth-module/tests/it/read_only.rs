//! A directory that this program may only read.

use auth_module::{
    AuthErrorKind, AuthParts, Disabled, ImportFormat, ImportOptions, LoginName, NewUser,
    UserChanged,
};
use secrecy::SecretString;

use crate::common::{ALICE_PASSWORD, World, client};

#[tokio::test]
async fn users_log_in_and_nothing_about_them_can_be_changed() {
    let world = World::new().await;
    let auth = world.module_with(|parts| AuthParts { administration: None, ..parts });
    assert!(!auth.can_administer() && world.auth.can_administer());
    let (alice, now) = (LoginName::parse("alice").unwrap(), world.now());
    let password = SecretString::from("a new passphrase");
    let file = b"username,password\neve,a fine password\n".to_vec();
    let eve = NewUser::new(LoginName::parse("eve").unwrap());
    let random = &world.randomness;
    let kinds = [
        auth.add_user(eve, "test", random, now).await.map(drop),
        auth.set_password(&alice, &password, "test", random, now).await.map(drop),
        auth.set_phone_number(&alice, None, "test", now).await.map(drop),
        auth.set_disabled(&alice, Disabled::Yes, "test", now).await.map(drop),
        auth.import_users(file, ImportOptions::new(ImportFormat::Csv), "test", random, now)
            .await
            .map(drop),
    ]
    .map(|result| result.unwrap_err().kind());
    assert_eq!(kinds, [AuthErrorKind::ReadOnly; 5]);

    // What does not touch the directory goes on: logins, locks and sessions.
    assert_eq!(auth.unlock(&alice, "test", now).await.unwrap(), UserChanged::Done);
    let (_, login) = world.alice_pending("/").await;
    let login = world.record_sms(&login).await;
    let completed = auth.complete(&login, &client(), random, now).await.unwrap();
    assert!(matches!(completed, auth_module::Completed::Opened { .. }));
    let user = world.user("alice").await;
    assert_eq!(user.last_login_at, None, "nothing to note the login in");
    assert_eq!(auth.end_all_sessions(&user.id, Some("test"), now).await.unwrap(), 1);
    let outcome = world.try_password("alice", ALICE_PASSWORD).await;
    assert!(matches!(outcome, auth_module::PasswordOutcome::Verified(_)));
}
