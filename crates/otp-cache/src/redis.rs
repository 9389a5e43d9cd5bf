//! The backend for several machines: Redis or Valkey, standalone, behind Sentinel, or a cluster.
//!
//! Every change is one Lua script over one key; a read is a `GET`. A charge or refund of several keys runs one
//! script per key. A script is called by its digest, and sent as a whole if the server does not know it. It
//! decides and writes, then returns its decision and the record as it was before. The pure rules of
//! [`otp_core`] then decide again on that record. If the decisions differ, the call fails as
//! [`Corrupt`](StoreErrorKind::Corrupt).
//!
//! Calls share one connection and are pipelined on it. A broken or silent connection is discarded, and the
//! next call makes a new one. Every wait has a timeout (see [`RedisConfig::with_timeout`]). A script whose
//! reply was lost is never sent again.
//!
//! # Layout, version 1
//!
//! | key | value |
//! |---|---|
//! | `otp:{`32 hex digits of the [`SubjectKey`]`}:s` | the bytes of [`SubjectRecord::to_bytes`], which carry a version |
//! | `otp:{`32 hex digits of the [`QuotaKey`]`}:q` | the microseconds of its [`Tat`], decimal |
//! | `otp:{`32 hex digits of the [`NoteKey`](crate::NoteKey)`}:n` | the bytes of [`DeliveryNote::to_bytes`](crate::DeliveryNote::to_bytes) |
//!
//! The braces give each subject one hash slot. A key without failures expires an hour or more after its last
//! challenge. A key with failures does not expire, because failures count until a success. A record that the
//! rules cannot read is refused before anything in it is changed. The store keeps no code, name or phone
//! number.
//!
//! # Server settings
//!
//! Set `maxmemory-policy noeviction` and `appendonly yes`. [`connect`](RedisStore::connect) checks every primary
//! and refuses one that would lose counters, by eviction or at a restart. Replicas are not checked. Give them
//! the same settings, because each may become the primary.
//!
//! The user needs `+get +set +del +eval +evalsha +wait +info +hello +ping` on `~otp:*`, and in a cluster also
//! `+cluster|slots +asking`. The user of the Sentinels needs `+hello +role +sentinel|masters`.
//!
//! # What a restart can lose
//!
//! With `appendfsync everysec`, the default of Redis, a killed and restarted server has usually lost nothing.
//! If its disk was slow, it has lost up to two seconds of writes. A power cut loses up to two seconds of
//! writes. With `always`, neither loses anything.
//!
//! This also holds for a primary with replicas. If it restarts before a failover begins (Sentinel's
//! `down-after-milliseconds`, a cluster's `cluster-node-timeout`), it stays the primary. Its replicas then copy
//! its data, whatever they had acknowledged.
//!
//! # What a failover can lose
//!
//! Redis replicates after it has replied. With [replica acknowledgements](RedisConfig::with_replica_acks) of
//! one or more, the default for Sentinel and Cluster, a call returns only after that many replicas hold its
//! write. If one of those is promoted, nothing acknowledged is lost. The servers choose which replica is
//! promoted: Sentinel by `replica-priority` first and then by lag, a cluster mostly by lag. With as many
//! acknowledgements as replicas, every choice is safe.
//!
//! With `0`, or if a replica is promoted that lags behind the one that acknowledged, the writes that it has
//! not received are lost: attempts, failures, locks, blocks, resends, revocations, successes, quota charges.
//! The old and the new primary each enforce the limits. So a failover grants each limit at most once more. By
//! default that is 5 attempts at a challenge, 10 attempts of a subject, and the burst of a quota. A consumed
//! code can succeed a second time within its lifetime. The block comes later by the number of lost failures.
//!
//! With acknowledgements, a primary without replicas is unusable: every call fails as
//! [`Unavailable`](StoreErrorKind::Unavailable). After a failover, a primary that had one replica has none
//! until the old primary returns as its replica. With two replicas per primary there is no such pause.

