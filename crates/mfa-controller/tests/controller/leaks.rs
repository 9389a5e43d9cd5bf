//! Secrets must not appear in steps, logs or the audit trail.

use testkit::{LeakScanner, LogCapture};

use crate::{
    dummy::Next,
    support::{PASSWORD, PHONE, World, new_token},
};

#[tokio::test]
async fn no_secret_in_steps_logs_or_the_audit_trail() {
    let world = World::new().await;
    let log = LogCapture::new();
    let listening = log.start();
    let mut seen = Vec::new();
    let mut see = |step: &mfa_controller::LoginStep| seen.push(format!("{step:?}"));

    let step = world.login(PASSWORD, "/reset?token=an-app-secret").await;
    see(&step);
    let token = new_token(step);
    see(&world.submit(&token, "typed-secret").await);
    world.first.next(Next::Break);
    see(&world.submit(&token, "typed-secret").await);
    see(&world.view(&token).await);
    let step = world.submit(&token, "plum").await;
    see(&step);
    let mfa_controller::LoginStep::Finished(finished) = step else { panic!("not finished") };
    drop(listening);

    let scanner = LeakScanner::new()
        .with_secret("password", PASSWORD)
        .with_phone_number("phone", PHONE)
        .with_secret("answer", "typed-secret")
        .with_secret("query of the destination", "an-app-secret")
        .with_secret("pending token", &token.expose_secret())
        .with_secret("session token", &finished.session_token.expose_secret());
    scanner.assert_clean("steps", &seen.join("\n"));
    scanner.assert_clean("log", &log.text());
    scanner.assert_clean("audit trail", &format!("{:?}", world.audit.records()));
    scanner.assert_clean("controller", &format!("{:?}", world.controller));
}
