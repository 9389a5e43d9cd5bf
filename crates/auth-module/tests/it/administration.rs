//! What administrators do to users, and what it ends.

use std::collections::BTreeSet;

use auth_module::{GroupChange, LoginName, UserChanged};
use otp_core::PhoneNumber;

use crate::common::{ALICE_PASSWORD, World};

fn alice() -> LoginName {
    LoginName::parse("alice").unwrap()
}

fn groups(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

impl World {
    fn last_fields(&self) -> (&'static str, Option<String>, Vec<(&'static str, String)>) {
        let record = self.audit.records().pop().unwrap();
        (record.event, record.actor, record.fields)
    }
}

#[tokio::test]
async fn losing_a_group_ends_sessions_and_gaining_one_does_not() {
    let world = World::new().await;
    let (token, _) = world.alice_session().await;
    let gain = GroupChange::Add(groups(&["staff"]));
    let done = world.auth.change_groups(&alice(), gain, "root", world.now()).await.unwrap();
    assert_eq!(done, UserChanged::Done);
    assert_eq!(world.user("alice").await.groups, groups(&["admins", "staff"]));
    assert!(world.is_open(&token).await);
    let (event, actor, fields) = world.last_fields();
    assert_eq!((event, actor.as_deref()), ("user.groups_set", Some("root")));
    assert_eq!(fields[0], ("before", "admins".to_owned()));
    assert_eq!(fields[1], ("after", "admins staff".to_owned()));

    let lose = GroupChange::Set(groups(&["staff", "night"]));
    world.auth.change_groups(&alice(), lose, "root", world.now()).await.unwrap();
    assert!(!world.is_open(&token).await, "a former member has a page open");
    assert_eq!(world.user("alice").await.groups, groups(&["night", "staff"]));
    let stranger = LoginName::parse("nobody").unwrap();
    let change = GroupChange::Add(groups(&["x"]));
    let done = world.auth.change_groups(&stranger, change, "root", world.now()).await.unwrap();
    assert_eq!(done, UserChanged::NotFound);
}

#[tokio::test]
async fn the_trail_has_the_number_before_and_after_as_tags() {
    let world = World::new().await;
    let number = PhoneNumber::from_japanese("080-1111-2222").unwrap();
    world.auth.set_phone_number(&alice(), Some(number), "root", world.now()).await.unwrap();
    let (_, _, fields) = world.last_fields();
    let [(_, before), (_, after), ..] = &fields[..] else { panic!("{fields:?}") };
    assert!(before.ends_with("…5678") && after.ends_with("…2222"), "{fields:?}");
    assert!(!format!("{fields:?}").contains("0801111"), "{fields:?}");
    world.auth.set_phone_number(&alice(), None, "root", world.now()).await.unwrap();
    assert_eq!(world.last_fields().2[1], ("phone_number", "none".to_owned()));
}

#[tokio::test]
async fn the_next_owner_of_a_name_inherits_nothing() {
    let world = World::new().await;
    let (token, session) = world.alice_session().await;
    let (pending, _) = world.alice_pending("/").await;
    let id = session.user().id.clone();
    let done = world.auth.remove_user(&alice(), "root", world.now()).await.unwrap();
    assert_eq!(done, UserChanged::Done);
    assert!(!world.is_open(&token).await);
    assert!(world.auth.load_pending(&pending, world.now()).await.unwrap().is_none());
    let (event, actor, _) = world.last_fields();
    assert_eq!((event, actor.as_deref()), ("user.removed", Some("root")));
    assert!(world.audit.records().iter().any(|r| r.user_id.as_ref() == Some(&id)), "the trail");
    let done = world.auth.remove_user(&alice(), "root", world.now()).await.unwrap();
    assert_eq!(done, UserChanged::NotFound);

    let next = world.add("alice", Some("another long secret"), None, &[]).await;
    assert_ne!(next.id, id);
    assert!(next.groups.is_empty() && next.last_login_at.is_none());
    assert!(!world.is_open(&token).await);
    let refused = world.try_password("alice", ALICE_PASSWORD).await;
    assert!(!matches!(refused, auth_module::PasswordOutcome::Verified(_)));
    let sessions = world.auth.sessions_of(&next.id, world.now(), 10).await.unwrap();
    assert!(sessions.is_empty());
}

#[tokio::test]
async fn the_counters_of_a_removed_user_stay_with_its_id() {
    let world = World::new().await;
    for _ in 0..10 {
        world.try_password("alice", "wrong password").await;
    }
    let throttled = world.try_password("alice", ALICE_PASSWORD).await;
    assert!(matches!(throttled, auth_module::PasswordOutcome::Throttled { .. }), "{throttled:?}");
    world.auth.remove_user(&alice(), "root", world.now()).await.unwrap();
    world.add("alice", Some("another long secret"), None, &[]).await;
    let _ = world.verified("alice", "another long secret").await;
}