mod cluster;
mod config;
mod direct;
mod link;
mod notes;
mod prelude;
mod pubsub;
mod scripts;
mod setup;
mod subscriber;

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use futures_util::future::join_all;
use otp_core::{
    Attempt, AttemptRefused, Challenge, ChallengeId, ConsumeRefused, Consumed, DeliveryStatus,
    NewChallenge, OpenRefused, Policy, ResendPermit, ResendRefused, SubjectKey, SubjectRecord,
    Verified,
    gcra::{self, Tat},
    layout,
};

pub use secrecy;

pub use self::{config::RedisConfig, pubsub::RedisNotifier};
use self::{
    link::Link,
    prelude::status,
    scripts::{Acks, Scripts, run, to_store_error, unexpected_reply},
};
use crate::{
    ChallengeStore, Charge, Charged, ConsumeFailed, Quota, QuotaKey, QuotaRefused, StoreError,
    StoreErrorKind, SubjectStatus, charging::Together,
};

/// Keeps challenges, counters, quotas and delivery notes in Redis or Valkey.
///
/// ```no_run
/// # async fn connect() -> Result<(), otp_cache::StoreError> {
/// use otp_cache::redis::{RedisConfig, RedisStore};
///
/// let store = RedisStore::connect(RedisConfig::standalone("redis://127.0.0.1:6379")).await?;
/// # Ok(())
/// # }
/// ```
pub struct RedisStore {
    link: Link,
    scripts: Scripts,
    acks: Option<Acks>,
    prefix: String,
    config: RedisConfig,
}

impl RedisStore {
    /// Connects, and checks that the servers do not lose data by their settings.
    ///
    /// # Errors
    ///
    /// [`Misconfigured`](StoreErrorKind::Misconfigured) if an address is invalid, or a server refuses the login,
    /// may evict keys or keeps no append-only file. [`Unavailable`](StoreErrorKind::Unavailable) if no server
    /// can be reached. In a cluster, every primary must reply.
    pub async fn connect(config: RedisConfig) -> Result<Self, StoreError> {
        let link = Link::new(&config).map_err(to_store_error)?;
        let acks =
            (config.replica_acks > 0).then(|| Acks::within(config.replica_acks, config.timeout));
        let store =
            Self { link, scripts: Scripts::new(), acks, prefix: config.key_prefix.clone(), config };
        setup::check(&store.link, &store.config).await?;
        Ok(store)
    }

    fn subject_key(&self, subject: SubjectKey) -> Vec<u8> {
        format!("{}:{{{subject}}}:s", self.prefix).into_bytes()
    }

    fn quota_key(&self, key: QuotaKey) -> Vec<u8> {
        format!("{}:{{{key}}}:q", self.prefix).into_bytes()
    }

    /// Runs the script on the subject's key, then the pure rule on the record that the script found.
    ///
    /// `status_of` maps the rule's outcome to the status byte that the script must return.
    async fn decide<T>(
        &self,
        script: &scripts::Script,
        subject: SubjectKey,
        args: &[&[u8]],
        rule: impl FnOnce(&mut SubjectRecord) -> T,
        status_of: impl FnOnce(&T) -> u8,
    ) -> Result<T, StoreError> {
        let (returned, mut record) = self.run(script, subject, args).await?;
        let outcome = rule(&mut record);
        if status_of(&outcome) == returned { Ok(outcome) } else { Err(unexpected_reply()) }
    }

    /// Runs the script on the subject's key. Returns its status, and the record that it found.
    async fn run(
        &self,
        script: &scripts::Script,
        subject: SubjectKey,
        args: &[&[u8]],
    ) -> Result<(u8, SubjectRecord), StoreError> {
        let key = self.subject_key(subject);
        let reply = run(&self.link, script, &key, args, self.acks).await?;
        let (returned, stored) = reply.split_first().ok_or_else(unexpected_reply)?;
        Ok((*returned, read_record(stored)?))
    }

