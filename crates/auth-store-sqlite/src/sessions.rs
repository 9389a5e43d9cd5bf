//! Pending logins and sessions in SQLite.

use std::time::SystemTime;

use async_trait::async_trait;
use auth_module::{
    AuthError, EndAll, PendingRecord, SessionId, SessionRecord, Sessions, StoredSession,
    TokenDigest, UpdateOutcome, UserId, UserSnapshot, Version,
    time::{from_millis, to_millis},
};
use rusqlite::{Connection, OptionalExtension as _, Row, params, types::Type};
use serde::{Serialize, de::DeserializeOwned};

use crate::file::File;

/// The pending logins and sessions of a [`Database`](crate::Database).
#[derive(Debug, Clone)]
pub struct SqliteSessions(File);

impl SqliteSessions {
    pub(crate) fn new(file: File) -> Self {
        Self(file)
    }

    /// Queues a write that nothing waits for. If it is lost, a warning says so.
    fn note(
        &self,
        lost: &'static str,
        work: impl FnOnce(&Connection) -> rusqlite::Result<()> + Send + 'static,
    ) {
        let on_failure =
            move |error| tracing::warn!(error = &error as &dyn std::error::Error, "{lost}");
        if let Err(error) = self.0.write_later(work, on_failure) {
            on_failure(error);
        }
    }
}

#[async_trait]
impl Sessions for SqliteSessions {
    async fn open_pending(
        &self,
        token: TokenDigest,
        login: PendingRecord,
    ) -> Result<(), AuthError> {
        self.0
            .write(move |connection| {
                let mut statement = connection.prepare_cached(
                    "INSERT INTO pending_logins (token_digest, user_id, version, expires_at, record)
                     VALUES (?1, ?2, ?3, ?4, ?5)",
                )?;
                statement.execute(params![
                    token.as_bytes(),
                    login.user_id.as_str(),
                    to_sql(Version::FIRST),
                    to_millis(login.expires_at),
                    to_json(&login)?,
                ])?;
                Ok(())
            })
            .await
    }

    async fn load_pending(
        &self,
        token: TokenDigest,
        now: SystemTime,
    ) -> Result<Option<(PendingRecord, Version)>, AuthError> {
        self.0
            .read(move |connection| {
                let mut statement = connection.prepare_cached(
                    "SELECT record, version FROM pending_logins
                     WHERE token_digest = ?1 AND expires_at > ?2",
                )?;
                let found = |row: &Row<'_>| Ok((from_json(row)?, version(row, 1)?));
                statement.query_row(params![token.as_bytes(), to_millis(now)], found).optional()
            })
            .await
    }

    async fn save_pending(
        &self,
        token: TokenDigest,
        login: PendingRecord,
        read: Version,
    ) -> Result<UpdateOutcome, AuthError> {
        self.0
            .write(move |connection| {
                let mut statement = connection.prepare_cached(
                    "UPDATE pending_logins SET record = ?3, version = ?4
                     WHERE token_digest = ?1 AND version = ?2",
                )?;
                let changed = statement.execute(params![
                    token.as_bytes(),
                    to_sql(read),
                    to_json(&login)?,
                    to_sql(read.next()),
                ])?;
                if changed == 1 { Ok(UpdateOutcome::Done) } else { refused(connection, token) }
            })
            .await
    }

    async fn end_pending(&self, token: TokenDigest) -> Result<bool, AuthError> {
        self.0
            .write(move |connection| {
                let mut statement = connection
                    .prepare_cached("DELETE FROM pending_logins WHERE token_digest = ?1")?;
                Ok(statement.execute([token.as_bytes()])? == 1)
            })
            .await
    }

    async fn complete(
        &self,
        pending: TokenDigest,
        read: Version,
        token: TokenDigest,
        session: SessionRecord,
        replaces: Option<TokenDigest>,
    ) -> Result<UpdateOutcome, AuthError> {
        self.0
            .write(move |connection| {
                let known = pending_version(connection, pending)?;
                match known {
                    None => return Ok(UpdateOutcome::Gone),
                    Some(version) if version != read => return Ok(UpdateOutcome::Conflict),
                    Some(_) => {}
                }
                if let Some(old) = replaces
                    && delete_session(connection, old)?.is_none()
                {
                    return Ok(UpdateOutcome::Gone);
                }
                connection
                    .prepare_cached("DELETE FROM pending_logins WHERE token_digest = ?1")?
                    .execute([pending.as_bytes()])?;
                insert_session(connection, token, &session)?;
                Ok(UpdateOutcome::Done)
            })
            .await
    }

    async fn load_session(
        &self,
        token: TokenDigest,
        now: SystemTime,
    ) -> Result<Option<StoredSession>, AuthError> {
        self.0
            .read(move |connection| {
                let mut statement = connection.prepare_cached(
                    "SELECT record, seen_at FROM sessions
                     WHERE token_digest = ?1 AND expires_at > ?2",
                )?;
                statement.query_row(params![token.as_bytes(), to_millis(now)], stored).optional()
            })
            .await
    }

    fn touch_session(&self, token: TokenDigest, seen_at: SystemTime) {
        self.note("a session's use was not noted", move |connection| {
            let mut statement = connection.prepare_cached(
                "UPDATE sessions SET seen_at = ?2 WHERE token_digest = ?1 AND seen_at < ?2",
            )?;
            statement.execute(params![token.as_bytes(), to_millis(seen_at)]).map(drop)
        });
    }

