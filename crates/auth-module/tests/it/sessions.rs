//! Sessions: what they may do, and every way they end.

use std::time::Duration;

use auth_module::{
    AuthParts, Change, Completed, Decision, Disabled, FactorChoice, LoginName, PasswordHash,
    PendingLogin, PendingToken, Session, SessionClient, SessionId, SessionToken,
    UserAdministration as _, UserChanged,
};
use secrecy::SecretString;

use crate::common::{MINUTE, SMS_OTP, World, client, client_at, destination, settings};

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
        opened.await.unwrap().unwrap().1
    }

    pub(crate) async fn is_open(&self, token: &SessionToken) -> bool {
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
    }
    assert_eq!(world.now(), session.expires_at());
    assert!(!world.is_open(&token).await, "at its end it is gone");
    world.clock.set(session.expires_at() - Duration::from_millis(1));
    assert!(world.is_open(&token).await);
}

#[tokio::test]
async fn a_session_of_a_clock_that_was_ahead_is_refused_when_it_is_right_again() {
    for (lead, is_open) in
        [(MINUTE, true), (MINUTE + Duration::from_millis(1), false), (365 * 24 * HOUR, false)]
    {
        let world = World::new().await;
        let right = world.now();
        world.clock.set(right + lead);
        let (token, session) = world.alice_session().await;
        assert!(world.is_open(&token).await);
        world.clock.set(right);
        assert_eq!(world.is_open(&token).await, is_open, "opened {lead:?} ahead");
        let listed = world.auth.sessions_of(&session.user().id, right, 10).await.unwrap();
        assert_eq!(listed.len(), usize::from(is_open), "opened {lead:?} ahead");
    }
}

#[tokio::test]
async fn a_session_that_was_used_while_the_clock_was_ahead_is_refused() {
    let world = World::new().await;
    let (token, _) = world.alice_session().await;
    let right = world.clock.advance(MINUTE);
    world.clock.set(right + 30 * MINUTE);
    assert!(world.is_open(&token).await);
    world.clock.set(right);
    assert!(!world.is_open(&token).await, "its idle timeout would end half an hour late");
}

#[tokio::test]
async fn a_login_of_a_clock_that_was_ahead_is_refused_when_it_is_right_again() {
    for (lead, is_open) in [(MINUTE, true), (MINUTE + Duration::from_millis(1), false)] {
        let world = World::new().await;
        let right = world.now();
        world.clock.set(right + lead);
        let (token, _) = world.alice_pending("/").await;
        world.clock.set(right);
        let found = world.auth.load_pending(&token, right).await.unwrap();
        assert_eq!(found.is_some(), is_open, "opened {lead:?} ahead");
    }
}

#[tokio::test]
async fn a_session_in_use_stays_open_with_the_shortest_idle_timeout() {
    let world = World::new().await;
    let (token, _) = world.alice_session().await;
    let settings = settings().with_session_lifetime(HOUR, MINUTE).unwrap();
    let auth = world.module_with(|parts| AuthParts { settings, ..parts });
    for _ in 0..60 {
        world.clock.advance(10 * SECOND);
        assert!(auth.load_session(&token, world.now()).await.unwrap().is_some());
    }
    world.clock.advance(MINUTE);
    assert!(auth.load_session(&token, world.now()).await.unwrap().is_none());
}

#[tokio::test]
async fn a_use_is_noted_at_least_every_tenth_of_the_idle_timeout() {
    let world = World::new().await;
    let (token, _) = world.alice_session().await;
    let settings = settings().with_session_lifetime(HOUR, MINUTE).unwrap();
    let auth = world.module_with(|parts| AuthParts { settings, ..parts });
    for pause in [6, 59, 6, 59] {
        world.clock.advance(pause * SECOND);
        let session = auth.load_session(&token, world.now()).await.unwrap();
        assert_eq!(session.unwrap().idle_expires_at(), world.now() + MINUTE);
    }
}

