//! Sessions: what they may do, and every way they end.

use std::time::Duration;

use auth_module::{
    Change, Completed, Decision, Disabled, FactorChoice, LoginName, PendingLogin, PendingToken,
    Session, SessionToken, UserChanged,
};
use secrecy::SecretString;

use crate::common::{MINUTE, SMS_OTP, World, client, destination};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

fn alice() -> LoginName {
    LoginName::parse("alice").unwrap()
}

impl World {
    async fn step_up(&self, session: &Session, url: &str) -> PendingLogin {
        let (client, now) = (client(), self.now());
        let to = destination(url);
        let opened = self.auth.open_step_up(session, to, &client, &self.randomness, now);
        opened.await.unwrap().1
    }

    async fn is_open(&self, token: &SessionToken) -> bool {
        self.auth.load_session(token, self.now()).await.unwrap().is_some()
    }
}

#[tokio::test]
async fn a_session_ends_after_twelve_hours_however_busy_it_is() {
    let world = World::new().await;
    let (token, session) = world.alice_session().await;
    assert_eq!(session.expires_at(), world.now() + 12 * HOUR);
    while world.clock.advance(30 * MINUTE) < session.expires_at() {
        assert!(world.is_open(&token).await);
        world.settle().await;
    }
    assert_eq!(world.now(), session.expires_at());
    assert!(!world.is_open(&token).await, "at its end it is gone");
    world.clock.set(session.expires_at() - Duration::from_millis(1));
    assert!(world.is_open(&token).await);
}

#[tokio::test]
async fn a_session_ends_after_an_hour_without_use() {
    let world = World::new().await;
    let (token, _) = world.alice_session().await;
    world.clock.advance(HOUR - SECOND);
    assert!(world.is_open(&token).await);
    // That was a use: the hour begins again.
    world.settle().await;
    world.clock.advance(HOUR - SECOND);
    assert!(world.is_open(&token).await);
    world.settle().await;
    world.clock.advance(HOUR);
    assert!(!world.is_open(&token).await, "at the end of the hour it is gone");
}

#[tokio::test]
async fn logout_is_final_at_once() {
    let world = World::new().await;
    let (token, _) = world.alice_session().await;
    let (other, _) = world.alice_session().await;
    world.auth.logout(&token, &client(), world.now()).await.unwrap();
    assert!(!world.is_open(&token).await);
    assert!(world.is_open(&other).await, "the user's other session stays");
    world.auth.logout(&token, &client(), world.now()).await.unwrap();
    assert_eq!(world.events().iter().filter(|&&event| event == "session.ended").count(), 1);
}

#[tokio::test]
async fn shutting_an_account_ends_all_its_logins_for_good() {
    let world = World::new().await;
    let (token, _) = world.alice_session().await;
    let (pending, login) = world.alice_pending("/").await;
    let login = world.record_sms(&login).await;
    let shut = world.auth.set_disabled(&alice(), Disabled::Yes, "admin", world.now()).await;
    assert_eq!(shut.unwrap(), UserChanged::Done);
    assert!(!world.is_open(&token).await);
    assert!(world.auth.load_pending(&pending, world.now()).await.unwrap().is_none());
    assert!(matches!(world.complete(&login).await, Completed::Gone));

    world.auth.set_disabled(&alice(), Disabled::No, "admin", world.now()).await.unwrap();
    assert!(!world.is_open(&token).await, "opening the account opens no old session");
    assert!(matches!(world.complete(&login).await, Completed::Gone));
}

#[tokio::test]
async fn an_account_shut_behind_our_back_has_no_session_either() {
    let world = World::new().await;
    let (token, session) = world.alice_session().await;
    let change = Change::Disabled(true);
    world.directory.change(&session.user().id, change, world.now()).await.unwrap();
    assert!(!world.is_open(&token).await);
}

#[tokio::test]
async fn a_new_password_ends_sessions_and_a_new_number_ends_pending_logins() {
    let world = World::new().await;
    let (token, _) = world.alice_session().await;
    let (pending, _) = world.alice_pending("/").await;
    world.auth.set_phone_number(&alice(), None, "admin", world.now()).await.unwrap();
    assert!(world.auth.load_pending(&pending, world.now()).await.unwrap().is_none());
    assert!(world.is_open(&token).await);
    let user = world.user("alice").await;
    assert_eq!((user.phone_number, user.phone_number_changed_at), (None, Some(world.now())));

    let password = SecretString::from("a new passphrase");
    let (auth, now) = (&world.auth, world.now());
    auth.set_password(&alice(), &password, "admin", &world.randomness, now).await.unwrap();
    assert!(!world.is_open(&token).await);
}

