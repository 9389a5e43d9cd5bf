//! What an attempt costs that a limit refuses, in calls of the stores.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::SystemTime,
};

use async_trait::async_trait;
use auth_module::{
    AuthError, AuthParts, LoginName, MemoryUsers, PasswordOutcome, User, UserId, Users,
};
use otp_cache::{
    ChallengeStore, Charge, Charged, ConsumeFailed, Quota, QuotaRefused, StoreError, SubjectStatus,
    memory::MemoryStore,
};
use otp_core::{
    Attempt, AttemptRefused, Challenge, ChallengeId, ConsumeRefused, Consumed, DeliveryStatus,
    NewChallenge, OpenRefused, Policy, ResendPermit, ResendRefused, SubjectKey, Verified,
};

use crate::{
    common::{ALICE_PASSWORD, World, client_at},
    passwords::{is_rejected, is_verified},
};

/// Calls of the stores since the last [`taken`](Counts::taken).
#[derive(Debug, Default)]
struct Counts {
    look_ups: AtomicU32,
    checks: AtomicU32,
    charges: AtomicU32,
    refunds: AtomicU32,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Calls {
    look_ups: u32,
    /// Charges without events, which write nothing.
    checks: u32,
    charges: u32,
    refunds: u32,
}

impl Counts {
    fn taken(&self) -> Calls {
        let take = |count: &AtomicU32| count.swap(0, Ordering::SeqCst);
        Calls {
            look_ups: take(&self.look_ups),
            checks: take(&self.checks),
            charges: take(&self.charges),
            refunds: take(&self.refunds),
        }
    }
}

fn count(count: &AtomicU32) {
    count.fetch_add(1, Ordering::SeqCst);
}

#[derive(Debug)]
struct CountedUsers(MemoryUsers, Arc<Counts>);

#[async_trait]
impl Users for CountedUsers {
    async fn find_by_name(&self, name: &LoginName) -> Result<Option<User>, AuthError> {
        count(&self.1.look_ups);
        self.0.find_by_name(name).await
    }

    async fn find_by_id(&self, id: &UserId) -> Result<Option<User>, AuthError> {
        self.0.find_by_id(id).await
    }

    async fn list(&self, after: Option<&LoginName>, limit: usize) -> Result<Vec<User>, AuthError> {
        self.0.list(after, limit).await
    }

    async fn search(
        &self,
        text: &str,
        after: Option<&LoginName>,
        limit: usize,
    ) -> Result<Vec<User>, AuthError> {
        self.0.search(text, after, limit).await
    }
}

#[derive(Debug)]
struct CountedStore(Arc<MemoryStore>, Arc<Counts>);

#[async_trait]
impl Quota for CountedStore {
    async fn charge(
        &self,
        charges: &[Charge],
        now: SystemTime,
    ) -> Result<Result<Charged, QuotaRefused>, StoreError> {
        let is_check = charges.iter().all(|charge| charge.events == 0);
        count(if is_check { &self.1.checks } else { &self.1.charges });
        self.0.charge(charges, now).await
    }

    async fn refund(&self, charged: &Charged, now: SystemTime) -> Result<(), StoreError> {
        count(&self.1.refunds);
        self.0.refund(charged, now).await
    }
}

#[async_trait]
impl ChallengeStore for CountedStore {
    async fn open(
        &self,
        subject: SubjectKey,
        new: NewChallenge,
        policy: &Policy,
        now: SystemTime,
    ) -> Result<Result<Challenge, OpenRefused>, StoreError> {
        self.0.open(subject, new, policy, now).await
    }

    async fn load(
        &self,
        subject: SubjectKey,
        id: ChallengeId,
        now: SystemTime,
    ) -> Result<Option<Challenge>, StoreError> {
        self.0.load(subject, id, now).await
    }

    async fn begin_attempt(
        &self,
        subject: SubjectKey,
        id: ChallengeId,
        policy: &Policy,
        now: SystemTime,
    ) -> Result<Result<Attempt, AttemptRefused>, StoreError> {
        self.0.begin_attempt(subject, id, policy, now).await
    }

    async fn consume(
        &self,
        verified: Verified,
        now: SystemTime,
    ) -> Result<Result<Consumed, ConsumeRefused>, ConsumeFailed> {
        self.0.consume(verified, now).await
    }