#[tokio::test]
async fn a_session_ends_after_an_hour_without_use() {
    let world = World::new().await;
    let (token, _) = world.alice_session().await;
    world.clock.advance(HOUR - SECOND);
    assert!(world.is_open(&token).await);
    // That was a use: the hour begins again.
    world.clock.advance(HOUR - SECOND);
    assert!(world.is_open(&token).await);
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
async fn disabling_an_account_ends_all_its_logins_for_good() {
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
    assert!(!world.is_open(&token).await, "enabling the account opens no old session");
    assert!(matches!(world.complete(&login).await, Completed::Gone));
}

/// Another program may write to the directory.
#[tokio::test]
async fn an_account_disabled_elsewhere_ends_its_session_within_a_minute() {
    for change in [Change::Disabled(true), Change::Password(world_hash().await)] {
        let world = World::new().await;
        let (token, session) = world.alice_session().await;
        let (pending, _) = world.alice_pending("/").await;
        world.users.change(&session.user().id, change, world.now()).await.unwrap();
        let login = world.auth.load_pending(&pending, world.now()).await.unwrap();
        assert!(login.is_none(), "a pending login asks each time");
        world.clock.advance(MINUTE - Duration::from_millis(1));
        assert!(world.is_open(&token).await, "the snapshot is recent");
        world.clock.advance(Duration::from_millis(1));
        assert!(!world.is_open(&token).await);
        let ended = world.audit.records().pop().unwrap();
        assert_eq!(
            (ended.event, &*ended.fields),
            ("session.ended", &[("why", "user".to_owned())][..])
        );
        // It has ended: the account can be enabled again and the session stays over.
        world.users.change(&session.user().id, Change::Disabled(false), world.now()).await.unwrap();
        assert!(!world.is_open(&token).await);
    }
}

async fn world_hash() -> PasswordHash {
    let hasher = World::new().await.hasher;
    hasher.hash(&SecretString::from("another password"), [4; 16]).await.unwrap().unwrap()
}

/// Between the password and the last factor, the password is changed and the account is otherwise fine.
#[tokio::test]
async fn a_password_that_was_changed_meanwhile_completes_no_login() {
    let world = World::new().await;
    let verified = world.verified("alice", crate::common::ALICE_PASSWORD).await;
    let id = verified.user().id.clone();
    world.users.change(&id, Change::Password(world_hash().await), world.now()).await.unwrap();
    let (auth, now) = (&world.auth, world.now());
    let (token, _) = auth
        .open_pending(verified, destination("/"), &client(), &world.randomness, now)
        .await
        .unwrap();
    assert!(auth.load_pending(&token, now).await.unwrap().is_none());
}

#[tokio::test]
async fn a_step_up_of_a_user_with_a_new_password_is_refused() {
    let world = World::new().await;
    let (_, session) = world.alice_session().await;
    let change = Change::Password(world_hash().await);
    world.users.change(&session.user().id, change, world.now()).await.unwrap();
    let (client, now) = (client(), world.now());
    let opened =
        world.auth.open_step_up(&session, destination("/"), &client, &world.randomness, now).await;
    assert!(opened.unwrap().is_none());
}

#[tokio::test]
async fn a_refreshed_user_is_kept_with_the_session() {
    let world = World::new().await;
    let (token, session) = world.alice_session().await;
    assert_eq!(session.user().checked_at, world.now());
    world.clock.advance(MINUTE);
    let refreshed = world.auth.load_session(&token, world.now()).await.unwrap().unwrap();
    assert_eq!(refreshed.user().checked_at, world.now());
    let stored = world.sessions.sessions_of(&session.user().id, world.now(), 9).await.unwrap();
    assert_eq!(&stored[0].record.user, refreshed.user());
}

#[tokio::test]
async fn a_list_names_each_session_and_each_can_be_ended() {
    let world = World::new().await;
    let facts = |address| client_at(address).with_user_agent(format!("Browser/{}", address[3]));
    let mut opened = Vec::new();
    for n in [1, 2, 3] {
        opened.push(world.session_from("alice", facts([192, 0, 2, n])).await);
        world.clock.advance(SECOND);
    }
    let (bob, bobs) = world.session("bob", "bob's own password").await;
    let alice = &opened[0].1.user().id;
    let list = async || world.auth.sessions_of(alice, world.now(), 10).await.unwrap();
    let listed = list().await;
    assert_eq!(listed.len(), 3);
    for (n, (listed, (_, session))) in listed.iter().zip(opened.iter().rev()).enumerate() {
        assert_eq!(&listed.record.id, session.id());
        let address = 3 - u8::try_from(n).unwrap();
        assert_eq!(listed.record.client, SessionClient::new(&facts([192, 0, 2, address])));
        assert_eq!(listed.seen_at, session.opened_at());
        assert_eq!(listed.record.expires_at, session.expires_at());
    }

    let end = async |id: &SessionId| {
        world.auth.end_session_by_id(alice, id, Some("admin"), world.now()).await.unwrap()
    };
    assert!(!end(bobs.id()).await, "another user's session");
    assert!(world.is_open(&bob).await);
    assert!(world.is_open(&opened[1].0).await);
    assert!(end(opened[1].1.id()).await);
    assert!(!world.is_open(&opened[1].0).await, "at once");
    assert!(!end(opened[1].1.id()).await, "once");
    let records = world.audit.records();
    let ended: Vec<_> = records.iter().filter(|r| r.event == "session.ended").collect();
    assert_eq!(ended.len(), 1);
    assert_eq!(ended[0].actor.as_deref(), Some("admin"));
    assert_eq!(ended[0].flow.as_deref(), Some(opened[1].1.flow()));

    let ended = world.auth.end_all_sessions(alice, None, world.now()).await.unwrap();
    assert_eq!(ended, 2);
    assert!(!world.is_open(&opened[0].0).await && !world.is_open(&opened[2].0).await);
    assert!(world.is_open(&bob).await);
    assert_eq!(list().await, []);
    assert_eq!(world.events().last(), Some(&"user.sessions_ended"));
}

#[tokio::test]
async fn an_idle_session_is_not_listed() {
    let world = World::new().await;
    let (_, session) = world.alice_session().await;
    let list = async || world.auth.sessions_of(&session.user().id, world.now(), 10).await.unwrap();
    world.clock.advance(HOUR - Duration::from_millis(1));
    assert_eq!(list().await.len(), 1);
    world.clock.advance(Duration::from_millis(1));
    assert_eq!(list().await.len(), 0);
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
async fn a_look_at_a_session_is_no_use_of_it() {
    let world = World::new().await;
    let (token, session) = world.alice_session().await;
    let end = session.idle_expires_at();
    world.clock.advance(end.duration_since(world.now()).unwrap() - MINUTE);
    let seen = world.auth.peek_session(&token, world.now()).await.unwrap().unwrap();
    assert_eq!(seen.idle_expires_at(), end);
    world.clock.advance(MINUTE);
    assert!(world.auth.peek_session(&token, world.now()).await.unwrap().is_none());
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
    assert_eq!(at("/public/..;/admin/", later), step_up, "never public");
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
    let Completed::Opened { token, session: stepped_up, .. } = world.complete(&login).await else {
        panic!("not opened")
    };
    assert!(!world.is_open(&old).await, "the id is rotated");
    assert!(world.is_open(&token).await);
    assert_eq!(admin(&stepped_up), Decision::Allowed);
    assert_eq!(stepped_up.expires_at(), session.expires_at());
    assert_eq!(stepped_up.auth_time(), world.now());
}

#[tokio::test]
async fn a_session_that_was_logged_out_cannot_be_stepped_up() {
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
