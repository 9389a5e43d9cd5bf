//! A store in PostgreSQL: [`ChallengeStore`] and [`Quota`] over one pool of connections.
//!
//! A call that may write is one transaction. It locks its keys first, also keys that have no row yet. The pure rules of
//! otp-core and otp-cache decide, with the caller's `now`. The commit comes before the call returns.

use std::{
    collections::HashMap,
    fmt,
    time::{Duration, SystemTime},
};

use deadpool_postgres::{
    Client, Manager, ManagerConfig, Pool, PoolError, RecyclingMethod, Runtime, TimeoutType,
    Transaction,
};
use otp_cache::{
    ChallengeStore, Charge, Charged, ConsumeFailed, Quota, QuotaKey, QuotaRefused, StoreError,
    StoreErrorKind, SubjectStatus, async_trait, charge_all,
    otp_core::{
        Attempt, AttemptRefused, Challenge, ChallengeId, ConsumeRefused, Consumed, DeliveryStatus,
        NewChallenge, OpenRefused, Policy, ResendPermit, ResendRefused, SubjectKey, SubjectRecord,
        Verified,
        gcra::{self, Tat},
    },
};
use tokio_postgres::{
    Config, IsolationLevel, NoTls, Row,
    error::SqlState,
    types::{ToSql, Type},
};

/// Connections of one store. More of them do not help callers that wait for the same subject.
const CONNECTIONS: usize = 16;

/// `sweep_at` is in milliseconds and null for a row that has to stay. `tat` is in microseconds. PostgreSQL runs all
/// statements in one transaction, and the lock keeps two programs that start from creating the tables at once.
const CREATE_TABLES: &str = "
    SELECT pg_advisory_xact_lock(8029473901258764389);
    CREATE TABLE IF NOT EXISTS otp_subject (key bytea PRIMARY KEY, record bytea NOT NULL, sweep_at bigint);
    CREATE INDEX IF NOT EXISTS otp_subject_sweep_at ON otp_subject (sweep_at) WHERE sweep_at IS NOT NULL;
    CREATE TABLE IF NOT EXISTS otp_quota (key bytea PRIMARY KEY, tat bigint NOT NULL);
    CREATE INDEX IF NOT EXISTS otp_quota_tat ON otp_quota (tat)";
/// A role without the right to create tables may use existing ones.
const HAS_TABLES: &str =
    "SELECT to_regclass('otp_subject') IS NOT NULL AND to_regclass('otp_quota') IS NOT NULL";

/// A statement of its own. In one statement with the `SELECT` after it, that would read what was there before the wait.
const LOCK: &str = "SELECT pg_advisory_xact_lock(key) FROM unnest($1) AS key";

const SELECT_SUBJECT: &str = "SELECT record FROM otp_subject WHERE key = $1";
const UPSERT_SUBJECT: &str = "INSERT INTO otp_subject (key, record, sweep_at) VALUES ($1, $2, $3)
    ON CONFLICT (key) DO UPDATE SET record = excluded.record, sweep_at = excluded.sweep_at";
const DELETE_SUBJECT: &str = "DELETE FROM otp_subject WHERE key = $1";

const SELECT_QUOTAS: &str = "SELECT key, tat FROM otp_quota WHERE key = ANY ($1)";
const UPSERT_QUOTAS: &str = "INSERT INTO otp_quota (key, tat) SELECT * FROM unnest($1, $2)
    ON CONFLICT (key) DO UPDATE SET tat = excluded.tat";

/// A sweep comes last in its transaction and skips locked rows, so it waits for nobody. If another call has read a
/// deleted row and changes its record, it writes the whole row again.
const SWEEP_SUBJECTS: &str =
    "DELETE FROM otp_subject WHERE key = ANY (ARRAY(SELECT key FROM otp_subject
    WHERE sweep_at <= $1 ORDER BY sweep_at LIMIT 8 FOR UPDATE SKIP LOCKED))";
