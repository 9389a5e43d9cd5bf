//! Repeated requests do not make the audit trail grow with each of them, and no count is lost.

use std::{net::IpAddr, time::Duration};

use auth_module::AuditRecord;
use mfa_plugin_api::{AuditEvent, AuditSink as _, ClientFacts};

use crate::common::{MINUTE, World, client};

/// The records of `event` and the sum of what was only counted.
fn told(world: &World, event: &str) -> (usize, u64) {
    let records = world.audit.records();
    let (counts, single): (Vec<&AuditRecord>, Vec<_>) = records
        .iter()
        .filter(|record| record.event == event)
        .partition(|record| record.fields.iter().any(|(name, _)| *name == "repeated"));
    let count = |record: &&AuditRecord| -> u64 {
        let field = record.fields.iter().find(|(name, _)| *name == "repeated");
        field.unwrap().1.parse().unwrap()
    };
    (single.len(), counts.iter().map(count).sum())
}

fn at(address: impl Into<IpAddr>) -> ClientFacts {
    ClientFacts::new(address.into(), "ja")
}

#[tokio::test]
async fn what_a_user_repeats_is_counted_and_told_once() {
    let world = World::new().await;
    let (_, login) = world.alice_pending("/").await;
    let sink = || world.auth.flow_audit(&login, &client(), world.now());
    for _ in 0..10_000 {
        sink().record(AuditEvent::new("otp.locked"));
    }
    assert_eq!(told(&world, "otp.locked"), (5, 0));
    assert_eq!(world.auth.audit_counts().suppressed, 9_995);
    world.clock.advance(10 * MINUTE - Duration::from_millis(1));
    world.auth.sweep(world.now()).await.unwrap();
    assert_eq!(told(&world, "otp.locked"), (5, 0), "the period has not ended");
    world.clock.advance(Duration::from_millis(1));
    world.auth.sweep(world.now()).await.unwrap();
    world.auth.sweep(world.now()).await.unwrap();
    assert_eq!(told(&world, "otp.locked"), (5, 9_995), "told once");
    let record = world.audit.records().pop().unwrap();
    assert_eq!(record.user_id.as_ref(), Some(&login.user().id));
    sink().record(AuditEvent::new("otp.locked"));
    assert_eq!(told(&world, "otp.locked"), (6, 9_995), "a new period");
}

#[tokio::test]
async fn the_next_event_after_the_period_tells_the_count_first() {
    let world = World::new().await;
    for _ in 0..40 {
        world.try_password("alice", "wrong password").await;
    }
    assert_eq!(told(&world, "password.rejected"), (5, 0));
    world.clock.advance(11 * MINUTE);
    world.try_password("alice", "wrong password").await;
    let (single, counted) = told(&world, "password.rejected");
    assert_eq!(single, 6);
    assert_eq!(counted, 5, "ten were evaluated, the others were throttled");
}

#[tokio::test]
async fn the_right_password_in_a_loop_writes_ten_records() {
    let world = World::new().await;
    let before = world.audit.records().len();
    for _ in 0..100 {
        world.alice_pending("/").await;
    }
    assert_eq!(world.audit.records().len() - before, 10, "five of each of two events");
}

/// The bound of docs/audit.md, by requests that need no password.
#[tokio::test]
async fn ten_thousand_hostile_requests_write_few_records() {
    let world = World::new().await;
    let before = world.audit.records().len();
    let network = 0x2001_0db8_0001_u128 << 80;
    for n in 0..10_000_u32 {
        // Each from a /64 of its own, within one /48, about a name of its own.
        let from = at(std::net::Ipv6Addr::from(network | (u128::from(n) << 64)));
        world.try_password_from(&format!("nobody{n}"), "", &from).await;
    }
    let written = world.audit.records().len() - before;
    assert!(written <= 2 * 60, "{written} records by one /48: 60 of each of two events");
    world.auth.finish_audit().await.unwrap();
    let written = world.audit.records().len() - before;
    assert!(written <= 2 * 61, "{written} records with the counts");
    assert_eq!(told(&world, "password.rejected"), (60, 540), "600 were evaluated");
    assert_eq!(told(&world, "password.throttled"), (60, 9_340));
}

#[tokio::test]
async fn many_networks_together_have_a_bound_too() {
    let world = World::new().await;
    for n in 0..2_000_u32 {
        let from = at(std::net::Ipv4Addr::from(0x0a00_0000 | (n << 8)));
        world.try_password_from(&format!("nobody{n}"), "", &from).await;
    }
    world.auth.finish_audit().await.unwrap();
    assert_eq!(told(&world, "password.rejected"), (600, 1_400));
}

#[tokio::test]
async fn logins_and_administrators_are_always_recorded() {
    let world = World::new().await;
    for _ in 0..20 {
        world.alice_session().await;
        world
            .auth
            .unlock(&world.user("alice").await.login_name, "root", world.now())
            .await
            .unwrap();
    }
    for event in ["session.opened", "user.unlocked"] {
        assert_eq!(told(&world, event), (20, 0), "{event}");
    }
}

#[tokio::test]
async fn a_disk_that_is_nearly_full_is_kept_for_logins() {
    let world = World::new().await;
    world.auth.save_audit_space(true);
    world.try_password("alice", "wrong password").await;
    world.alice_session().await;
    assert_eq!(told(&world, "password.rejected"), (0, 0));
    assert_eq!(told(&world, "session.opened"), (1, 0));
    world.auth.save_audit_space(false);
    world.try_password("alice", "wrong password").await;
    world.auth.finish_audit().await.unwrap();
    assert_eq!(told(&world, "password.rejected"), (1, 1), "nothing is lost");
}

#[tokio::test]
async fn a_clock_that_was_set_back_opens_a_new_period() {
    let world = World::new().await;
    let (_, login) = world.alice_pending("/").await;
    let record = |at| {
        let sink = world.auth.flow_audit(&login, &client(), at);
        sink.record(AuditEvent::new("otp.locked"));
    };
    let later = world.now() + 60 * 24 * MINUTE;
    for _ in 0..8 {
        record(later);
    }
    record(world.now());
    assert_eq!(told(&world, "otp.locked"), (6, 3));
}