    /// Returns the subject's record. A read waits for no replica.
    async fn fetch(&self, subject: SubjectKey) -> Result<SubjectRecord, StoreError> {
        let key = self.subject_key(subject);
        match scripts::get(&self.link, &key).await? {
            Some(stored) => read_record(&stored),
            None => Ok(SubjectRecord::new()),
        }
    }

    async fn charge_one(
        &self,
        charge: &Charge,
        now: SystemTime,
    ) -> Result<gcra::Decision, StoreError> {
        let args = [
            micros(now).to_string(),
            charge.rate.interval_micros().to_string(),
            charge.rate.burst().to_string(),
            charge.events.to_string(),
        ];
        let args = args.each_ref().map(String::as_bytes);
        let key = self.quota_key(charge.key);
        let reply = run(&self.link, &self.scripts.charge, &key, &args, self.acks).await?;
        let (returned, stored) = reply.split_first().ok_or_else(unexpected_reply)?;
        if *returned == status::CORRUPT {
            return Err(unreadable_tat());
        }
        let outcome = gcra::charge(read_tat(stored)?, &charge.rate, charge.events, now);
        let expected = match &outcome {
            gcra::Decision::Granted(_) => status::OK,
            gcra::Decision::Refused { .. } => status::RATE_EXCEEDED,
            gcra::Decision::TooLarge => status::TOO_LARGE,
        };
        if expected == *returned { Ok(outcome) } else { Err(unexpected_reply()) }
    }

    async fn refund_one(
        &self,
        key: QuotaKey,
        span: Duration,
        now: SystemTime,
    ) -> Result<(), StoreError> {
        let args = [micros(now).to_string(), span.as_micros().to_string()];
        let args = args.each_ref().map(String::as_bytes);
        let key = self.quota_key(key);
        match run(&self.link, &self.scripts.refund, &key, &args, self.acks).await?.first() {
            Some(&(status::OK | status::UNCHANGED)) => Ok(()),
            Some(&status::CORRUPT) => Err(unreadable_tat()),
            _ => Err(unexpected_reply()),
        }
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore").field("config", &self.config).finish_non_exhaustive()
    }
}

fn read_record(stored: &[u8]) -> Result<SubjectRecord, StoreError> {
    if stored.is_empty() {
        return Ok(SubjectRecord::new());
    }
    SubjectRecord::from_bytes(stored).map_err(|source| {
        StoreError::new(StoreErrorKind::Corrupt, "a stored subject cannot be read")
            .with_source(source)
    })
}

fn read_tat(stored: &[u8]) -> Result<Tat, StoreError> {
    if stored.is_empty() {
        return Ok(Tat::default());
    }
    let number = std::str::from_utf8(stored).ok().and_then(|text| text.parse().ok());
    number.map(Tat::from_micros).ok_or_else(unreadable_tat)
}

fn unreadable_tat() -> StoreError {
    StoreError::new(StoreErrorKind::Corrupt, "a stored quota cannot be read")
}