const SWEEP_QUOTAS: &str = "DELETE FROM otp_quota WHERE key = ANY (ARRAY(SELECT key FROM otp_quota
    WHERE tat <= $1 ORDER BY tat LIMIT 8 FOR UPDATE SKIP LOCKED))";

/// A parameter of a statement. A statement that knows its types takes one round trip and is not prepared first.
type Parameter<'p> = (&'p (dyn ToSql + Sync), Type);

/// Challenges, counters and quotas in a PostgreSQL database.
///
/// A call takes at most three times the timeout: it waits for a connection of the pool, opens one, and runs its
/// transaction. What is acknowledged survives a crash of the server (`fsync = on`, the default). After a failover to an
/// asynchronous replica, the counters and challenges of the last moments may be missing. With a synchronous one
/// (`synchronous_standby_names`) they are there.
pub(crate) struct PostgresStore {
    pool: Pool,
    timeout: Duration,
}

impl PostgresStore {
    /// Connects, and creates the tables if they are missing.
    ///
    /// `timeout` is the limit of each step of a call, such as 3 seconds.
    ///
    /// # Errors
    ///
    /// As every call.
    pub(crate) async fn connect(config: &Config, timeout: Duration) -> Result<Self, StoreError> {
        let mut config = config.clone();
        // The server ends what nobody waits for any more, so that no lock outlives its caller for long. The wait for
        // a lock ends before `timeout`: then it is certain that nothing was done.
        let options = format!(
            "{} -c synchronous_commit=on -c lock_timeout={} -c statement_timeout={} \
             -c idle_in_transaction_session_timeout={}",
            config.get_options().unwrap_or_default(),
            timeout.as_millis() / 2,
            timeout.as_millis(),
            timeout.as_millis(),
        );
        config.options(options).tcp_user_timeout(timeout);
        // Over a network, pass a TLS connector in the place of `NoTls`.
        let fast = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let pool = Pool::builder(Manager::from_config(config, NoTls, fast))
            .max_size(CONNECTIONS)
            .wait_timeout(Some(timeout))
            .create_timeout(Some(timeout))
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| {
                StoreError::new(StoreErrorKind::Misconfigured, "the pool cannot be built")
                    .with_source(error)
            })?;
        let store = Self { pool, timeout };
        store
            .call(async |client| {
                let row = client.query_one(HAS_TABLES, &[]).await.map_err(failed)?;
                if !row.try_get(0).map_err(failed)? {
                    client.batch_execute(CREATE_TABLES).await.map_err(failed)?;
                }
                Ok(())
            })
            .await?;
        Ok(store)
    }

    /// Returns how long a call takes at most.
    pub(crate) fn longest_call(&self) -> Duration {
        3 * self.timeout
    }

    /// Does `work` on a connection, within the time limits.
    async fn call<T>(
        &self,
        work: impl AsyncFnOnce(&mut Client) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut client = self.pool.get().await.map_err(not_connected)?;
        if let Ok(done) = tokio::time::timeout(self.timeout, work(&mut client)).await {
            return done;
        }
        // The connection is still busy. Nobody else should get it.
        drop(Client::take(client));
        Err(StoreError::new(StoreErrorKind::Unavailable, "PostgreSQL did not respond in time"))
    }

    /// Applies `rule` to the subject's record in one transaction. With an instant, deletes expired rows after adding one.
    async fn with_record<T>(
        &self,
        subject: SubjectKey,
        sweep: Option<SystemTime>,
        rule: impl FnOnce(&mut SubjectRecord) -> T,
    ) -> Result<T, StoreError> {
        self.call(async |client| apply(client, subject, sweep, rule).await).await
    }

    /// Passes the subject's record to `look`. It needs no lock, because one row is read in one statement.
    async fn read<T>(
        &self,
        subject: SubjectKey,
        look: impl FnOnce(&SubjectRecord) -> T,
    ) -> Result<T, StoreError> {
        self.call(async |client| {
            let key = subject.as_bytes().as_slice();
            let row = client.query_typed_opt(SELECT_SUBJECT, &[(&key, Type::BYTEA)]).await;
            Ok(look(&read_record(row.map_err(failed)?.as_ref())?))
        })
        .await
    }

    /// Passes what is stored for the keys to `rule`, and writes the values that it returns, in one transaction.
    async fn with_quotas<T>(
        &self,
        keys: Vec<QuotaKey>,
        now: SystemTime,
        rule: impl FnOnce(&HashMap<QuotaKey, Tat>) -> (Vec<(QuotaKey, Tat)>, T),
    ) -> Result<T, StoreError> {
        self.call(async |client| {
            let transaction = lock(client, keys.iter().map(QuotaKey::as_bytes)).await?;
            let of_keys: Vec<&[u8]> = keys.iter().map(|key| key.as_bytes().as_slice()).collect();
            let rows =
                transaction.query_typed(SELECT_QUOTAS, &[(&of_keys, Type::BYTEA_ARRAY)]).await;
            let rows = rows.map_err(failed)?;
            let stored = rows.iter().map(read_tat).collect::<Result<HashMap<_, _>, _>>()?;
            let (written, done) = rule(&stored);
            if !written.is_empty() {
                let (keys, tats): (Vec<_>, Vec<_>) = written
                    .iter()
                    .map(|(key, tat)| (key.as_bytes().as_slice(), to_i64(tat.as_micros().into())))
                    .unzip();
                let rows: &[Parameter<'_>] =
                    &[(&keys, Type::BYTEA_ARRAY), (&tats, Type::INT8_ARRAY)];
                execute(&transaction, UPSERT_QUOTAS, rows).await?;
            }
            if written.iter().any(|(key, _)| !stored.contains_key(key)) {
                execute(&transaction, SWEEP_QUOTAS, &[(&micros(now), Type::INT8)]).await?;
            }
            transaction.commit().await.map_err(failed)?;
            Ok(done)
        })
        .await
    }
}