    fn refresh_user(&self, token: TokenDigest, user: UserSnapshot) {
        self.note("the user of a session was not refreshed", move |connection| {
            let mut statement = connection.prepare_cached(
                "UPDATE sessions SET record = json_set(record, '$.user', json(?2))
                 WHERE token_digest = ?1 AND record ->> '$.user.checked_at' < ?3",
            )?;
            let checked_at = to_millis(user.checked_at);
            statement.execute(params![token.as_bytes(), to_json(&user)?, checked_at]).map(drop)
        });
    }

    async fn sessions_of(
        &self,
        user: &UserId,
        now: SystemTime,
        limit: usize,
    ) -> Result<Vec<StoredSession>, AuthError> {
        let (user, now) = (user.as_str().to_owned(), to_millis(now));
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.0
            .read(move |connection| {
                let mut statement = connection.prepare_cached(
                    "SELECT record, seen_at FROM sessions
                     WHERE user_id = ?1 AND expires_at > ?2 ORDER BY opened_at DESC LIMIT ?3",
                )?;
                statement.query_map(params![user, now, limit], stored)?.collect()
            })
            .await
    }

    async fn end_session(&self, token: TokenDigest) -> Result<Option<SessionRecord>, AuthError> {
        self.0.write(move |connection| delete_session(connection, token)).await
    }

    async fn end_session_by_id(
        &self,
        user: &UserId,
        id: &SessionId,
    ) -> Result<Option<SessionRecord>, AuthError> {
        let (user, id) = (user.as_str().to_owned(), id.as_str().to_owned());
        self.0
            .write(move |connection| {
                let mut statement = connection.prepare_cached(
                    "DELETE FROM sessions WHERE session_id = ?1 AND user_id = ?2 RETURNING record",
                )?;
                statement.query_row([id, user], from_json).optional()
            })
            .await
    }

    async fn end_all(&self, user: &UserId, what: EndAll) -> Result<usize, AuthError> {
        let user = user.as_str().to_owned();
        self.0
            .write(move |connection| {
                let mut ended =
                    connection.execute("DELETE FROM pending_logins WHERE user_id = ?1", [&user])?;
                if what == EndAll::PendingLoginsAndSessions {
                    ended +=
                        connection.execute("DELETE FROM sessions WHERE user_id = ?1", [&user])?;
                }
                Ok(ended)
            })
            .await
    }

    async fn sweep(&self, now: SystemTime, idle_since: SystemTime) -> Result<usize, AuthError> {
        let (now, idle_since) = (to_millis(now), to_millis(idle_since));
        self.0
            .write(move |connection| {
                let pending = connection
                    .execute("DELETE FROM pending_logins WHERE expires_at <= ?1", [now])?;
                let sessions = connection.execute(
                    "DELETE FROM sessions WHERE expires_at <= ?1 OR seen_at <= ?2",
                    [now, idle_since],
                )?;
                Ok(pending + sessions)
            })
            .await
    }
}

fn insert_session(
    connection: &Connection,
    token: TokenDigest,
    session: &SessionRecord,
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO sessions
             (token_digest, session_id, user_id, opened_at, expires_at, seen_at, record)
         VALUES (?1, ?2, ?3, ?4, ?5, ?4, ?6)",
    )?;
    statement.execute(params![
        token.as_bytes(),
        session.id.as_str(),
        session.user.id.as_str(),
        to_millis(session.opened_at),
        to_millis(session.expires_at),
        to_json(session)?,
    ])?;
    Ok(())
}

fn stored(row: &Row<'_>) -> rusqlite::Result<StoredSession> {
    Ok(StoredSession { record: from_json(row)?, seen_at: from_millis(row.get(1)?) })
}

fn delete_session(
    connection: &Connection,
    token: TokenDigest,
) -> rusqlite::Result<Option<SessionRecord>> {
    connection
        .prepare_cached("DELETE FROM sessions WHERE token_digest = ?1 RETURNING record")?
        .query_row([token.as_bytes()], from_json)
        .optional()
}

fn refused(connection: &Connection, token: TokenDigest) -> rusqlite::Result<UpdateOutcome> {
    let is_there = pending_version(connection, token)?.is_some();
    Ok(if is_there { UpdateOutcome::Conflict } else { UpdateOutcome::Gone })
}

fn pending_version(
    connection: &Connection,
    token: TokenDigest,
) -> rusqlite::Result<Option<Version>> {
    connection
        .prepare_cached("SELECT version FROM pending_logins WHERE token_digest = ?1")?
        .query_row([token.as_bytes()], |row| version(row, 0))
        .optional()
}

fn to_sql(version: Version) -> i64 {
    i64::try_from(version.0).unwrap_or(i64::MAX)
}

fn version(row: &Row<'_>, column: usize) -> rusqlite::Result<Version> {
    Ok(Version(u64::try_from(row.get::<_, i64>(column)?).unwrap_or(0)))
}

fn to_json(record: &impl Serialize) -> rusqlite::Result<String> {
    serde_json::to_string(record)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}

fn from_json<T: DeserializeOwned>(row: &Row<'_>) -> rusqlite::Result<T> {
    serde_json::from_str(&row.get::<_, String>(0)?)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(0, Type::Text, error.into()))
}