    async fn grant_resend(
        &self,
        subject: SubjectKey,
        id: ChallengeId,
        policy: &Policy,
        now: SystemTime,
    ) -> Result<Result<ResendPermit, ResendRefused>, StoreError> {
        self.0.grant_resend(subject, id, policy, now).await
    }

    async fn record_delivery(
        &self,
        subject: SubjectKey,
        id: ChallengeId,
        delivery: DeliveryStatus,
        policy: &Policy,
        now: SystemTime,
    ) -> Result<(), StoreError> {
        self.0.record_delivery(subject, id, delivery, policy, now).await
    }

    async fn revoke(&self, subject: SubjectKey, id: ChallengeId) -> Result<(), StoreError> {
        self.0.revoke(subject, id).await
    }

    async fn subject_status(
        &self,
        subject: SubjectKey,
        policy: &Policy,
        now: SystemTime,
    ) -> Result<SubjectStatus, StoreError> {
        self.0.subject_status(subject, policy, now).await
    }

    async fn unlock(&self, subject: SubjectKey) -> Result<(), StoreError> {
        self.0.unlock(subject).await
    }
}

async fn counted() -> (World, Arc<Counts>) {
    let (mut world, counts) = (World::new().await, Arc::new(Counts::default()));
    let users = Arc::new(CountedUsers(world.users.clone(), Arc::clone(&counts)));
    let otp_cache = Arc::new(CountedStore(Arc::clone(&world.otp_cache), Arc::clone(&counts)));
    world.auth = Arc::new(world.module_with(|parts| AuthParts { users, otp_cache, ..parts }));
    (world, counts)
}

/// Uses up the attempts of an address.
async fn use_up(world: &World, address: [u8; 4]) {
    for n in 0..120 {
        let (name, client) = (format!("user{n}"), client_at(address));
        let outcome = world.try_password_from(&name, "wrong password", &client).await;
        assert!(is_rejected(&outcome), "{n}");
    }
}

#[tokio::test]
async fn an_attempt_from_an_address_at_its_limit_looks_no_user_up_and_writes_nothing() {
    let (world, counts) = counted().await;
    let here = [198, 51, 100, 7];
    use_up(&world, here).await;
    counts.taken();
    for name in ["alice", "nobody", "no name!"] {
        let outcome = world.try_password_from(name, ALICE_PASSWORD, &client_at(here)).await;
        assert!(matches!(outcome, PasswordOutcome::Throttled { .. }), "{outcome:?}");
        let expected = Calls { checks: 1, charges: 1, ..Calls::default() };
        assert_eq!(counts.taken(), expected, "{name}: the charge is refused");
    }
    let record = world.audit.records().pop().unwrap();
    assert_eq!(record.fields, [("limit", "address".to_owned())]);
    assert_eq!(record.user_id, None);
}

#[tokio::test]
async fn the_check_before_the_look_up_charges_nothing() {
    let (world, _) = counted().await;
    let here = client_at([198, 51, 100, 7]);
    for n in 0..300 {
        let outcome = world.try_password_from("alice", ALICE_PASSWORD, &here).await;
        let is_throttled = matches!(outcome, PasswordOutcome::Throttled { .. });
        assert_eq!(is_throttled, n >= 100, "{n}: only right passwords count");
    }
    use_up(&world, [198, 51, 100, 7]).await;
}

/// A known browser does not share the limits of its address.
#[tokio::test]
async fn a_known_browser_gets_past_the_limits_of_its_address() {
    let (world, counts) = counted().await;
    let cookie = world.known_browser("alice").await;
    let here = [198, 51, 100, 7];
    use_up(&world, here).await;
    counts.taken();
    let client = client_at(here);
    let outcome = world.try_password_in("alice", ALICE_PASSWORD, &client, Some(&cookie)).await;
    assert!(is_verified(&outcome), "{outcome:?}");
    assert_eq!(counts.taken().look_ups, 1);
    let forged = world.try_password_in("alice", ALICE_PASSWORD, &client, Some("forged")).await;
    assert!(matches!(forged, PasswordOutcome::Throttled { .. }), "{forged:?}");
}