/// Locks the subject, reads its record, applies `rule`, writes the record if that changed it, and commits.
async fn apply<T>(
    client: &mut Client,
    subject: SubjectKey,
    sweep: Option<SystemTime>,
    rule: impl FnOnce(&mut SubjectRecord) -> T,
) -> Result<T, StoreError> {
    let transaction = lock(client, [subject.as_bytes()]).await?;
    let key = subject.as_bytes().as_slice();
    let row = transaction.query_typed_opt(SELECT_SUBJECT, &[(&key, Type::BYTEA)]).await;
    let before = read_record(row.map_err(failed)?.as_ref())?;
    let mut record = before.clone();
    let done = rule(&mut record);
    if record.is_empty() && !before.is_empty() {
        execute(&transaction, DELETE_SUBJECT, &[(&key, Type::BYTEA)]).await?;
    } else if record != before {
        let (bytes, sweep_at) = (record.to_bytes(), record.sweep_at().map(millis));
        let row: &[Parameter<'_>] =
            &[(&key, Type::BYTEA), (&bytes, Type::BYTEA), (&sweep_at, Type::INT8)];
        execute(&transaction, UPSERT_SUBJECT, row).await?;
    }
    if let Some(now) = sweep.filter(|_| before.is_empty() && !record.is_empty()) {
        execute(&transaction, SWEEP_SUBJECTS, &[(&millis(now), Type::INT8)]).await?;
    }
    transaction.commit().await.map_err(failed)?;
    Ok(done)
}

/// Begins a transaction and locks the keys until its end.
///
/// The order prevents a deadlock of two calls with the same keys. Keys with the same eight bytes wait for each other,
/// which is harmless. `READ COMMITTED`: each statement after the lock sees what was committed before.
async fn lock<'c>(
    client: &'c mut Client,
    keys: impl IntoIterator<Item = &[u8; 16]>,
) -> Result<Transaction<'c>, StoreError> {
    let eight_bytes =
        |key: &[u8; 16]| key[..8].iter().fold(0, |number, byte| (number << 8) | i64::from(*byte));
    let mut keys: Vec<i64> = keys.into_iter().map(eight_bytes).collect();
    keys.sort_unstable();
    keys.dedup();
    let begin = client.build_transaction().isolation_level(IsolationLevel::ReadCommitted);
    let transaction = begin.start().await.map_err(failed)?;
    execute(&transaction, LOCK, &[(&keys, Type::INT8_ARRAY)]).await?;
    Ok(transaction)
}