#[tokio::test]
async fn each_path_asks_for_what_its_rule_says() {
    let world = World::new().await;
    let (token, _) = world.alice_session().await;
    let decide = |path, session: &_| world.decide(path, Some(session), world.now());
    let session = world.auth.load_session(&token, world.now()).await.unwrap().unwrap();
    for path in ["/", "/x", "/low/", "/admin", "/admin/", "/admin/x", "/ADMIN/x", "/admin;v=1/x"] {
        assert_eq!(decide(path, &session), Decision::Allowed, "{path}");
    }
    // Ten minutes later the evidence for /admin/ is still good, a millisecond after it is not.
    let step_up = Decision::StepUpRequired(vec![SMS_OTP.into()]);
    let at = |path, now| world.decide(path, Some(&session), now);
    let end = world.now() + 10 * MINUTE;
    assert_eq!(at("/admin/x", end), Decision::Allowed);
    let later = end + Duration::from_millis(1);
    for path in ["/admin/x", "/Admin/", "/admin;v=1/x"] {
        assert_eq!(at(path, later), step_up, "{path}");
    }
    assert_eq!(at("/administrators", later), Decision::Allowed);
    assert_eq!(at("/public/x", later), Decision::Public);
    assert_eq!(at("/public/..;/admin/", later), Decision::Allowed, "never public");
    assert_eq!(world.decide("/public/..;/admin/", None, later), Decision::LoginRequired);
}

#[tokio::test]
async fn a_path_for_a_group_is_closed_to_others_before_any_step_up() {
    let world = World::new().await;
    world.add("carol", Some("carol's password"), None, &["staff"]).await;
    let (_, carol) = world.session("carol", "carol's password").await;
    let (_, alice) = world.alice_session().await;
    let later = world.now() + 11 * MINUTE;
    assert_eq!(world.decide("/admin/", Some(&carol), later), Decision::Forbidden);
    assert_eq!(
        world.decide("/admin/", Some(&alice), later),
        Decision::StepUpRequired(vec![SMS_OTP.into()])
    );
    assert_eq!(world.decide("/", Some(&carol), later), Decision::Allowed);
}

#[tokio::test]
async fn a_step_up_replaces_the_session_and_keeps_its_end() {
    let world = World::new().await;
    let (old, session) = world.alice_session().await;
    world.clock.advance(11 * MINUTE);
    let admin = |session: &_| world.decide("/admin/", Some(session), world.now());
    assert_eq!(admin(&session), Decision::StepUpRequired(vec![SMS_OTP.into()]));

    let login = world.step_up(&session, "/admin/").await;
    assert!(login.is_step_up());
    assert_eq!(
        world.auth.missing_factors(&login, world.now()),
        [FactorChoice::from(SMS_OTP)],
        "no password again"
    );
    assert!(matches!(world.complete(&login).await, Completed::Missing(_)));
    assert!(world.is_open(&old).await, "until it is done, the old session stands");

    let login = world.record_sms(&login).await;
    let Completed::Opened { token, session: raised, .. } = world.complete(&login).await else {
        panic!("not opened")
    };
    assert!(!world.is_open(&old).await, "the id is rotated");
    assert!(world.is_open(&token).await);
    assert_eq!(admin(&raised), Decision::Allowed);
    assert_eq!(raised.expires_at(), session.expires_at());
    assert_eq!(raised.auth_time(), world.now());
}

#[tokio::test]
async fn a_session_that_was_logged_out_cannot_be_raised() {
    let world = World::new().await;
    let (token, session) = world.alice_session().await;
    let login = world.step_up(&session, "/").await;
    let login = world.record_sms(&login).await;
    world.auth.logout(&token, &client(), world.now()).await.unwrap();
    assert!(matches!(world.complete(&login).await, Completed::Gone));
}

#[tokio::test]
async fn a_token_of_the_other_kind_or_of_nobody_opens_nothing() {
    let world = World::new().await;
    let (token, _) = world.alice_session().await;
    let (pending, _) = world.alice_pending("/").await;
    let as_session = SessionToken::parse(&pending.expose_secret()).unwrap();
    assert!(!world.is_open(&as_session).await);
    let as_pending = PendingToken::parse(&token.expose_secret()).unwrap();
    assert!(world.auth.load_pending(&as_pending, world.now()).await.unwrap().is_none());
    assert!(!world.is_open(&SessionToken::from_bytes([0; 32])).await);
}

#[tokio::test]
async fn sweeping_drops_what_is_over_and_nothing_else() {
    let world = World::new().await;
    let (token, _) = world.alice_session().await;
    world.alice_pending("/").await;
    assert_eq!(world.auth.sweep(world.now()).await.unwrap(), 0);
    world.clock.advance(10 * MINUTE);
    assert_eq!(world.auth.sweep(world.now()).await.unwrap(), 1, "the pending login");
    assert!(world.is_open(&token).await);
    world.clock.advance(2 * HOUR);
    assert_eq!(world.auth.sweep(world.now()).await.unwrap(), 1, "the idle session");
}
