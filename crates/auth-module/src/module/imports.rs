//! Adding and changing many users at once.

use std::{collections::HashMap, time::SystemTime};

use mfa_plugin_api::Randomness;

use super::{
    administration::ends_logins,
    core::{Administration, AuthModule},
};
use crate::{
    audit::AuditRecord,
    error::{AuthError, AuthErrorKind},
    import::{
        self, Encoding, ImportOptions, ImportProblem, ImportReport, ImportRule, ImportedChange,
        Parsed, ParsedRow, Phone, Rules,
    },
    name::LoginName,
    new_user::{NewPassword, NewUser, new_user_id},
    password::{PasswordHash, PasswordJob},
    user::{Account, User},
    users::{Batch, BatchApplied, Change, GroupChange},
};

/// The audit trail's queue is bounded.
const RECORDS_PER_FLUSH: usize = 1000;

impl AuthModule {
    /// Adds and changes the users of a file. If any row is invalid, no user is added or changed.
    ///
    /// A row of a known user is a problem, unless the options say that it changes the user. Then an empty
    /// cell and a column that is not there leave a value as it is, and `-` takes away the phone number or
    /// the groups. A password that the user has already is no change. A new password, a lost group or a
    /// disabled account ends the user's sessions, and another phone number ends pending logins, as the
    /// single changes do.
    ///
    /// Ready hashes cost nothing. Each plain password costs one hash, or two if it changes, and each takes
    /// some 20 ms of one core with the default parameters. All cores are used.
    ///
    /// # Errors
    ///
    /// The inner error is every problem of the file, in the order of its lines. The outer error is
    /// [`AuthErrorKind::ReadOnly`] if users cannot be changed here, and otherwise a failure of the
    /// store, the hashing, the audit trail or the random generator. After a failure, either nothing was
    /// done, or everything was and the audit trail does not say all of it.
    pub async fn import_users(
        &self,
        file: Vec<u8>,
        options: ImportOptions,
        actor: &str,
        randomness: &dyn Randomness,
        now: SystemTime,
    ) -> Result<Result<ImportReport, Vec<ImportProblem>>, AuthError> {
        let administration = self.administration()?;
        let settings = &self.parts.settings;
        let rules = Rules {
            prefixes: settings.allowed_prefixes,
            passwords: settings.password_rules.clone(),
        };
        let parsed = blocking(move || Ok(import::parse(&file, options, &rules))).await?;
        let known = known_users(administration, &parsed).await?;
        let problems = all_problems(&parsed, &known, options);
        if !problems.is_empty() {
            return Ok(Err(problems));
        }
        let plan = plan(administration, parsed, known, randomness, now).await?;
        if options.dry_run {
            return Ok(Ok(plan.report()));
        }
        match administration.users.apply(plan.batch(), now).await? {
            BatchApplied::Done => {}
            BatchApplied::Refused { names_taken, unknown } => {
                return Ok(Err(plan.raced(&names_taken, &unknown)));
            }
        }
        self.parts.passwords.users_changed();
        self.record_import(&plan, actor, now).await?;
        Ok(Ok(plan.report()))
    }

    async fn record_import(
        &self,
        plan: &Plan,
        actor: &str,
        now: SystemTime,
    ) -> Result<(), AuthError> {
        let changed = plan.changed.iter().filter(|user| !user.changes.is_empty());
        let summary = AuditRecord::new("users.imported", now).by(actor);
        let summary = summary.with("users", plan.added.len().to_string());
        self.record(summary.with("changed", changed.clone().count().to_string()));
        let mut records = 0;
        for (_, account) in &plan.added {
            self.record(self.user_record("user.added", &account.user, now).by(actor));
            records += 1;
            if records % RECORDS_PER_FLUSH == 0 {
                self.flush().await?;
            }
        }
        for ChangedUser { user, changes, .. } in changed {
            for (_, change) in changes {
                let record = self.change_record(user, change, now).by(actor);
                self.note_change(&user.id, record, ends_logins(user, change)).await?;
                if matches!(change, Change::Password(_)) {
                    self.unlock_passwords(&user.id, now).await?;
                }
                records += 1;
                if records % RECORDS_PER_FLUSH == 0 {
                    self.flush().await?;
                }
            }
        }
        self.flush().await
    }
}

async fn known_users(
    administration: &Administration,
    parsed: &Parsed,
) -> Result<HashMap<LoginName, Account>, AuthError> {
    let mut known = HashMap::new();
    for name in parsed.names.keys() {
        if let Some(account) = administration.users.account(name).await? {
            known.insert(name.clone(), account);
        }
    }
    Ok(known)
}

fn all_problems(
    parsed: &Parsed,
    known: &HashMap<LoginName, Account>,
    options: ImportOptions,
) -> Vec<ImportProblem> {
    let mut problems = parsed.problems.clone();
    if !options.update {
        let taken = parsed.names.iter().filter(|(name, _)| known.contains_key(*name));
        problems.extend(taken.map(|(_, line)| name_taken(*line)));
    }
    let is_without =
        |row: &&ParsedRow| row.password.is_none() && !known.contains_key(&row.login_name);
    problems.extend(parsed.rows.iter().filter(is_without).map(|row| ImportProblem {
        line: row.line,
        column: Some("password"),
        rule: ImportRule::NoPassword,
    }));
    problems.sort_by_key(|problem| problem.line);
    problems
}