async fn execute(
    transaction: &Transaction<'_>,
    statement: &str,
    parameters: &[Parameter<'_>],
) -> Result<(), StoreError> {
    transaction.execute_typed(statement, parameters).await.map(drop).map_err(failed)
}

/// Reads the record of a subject; a new one if there is no row.
fn read_record(row: Option<&Row>) -> Result<SubjectRecord, StoreError> {
    let Some(row) = row else { return Ok(SubjectRecord::new()) };
    SubjectRecord::from_bytes(row.try_get(0).map_err(unreadable)?).map_err(unreadable)
}

fn read_tat(row: &Row) -> Result<(QuotaKey, Tat), StoreError> {
    let (key, tat): (&[u8], i64) =
        (row.try_get(0).map_err(unreadable)?, row.try_get(1).map_err(unreadable)?);
    let key = QuotaKey::from_bytes(key.try_into().map_err(unreadable)?);
    Ok((key, Tat::from_micros(tat.try_into().map_err(unreadable)?)))
}

fn unreadable(error: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    StoreError::new(StoreErrorKind::Corrupt, "a stored row cannot be read").with_source(error)
}

fn since_1970(at: SystemTime) -> Duration {
    at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

fn millis(at: SystemTime) -> i64 {
    to_i64(since_1970(at).as_millis())
}

fn micros(at: SystemTime) -> i64 {
    to_i64(since_1970(at).as_micros())
}

/// The largest `bigint` is more than 290 000 years away.
fn to_i64(number: u128) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Returns the error of a call that got no connection.
fn not_connected(error: PoolError) -> StoreError {
    let kind = match error {
        PoolError::Backend(error) => return failed(error),
        PoolError::Timeout(TimeoutType::Wait) => StoreErrorKind::Conflict,
        _ => StoreErrorKind::Unavailable,
    };
    StoreError::new(kind, "no connection to PostgreSQL").with_source(error)
}

/// Returns the error of a statement or a commit.
///
/// `Conflict` is only what the server has certainly rolled back. A connection that ends during a commit has no code.
fn failed(error: tokio_postgres::Error) -> StoreError {
    let code = error.code().map_or("", SqlState::code);
    let (kind, what) = match (code, code.get(..2)) {
        // serialization_failure, deadlock_detected, lock_not_available, query_canceled
        ("40001" | "40P01" | "55P03" | "57014", _) => {
            (StoreErrorKind::Conflict, "another transaction was in the way")
        }
        // disk_full
        ("53100", _) => (StoreErrorKind::Capacity, "the disk of PostgreSQL is full"),
        // Login, database or schema, right or table.
        (_, Some("28" | "3D" | "3F" | "42")) => {
            (StoreErrorKind::Misconfigured, "PostgreSQL refuses this program")
        }
        _ => (StoreErrorKind::Unavailable, "PostgreSQL failed"),
    };
    StoreError::new(kind, what).with_source(error)
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

#[async_trait]
impl ChallengeStore for PostgresStore {
    async fn open(
        &self,
        subject: SubjectKey,
        new: NewChallenge,
        policy: &Policy,
        now: SystemTime,
    ) -> Result<Result<Challenge, OpenRefused>, StoreError> {
        self.with_record(subject, Some(now), |record| record.open(new, policy, now)).await
    }

    async fn load(
        &self,
        subject: SubjectKey,
        id: ChallengeId,
        now: SystemTime,
    ) -> Result<Option<Challenge>, StoreError> {
        self.read(subject, |record| record.challenge(id, now).cloned()).await
    }

    async fn begin_attempt(
        &self,
        subject: SubjectKey,
        id: ChallengeId,
        policy: &Policy,
        now: SystemTime,
    ) -> Result<Result<Attempt, AttemptRefused>, StoreError> {
        let rule = |record: &mut SubjectRecord| record.begin_attempt(subject, id, policy, now);
        self.with_record(subject, None, rule).await
    }

    async fn consume(
        &self,
        verified: Verified,
        now: SystemTime,
    ) -> Result<Result<Consumed, ConsumeRefused>, ConsumeFailed> {
        let subject = verified.subject();
        // The proof stays outside of the transaction, so that a failed one does not lose it.
        let (mut proof, mut consumed) = (Some(verified), None);
        let rule = |record: &mut SubjectRecord| match record.consume(proof.take()?, now) {
            Ok(done) => {
                consumed = Some(done);
                None
            }
            Err(not_consumed) => Some(not_consumed.refused),
        };
        match (self.with_record(subject, None, rule).await, consumed) {
            (Ok(None), Some(consumed)) => Ok(Ok(consumed)),
            (Ok(Some(refused)), _) => Ok(Err(refused)),
            (Ok(None), None) => {
                Err(StoreError::new(StoreErrorKind::Unavailable, "the call did not finish").into())
            }
            (Err(error), consumed) => match consumed.map(Consumed::into_verified).or(proof) {
                Some(proof) => Err(ConsumeFailed::new(error, proof)),
                None => Err(error.into()),
            },
        }
    }

    async fn grant_resend(
        &self,
        subject: SubjectKey,
        id: ChallengeId,
        policy: &Policy,
        now: SystemTime,
    ) -> Result<Result<ResendPermit, ResendRefused>, StoreError> {
        self.with_record(subject, None, |record| record.grant_resend(id, policy, now)).await
    }

    async fn record_delivery(
        &self,
        subject: SubjectKey,
        id: ChallengeId,
        delivery: DeliveryStatus,
        policy: &Policy,
        now: SystemTime,
    ) -> Result<(), StoreError> {
        let rule = |record: &mut SubjectRecord| record.record_delivery(id, delivery, policy, now);
        self.with_record(subject, None, rule).await.map(drop)
    }

    async fn revoke(&self, subject: SubjectKey, id: ChallengeId) -> Result<(), StoreError> {
        self.with_record(subject, None, |record| record.revoke(id)).await.map(drop)
    }

    async fn subject_status(
        &self,
        subject: SubjectKey,
        policy: &Policy,
        now: SystemTime,
    ) -> Result<SubjectStatus, StoreError> {
        self.read(subject, |record| SubjectStatus::of(record, policy, now)).await
    }

    async fn unlock(&self, subject: SubjectKey) -> Result<(), StoreError> {
        self.with_record(subject, None, SubjectRecord::unlock).await
    }
}

#[async_trait]
impl Quota for PostgresStore {
    async fn charge(
        &self,
        charges: &[Charge],
        now: SystemTime,
    ) -> Result<Result<Charged, QuotaRefused>, StoreError> {
        let keys = charges.iter().map(|charge| charge.key).collect();
        self.with_quotas(keys, now, |stored| {
            match charge_all(charges, |key| stored.get(&key).copied(), now) {
                Ok(granted) => (granted.tats, Ok(granted.receipt)),
                Err(refused) => (Vec::new(), Err(refused)),
            }
        })
        .await
    }

    async fn refund(&self, charged: &Charged, now: SystemTime) -> Result<(), StoreError> {
        let keys = charged.charges().map(|charge| charge.key).collect();
        self.with_quotas(keys, now, |stored| {
            let mut left = HashMap::new();
            for (key, span) in charged.refunds(now) {
                if let Some(tat) = left.get(&key).or(stored.get(&key)) {
                    left.insert(key, gcra::refund(*tat, span));
                }
            }
            (left.into_iter().collect(), ())
        })
        .await
    }
}
