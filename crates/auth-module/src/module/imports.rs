//! Adding many users at once.

use std::time::SystemTime;

use mfa_plugin_api::Randomness;
use secrecy::SecretString;

use super::core::{Administration, AuthModule};
use crate::{
    audit::AuditRecord,
    error::{AuthError, AuthErrorKind},
    import::{self, ImportFormat, ImportProblem, ImportRule, Parsed},
    new_user::{NewPassword, new_user_id},
    password::PasswordHash,
    user::Account,
    users::AccountsAdded,
};

impl AuthModule {
    /// Adds every user of a file, or none if any row is invalid. Returns how many.
    ///
    /// Ready hashes cost nothing. Each plain password costs one hash, which takes some 20 ms of one
    /// core with the default parameters. All cores are used.
    ///
    /// # Errors
    ///
    /// The inner error is every problem of the file, in the order of its lines. The outer error is
    /// [`AuthErrorKind::ReadOnly`] if users cannot be changed here, and otherwise a failure of the
    /// store, the hashing, the audit trail or the random generator. After a failure, either no user
    /// was added, or all were and the audit trail does not say so.
    pub async fn import_users(
        &self,
        file: Vec<u8>,
        format: ImportFormat,
        actor: &str,
        randomness: &dyn Randomness,
        now: SystemTime,
    ) -> Result<Result<usize, Vec<ImportProblem>>, AuthError> {
        let administration = self.administration()?;
        let prefixes = self.parts.settings.allowed_prefixes;
        let parsed = blocking(move || Ok(import::parse(&file, format, prefixes))).await?;
        let problems = self.all_problems(&parsed).await?;
        if !problems.is_empty() {
            return Ok(Err(problems));
        }
        let lines: Vec<u64> = parsed.users.iter().map(|(line, _)| *line).collect();
        let accounts = accounts(administration, parsed, randomness, now).await?;
        let records: Vec<_> = accounts
            .iter()
            .map(|a| self.user_record("user.added", &a.user, now).by(actor))
            .collect();
        if let AccountsAdded::NamesTaken(taken) = administration.users.add(accounts).await? {
            // Added by another process since `all_problems` looked.
            let problem = |position: usize| name_taken(lines.get(position).copied().unwrap_or(0));
            return Ok(Err(taken.into_iter().map(problem).collect()));
        }
        self.parts.passwords.users_changed();
        let summary = AuditRecord::new("users.imported", now).by(actor);
        self.record(summary.with("users", records.len().to_string()));
        for (count, record) in records.into_iter().enumerate() {
            self.record(record);
            // The trail's queue is bounded.
            if count % 1000 == 999 {
                self.flush().await?;
            }
        }
        self.flush().await?;
        Ok(Ok(lines.len()))
    }

    async fn all_problems(&self, parsed: &Parsed) -> Result<Vec<ImportProblem>, AuthError> {
        let mut problems = parsed.problems.clone();
        for (name, line) in &parsed.names {
            if self.parts.users.find_by_name(name).await?.is_some() {
                problems.push(name_taken(*line));
            }
        }
        problems.sort_by_key(|problem| problem.line);
        Ok(problems)
    }
}

async fn accounts(
    administration: &Administration,
    parsed: Parsed,
    randomness: &dyn Randomness,
    now: SystemTime,
) -> Result<Vec<Account>, AuthError> {
    let mut plain: Vec<(SecretString, [u8; 16])> = Vec::new();
    let mut accounts: Vec<(Account, HashOrigin)> = Vec::with_capacity(parsed.users.len());
    for (_, mut new) in parsed.users {
        let source = match new.password.take() {
            None => HashOrigin::Known(None),
            Some(NewPassword::Hash(hash)) => HashOrigin::Known(Some(hash)),
            Some(NewPassword::Plain(password)) => {
                let mut salt = [0; 16];
                randomness.fill(&mut salt)?;
                plain.push((password, salt));
                HashOrigin::Next
            }
        };
        let user = new.into_user(new_user_id(randomness)?, now);
        accounts.push((Account::new(user, None), source));
    }
    let hasher = administration.hasher.clone();
    let mut hashed = blocking(move || hasher.hash_all(&plain)).await?.into_iter();
    let finish = |(mut account, source): (Account, HashOrigin)| {
        account.password_hash = match source {
            HashOrigin::Known(hash) => hash,
            HashOrigin::Next => hashed.next(),
        };
        account
    };
    Ok(accounts.into_iter().map(finish).collect())
}

/// Where the hash of an account comes from.
enum HashOrigin {
    /// From the file, if at all.
    Known(Option<PasswordHash>),
    /// The next of those that were computed.
    Next,
}

fn name_taken(line: u64) -> ImportProblem {
    ImportProblem { line, column: Some("username"), rule: ImportRule::NameTaken }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, AuthError> + Send + 'static,
) -> Result<T, AuthError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| AuthError::new(AuthErrorKind::Unavailable, "the import did not finish"))?
}