/// What an import does.
struct Plan {
    encoding: Encoding,
    zeros_put_back: Vec<u64>,
    /// Each with the line of its row.
    added: Vec<(u64, Account)>,
    changed: Vec<ChangedUser>,
}

struct ChangedUser {
    line: u64,
    user: User,
    /// Each with its column.
    changes: Vec<(&'static str, Change)>,
}

async fn plan(
    administration: &Administration,
    parsed: Parsed,
    mut known: HashMap<LoginName, Account>,
    randomness: &dyn Randomness,
    now: SystemTime,
) -> Result<Plan, AuthError> {
    let Parsed { encoding, zeros_put_back, mut rows, .. } = parsed;
    let mut jobs = Vec::new();
    for row in &mut rows {
        if let Some(NewPassword::Plain(password)) = &row.password {
            let mut salt = [0; 16];
            randomness.fill(&mut salt)?;
            let current = known.get(&row.login_name).and_then(|known| known.password_hash.clone());
            jobs.push(PasswordJob { password: password.clone(), salt, current });
        }
    }
    let hasher = administration.hasher.clone();
    let mut hashed = blocking(move || hasher.hash_all(&jobs)).await?.into_iter();
    let mut plan = Plan { encoding, zeros_put_back, added: Vec::new(), changed: Vec::new() };
    for mut row in rows {
        let hash = match row.password.take() {
            None => None,
            Some(NewPassword::Hash(hash)) => Some(hash),
            Some(NewPassword::Plain(_)) => hashed.next().flatten(),
        };
        let line = row.line;
        if let Some(account) = known.remove(&row.login_name) {
            let changes = changes(&row, &account, hash);
            plan.changed.push(ChangedUser { line, user: account.user, changes });
            continue;
        }
        let is_disabled = row.is_disabled.unwrap_or(false);
        let mut user = new_user(row).into_user(new_user_id(randomness)?, now);
        user.is_disabled = is_disabled;
        plan.added.push((line, Account::new(user, hash)));
    }
    Ok(plan)
}

fn new_user(row: ParsedRow) -> NewUser {
    let mut new = NewUser::new(row.login_name);
    new.display_name = row.display_name.unwrap_or(new.display_name);
    new.groups = row.groups.unwrap_or_default();
    new.phone_number = row.phone.and_then(|phone| phone.number().cloned());
    new
}

/// Returns what of the row is new.
fn changes(
    row: &ParsedRow,
    account: &Account,
    hash: Option<PasswordHash>,
) -> Vec<(&'static str, Change)> {
    let Account { user, password_hash } = account;
    let name = row.display_name.clone().filter(|name| *name != user.display_name);
    let number = row.phone.as_ref().map(Phone::number);
    let number = number.filter(|number| *number != user.phone_number.as_ref());
    let groups = row.groups.clone().filter(|groups| *groups != user.groups);
    let is_disabled = row.is_disabled.filter(|is_disabled| *is_disabled != user.is_disabled);
    let stored = password_hash.as_ref().map(PasswordHash::to_phc);
    let hash = hash.filter(|hash| Some(hash.to_phc()) != stored);
    [
        name.map(|name| ("display_name", Change::DisplayName(name))),
        number.map(|number| ("phone", Change::PhoneNumber(number.cloned()))),
        hash.map(|hash| ("password", Change::Password(hash))),
        groups.map(|groups| ("groups", Change::Groups(GroupChange::Set(groups)))),
        is_disabled.map(|is_disabled| ("disabled", Change::Disabled(is_disabled))),
    ]
    .into_iter()
    .flatten()
    .collect()
}

impl Plan {
    fn batch(&self) -> Batch {
        let changes = self.changed.iter().flat_map(|ChangedUser { user, changes, .. }| {
            changes.iter().map(|(_, change)| (user.id.clone(), change.clone()))
        });
        Batch {
            add: self.added.iter().map(|(_, account)| account.clone()).collect(),
            change: changes.collect(),
        }
    }

    /// Names the rows whose user was added or removed by another process meanwhile.
    fn raced(&self, names_taken: &[usize], unknown: &[usize]) -> Vec<ImportProblem> {
        let changed: Vec<u64> = self
            .changed
            .iter()
            .flat_map(|user| std::iter::repeat_n(user.line, user.changes.len()))
            .collect();
        let taken = names_taken.iter().filter_map(|&position| self.added.get(position));
        let mut problems: Vec<_> = taken.map(|(line, _)| name_taken(*line)).collect();
        problems.extend(unknown.iter().filter_map(|&position| changed.get(position)).map(|line| {
            ImportProblem { line: *line, column: Some("username"), rule: ImportRule::Removed }
        }));
        problems.sort_by_key(|problem| problem.line);
        problems.dedup();
        problems
    }

    fn report(self) -> ImportReport {
        let of = |user: &ChangedUser| ImportedChange {
            login_name: user.user.login_name.clone(),
            columns: user.changes.iter().map(|(column, _)| *column).collect(),
        };
        let changed: Vec<_> =
            self.changed.iter().filter(|user| !user.changes.is_empty()).map(of).collect();
        ImportReport {
            encoding: self.encoding,
            added: self.added.into_iter().map(|(_, account)| account.user.login_name).collect(),
            unchanged: self.changed.len() - changed.len(),
            changed,
            zeros_put_back: self.zeros_put_back,
        }
    }
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