fn since_epoch(at: SystemTime) -> Duration {
    at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

/// Returns the instant as the rules count it: whole milliseconds, up to the end of the year 9999.
fn millis(at: SystemTime) -> String {
    since_epoch(at).as_millis().min(layout::LAST_MILLIS.into()).to_string()
}

fn micros(at: SystemTime) -> u64 {
    u64::try_from(since_epoch(at).as_micros()).unwrap_or(u64::MAX)
}

fn spans(spans: &[Duration]) -> String {
    let millis: Vec<String> = spans.iter().map(|span| span.as_millis().to_string()).collect();
    millis.join(",")
}

#[async_trait]
impl ChallengeStore for RedisStore {
    async fn open(
        &self,
        subject: SubjectKey,
        new: NewChallenge,
        policy: &Policy,
        now: SystemTime,
    ) -> Result<Result<Challenge, OpenRefused>, StoreError> {
        // The script stores the challenge as bytes. Encode a record with this challenge alone: its bytes after
        // the header are those of the challenge.
        let mut alone = SubjectRecord::new();
        let _ = alone.open(new, policy, now);
        let packed = alone.to_bytes();
        let args = [millis(now), policy.max_consecutive_failures().to_string()];
        let [now_arg, max_failures] = args.each_ref().map(String::as_bytes);
        let challenge = packed.get(layout::HEADER_LEN..).unwrap_or_default();
        self.decide(
            &self.scripts.open,
            subject,
            &[now_arg, max_failures, challenge],
            |record| record.open(new, policy, now),
            |outcome| match outcome {
                Ok(_) => status::OK,
                Err(OpenRefused::Blocked) => status::BLOCKED,
                Err(OpenRefused::DuplicateId) => status::DUPLICATE_ID,
                Err(OpenRefused::Locked { .. }) => status::LOCKED,
                Err(OpenRefused::TooManyOpen { .. }) => status::TOO_MANY_OPEN,
            },
        )
        .await
    }

    async fn load(
        &self,
        subject: SubjectKey,
        id: ChallengeId,
        now: SystemTime,
    ) -> Result<Option<Challenge>, StoreError> {
        Ok(self.fetch(subject).await?.challenge(id, now).cloned())
    }

    async fn begin_attempt(
        &self,
        subject: SubjectKey,
        id: ChallengeId,
        policy: &Policy,
        now: SystemTime,
    ) -> Result<Result<Attempt, AttemptRefused>, StoreError> {
        let args = [
            millis(now),
            policy.max_consecutive_failures().to_string(),
            policy.attempts_per_challenge().to_string(),
            policy.attempts_per_subject().to_string(),
            policy.quiet_period().as_millis().to_string(),
            spans(policy.locks()),
        ];
        let [at, max_failures, of_challenge, of_subject, quiet, locks] =
            args.each_ref().map(String::as_bytes);
        self.decide(
            &self.scripts.begin_attempt,
            subject,
            &[at, max_failures, id.as_bytes(), of_challenge, of_subject, quiet, locks],
            |record| record.begin_attempt(subject, id, policy, now),
            |outcome| match outcome {
                Ok(_) => status::OK,
                Err(AttemptRefused::AttemptsExhausted) => status::ATTEMPTS_EXHAUSTED,
                Err(AttemptRefused::Blocked) => status::BLOCKED,
                Err(AttemptRefused::Expired) => status::EXPIRED,
                Err(AttemptRefused::Locked { .. }) => status::LOCKED,
                Err(AttemptRefused::NotFound) => status::NOT_FOUND,
            },
        )
        .await
    }

    async fn consume(
        &self,
        verified: Verified,
        now: SystemTime,
    ) -> Result<Result<Consumed, ConsumeRefused>, ConsumeFailed> {
        let (id, at) = (verified.challenge_id(), millis(now));
        let args = [at.as_bytes(), id.as_bytes()];
        let found = self.run(&self.scripts.consume, verified.subject(), &args).await;
        let (returned, mut record) = match found {
            Ok(found) => found,
            Err(error) => return Err(ConsumeFailed::new(error, verified)),
        };
        let outcome = record.consume(verified, now).map_err(|not_consumed| not_consumed.refused);
        let expected = match &outcome {
            Ok(_) => status::OK,
            Err(ConsumeRefused::Expired) => status::EXPIRED,
            Err(ConsumeRefused::NotFound) => status::NOT_FOUND,
        };
        if expected == returned { Ok(outcome) } else { Err(unexpected_reply().into()) }
    }

    async fn grant_resend(
        &self,
        subject: SubjectKey,
        id: ChallengeId,
        policy: &Policy,
        now: SystemTime,
    ) -> Result<Result<ResendPermit, ResendRefused>, StoreError> {
        let args = [
            millis(now),
            policy.max_consecutive_failures().to_string(),
            policy.attempts_per_challenge().to_string(),
            policy.resends_per_challenge().to_string(),
            spans(policy.resend_cooldowns()),
        ];
        let [at, max_failures, attempts, resends, cooldowns] =
            args.each_ref().map(String::as_bytes);
        self.decide(
            &self.scripts.grant_resend,
            subject,
            &[at, max_failures, id.as_bytes(), attempts, resends, cooldowns],
            |record| record.grant_resend(id, policy, now),
            |outcome| match outcome {
                Ok(_) => status::OK,
                Err(ResendRefused::AttemptsExhausted) => status::ATTEMPTS_EXHAUSTED,
                Err(ResendRefused::Blocked) => status::BLOCKED,
                Err(ResendRefused::Exhausted) => status::RESENDS_EXHAUSTED,
                Err(ResendRefused::Expired) => status::EXPIRED,
                Err(ResendRefused::Locked { .. }) => status::LOCKED,
                Err(ResendRefused::NotFound) => status::NOT_FOUND,
                Err(ResendRefused::TooEarly { .. }) => status::TOO_EARLY,
            },
        )
        .await
    }

    async fn record_delivery(
        &self,
        subject: SubjectKey,
        id: ChallengeId,
        delivery: DeliveryStatus,
        policy: &Policy,
        now: SystemTime,
    ) -> Result<(), StoreError> {
        let args = [
            millis(now),
            delivery.as_u8().to_string(),
            policy.undelivered_cooldown().as_millis().to_string(),
        ];
        let [at, delivered, cooldown] = args.each_ref().map(String::as_bytes);
        self.decide(
            &self.scripts.record_delivery,
            subject,
            &[at, id.as_bytes(), delivered, cooldown],
            |record| record.record_delivery(id, delivery, policy, now),
            |is_changed| changed(*is_changed),
        )
        .await
        .map(drop)
    }

    async fn revoke(&self, subject: SubjectKey, id: ChallengeId) -> Result<(), StoreError> {
        let args: [&[u8]; 1] = [id.as_bytes()];
        let script = &self.scripts.revoke;
        let rule = |record: &mut SubjectRecord| record.revoke(id);
        self.decide(script, subject, &args, rule, |is_changed| changed(*is_changed)).await.map(drop)
    }

    async fn subject_status(
        &self,
        subject: SubjectKey,
        policy: &Policy,
        now: SystemTime,
    ) -> Result<SubjectStatus, StoreError> {
        Ok(SubjectStatus::of(&self.fetch(subject).await?, policy, now))
    }

    async fn unlock(&self, subject: SubjectKey) -> Result<(), StoreError> {
        let rule = |record: &mut SubjectRecord| {
            let is_there = !record.is_empty();
            record.unlock();
            is_there
        };
        let script = &self.scripts.unlock;
        self.decide(script, subject, &[], rule, |is_changed| changed(*is_changed)).await.map(drop)
    }
}

/// Returns the status of a rule that says only whether it changed something.
const fn changed(is_changed: bool) -> u8 {
    if is_changed { status::OK } else { status::UNCHANGED }
}

#[async_trait]
impl Quota for RedisStore {
    async fn charge(
        &self,
        charges: &[Charge],
        now: SystemTime,
    ) -> Result<Result<Charged, QuotaRefused>, StoreError> {
        let calls = charges.iter().map(|charge| self.charge_one(charge, now));
        let (mut together, mut failure) = (Together::of(charges.len()), None);
        for (charge, answer) in charges.iter().zip(join_all(calls).await) {
            match answer {
                Ok(outcome) => together.add(charge, outcome),
                Err(error) => failure = Some(error),
            }
        }
        let (taken, refused) = together.into_parts();
        if failure.is_none() && refused.is_none() {
            return Ok(Ok(taken));
        }
        // One script per key: in a cluster the keys are in different slots. So a refusal is undone here instead
        // of being atomic. If the refund fails too, something stays charged until it has refilled.
        let _ = self.refund(&taken, now).await;
        match (failure, refused) {
            (None, Some(refused)) => Ok(Err(refused)),
            (failure, _) => Err(failure.unwrap_or_else(unexpected_reply)),
        }
    }

    async fn refund(&self, charged: &Charged, now: SystemTime) -> Result<(), StoreError> {
        let refunds = charged.refunds(now).map(|(key, span)| self.refund_one(key, span, now));
        join_all(refunds).await.into_iter().collect()
    }
}
