//! The tables, step by step. A step that was released is never changed again.

use auth_module::{AuthError, AuthErrorKind};
use rusqlite::{Connection, TransactionBehavior};

/// Step `n` leads from `user_version` n to n + 1.
const STEPS: &[&str] = &[include_str!("migrations/0001.sql")];

/// Brings the file to the newest layout, each step in one transaction.
pub(crate) fn migrate(connection: &mut Connection) -> Result<(), AuthError> {
    loop {
        let transaction =
            connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        let version: u32 = transaction
            .pragma_query_value(None, "user_version", |row| row.get(0))
            .map_err(failed)?;
        let done = usize::try_from(version).map_err(|_| too_new())?;
        let Some(step) = STEPS.get(done) else {
            return if done == STEPS.len() { Ok(()) } else { Err(too_new()) };
        };
        transaction.execute_batch(step).map_err(failed)?;
        transaction.pragma_update(None, "user_version", version + 1).map_err(failed)?;
        transaction.commit().map_err(failed)?;
    }
}

fn failed(source: rusqlite::Error) -> AuthError {
    AuthError::new(AuthErrorKind::Unavailable, "cannot prepare the database").with_source(source)
}

fn too_new() -> AuthError {
    AuthError::new(AuthErrorKind::Corrupt, "the database was written by a newer version")
}
