//! A login from the password to the session, and what may not happen on the way.

use auth_module::{Completed, Decision, FactorChoice, FactorSnapshot, LoginName, Recorded, Saved};
use mfa_plugin_api::{Message, PluginState, Prompt, Reply, Step};

use crate::common::{ALICE_PASSWORD, MINUTE, SMS_OTP, World, client, destination, sms_evidence};

#[tokio::test]
async fn a_login_from_the_password_to_the_session() {
    let world = World::new().await;
    let verified = world.verified("alice", ALICE_PASSWORD).await;
    assert_eq!(verified.user().login_name.as_str(), "alice");
    let (pending_token, login) = world
        .auth
        .open_pending(verified, destination("/x?y=1"), &client(), &world.randomness, world.now())
        .await
        .unwrap();
    assert_eq!(world.auth.missing_factors(&login, world.now()), [FactorChoice::from(SMS_OTP)]);

    let loaded = world.auth.load_pending(&pending_token, world.now()).await.unwrap().unwrap();
    assert_eq!(loaded.flow(), login.flow());
    let login = world.record_sms(&loaded).await;
    let Completed::Opened { token, session, destination: to } = world.complete(&login).await else {
        panic!("not opened")
    };
    assert_eq!(to, destination("/x?y=1"));
    let amr: Vec<_> = session.amr().iter().map(|m| m.as_str().to_owned()).collect();
    assert_eq!(amr, ["pwd", "otp", "sms"]);

    assert!(world.auth.load_pending(&pending_token, world.now()).await.unwrap().is_none());
    let session = world.auth.load_session(&token, world.now()).await.unwrap().unwrap();
    assert_eq!(world.decide("/anything", Some(&session), world.now()), Decision::Allowed);
    assert_eq!(world.decide("/anything", None, world.now()), Decision::LoginRequired);
    assert_eq!(world.decide("/public/a", None, world.now()), Decision::Public);
    assert_eq!(world.user("alice").await.last_login_at, Some(world.now()));
}

#[tokio::test]
async fn nothing_completes_while_a_factor_is_missing() {
    let world = World::new().await;
    for url in ["/", "/public/", "/low/", "/admin/"] {
        let (token, login) = world.alice_pending(url).await;
        let Completed::Missing(missing) = world.complete(&login).await else {
            panic!("{url} needs the second factor too")
        };
        assert_eq!(missing, [FactorChoice::from(SMS_OTP)], "{url}");
        assert!(world.auth.load_pending(&token, world.now()).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn two_tabs_do_not_overwrite_each_other() {
    let world = World::new().await;
    let (token, one) = world.alice_pending("/").await;
    let two = world.auth.load_pending(&token, world.now()).await.unwrap().unwrap();
    let snapshot = |state: &str| {
        let step = Step::Prompt(Prompt::new(Message::new("title")));
        let state = PluginState::from_bytes(state);
        FactorSnapshot::of(&Reply::new(step).with_state(state)).unwrap()
    };
    let factor = SMS_OTP;

    let saved = world.auth.save_factor(&one, &factor, &snapshot("one")).await.unwrap();
    assert!(matches!(saved, Saved::Done(_)));
    let saved = world.auth.save_factor(&two, &factor, &snapshot("two")).await.unwrap();
    assert!(matches!(saved, Saved::Conflict), "the second tab has read an older version");

    // Evidence is merged instead: the stale tab's success counts, and the other's state stays.
    let evidence = sms_evidence(world.now());
    let recorded = world.auth.record_evidence(&two, &factor, evidence, world.now()).await.unwrap();
    let Recorded::Done { login, missing } = recorded else { panic!("gone") };
    assert_eq!(missing, []);
    assert_eq!(login.factor(&factor), Some(&snapshot("one")));
}

#[tokio::test]
async fn a_pending_login_is_gone_at_its_end() {
    let world = World::new().await;
    let (token, login) = world.alice_pending("/").await;
    let login = world.record_sms(&login).await;
    world.clock.set(login.expires_at() - MINUTE / 60);
    assert!(world.auth.load_pending(&token, world.now()).await.unwrap().is_some());
    world.clock.set(login.expires_at());
    assert!(world.auth.load_pending(&token, world.now()).await.unwrap().is_none());
    assert!(matches!(world.complete(&login).await, Completed::Gone));
}

/// The new password ends the logins that it finds. This one is stored a moment later.
#[tokio::test]
async fn a_password_that_is_set_between_its_check_and_the_login_ends_the_login() {
    let world = World::new().await;
    let verified = world.verified("alice", ALICE_PASSWORD).await;
    let (name, new) = (LoginName::parse("alice").unwrap(), "another password".into());
    world.auth.set_password(&name, &new, "admin", &world.randomness, world.now()).await.unwrap();
    let to = destination("/");
    let opened =
        world.auth.open_pending(verified, to, &client(), &world.randomness, world.now()).await;
    let login = world.record_sms(&opened.unwrap().1).await;
    assert!(matches!(world.complete(&login).await, Completed::Gone));
    let sessions = world.auth.sessions_of(&login.user().id, world.now(), 9).await.unwrap();
    assert!(sessions.is_empty());
}
