//! Users, and the hashes of their passwords, in SQLite.

use std::{
    collections::{BTreeSet, HashSet},
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use async_trait::async_trait;
use auth_module::{
    Account, AccountsAdded, AuthError, Batch, BatchApplied, Change, GroupChange, HashCost,
    HashSource, LoginName, PasswordHash, User, UserAdministration, UserId, Users,
    time::{from_millis, to_millis},
};
use otp_core::PhoneNumber;
use rusqlite::{Connection, OptionalExtension as _, Row, named_params, params, types::Type};

use crate::file::File;

/// The columns that [`user`] reads, in its order.
const USER_COLUMNS: &str = "id, login_name, display_name, groups, phone_number, \
     phone_number_changed_at, is_disabled, created_at, last_login_at, generation";

/// The users of a [`Database`](crate::Database), and the hashes of their passwords.
#[derive(Debug, Clone)]
pub struct SqliteUsers {
    file: File,
    costs: Arc<Mutex<CountedCosts>>,
}

/// The costs of the hashes, and after how many changes they were counted.
#[derive(Debug, Default)]
struct CountedCosts {
    changes: Option<i64>,
    costs: Vec<HashCost>,
}

impl SqliteUsers {
    pub(crate) fn new(file: File) -> Self {
        Self { file, costs: Arc::default() }
    }

    async fn find(&self, column: &'static str, value: String) -> Result<Option<User>, AuthError> {
        let query = format!("SELECT {USER_COLUMNS} FROM users WHERE {column} = ?1");
        self.file
            .read(move |connection| {
                connection.prepare_cached(&query)?.query_row([value], user).optional()
            })
            .await
    }
}

#[async_trait]
impl Users for SqliteUsers {
    async fn find_by_name(&self, name: &LoginName) -> Result<Option<User>, AuthError> {
        self.find("login_name", name.as_str().to_owned()).await
    }

    async fn find_by_id(&self, id: &UserId) -> Result<Option<User>, AuthError> {
        self.find("id", id.as_str().to_owned()).await
    }

    async fn list(&self, after: Option<&LoginName>, limit: usize) -> Result<Vec<User>, AuthError> {
        self.search("", after, limit).await
    }

    async fn search(
        &self,
        text: &str,
        after: Option<&LoginName>,
        limit: usize,
    ) -> Result<Vec<User>, AuthError> {
        let text = text.to_ascii_lowercase();
        let after = after.map_or_else(String::new, |name| name.as_str().to_owned());
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        // `instr` knows no wildcards, and `lower` folds ASCII letters only. A login name is lower case.
        let query = format!(
            "SELECT {USER_COLUMNS} FROM users
             WHERE login_name > ?1
                 AND (?2 = '' OR instr(login_name, ?2) OR instr(lower(display_name), ?2))
             ORDER BY login_name LIMIT ?3"
        );
        self.file
            .read(move |connection| {
                let mut statement = connection.prepare_cached(&query)?;
                statement.query_map(params![after, text, limit], user)?.collect()
            })
            .await
    }
}

#[async_trait]
impl HashSource for SqliteUsers {
    async fn account(&self, name: &LoginName) -> Result<Option<Account>, AuthError> {
        let name = name.as_str().to_owned();
        let query =
            format!("SELECT {USER_COLUMNS}, password_hash FROM users WHERE login_name = ?1");
        self.file
            .read(move |connection| {
                connection.prepare_cached(&query)?.query_row([name], account).optional()
            })
            .await
    }

    async fn hash_costs(&self) -> Result<Vec<HashCost>, AuthError> {
        let counted = Arc::clone(&self.costs);
        self.file
            .read(move |connection| {
                // Before the hashes: a change in between is one more change for the next call.
                let changes = connection
                    .prepare_cached("SELECT count FROM password_hash_changes")?
                    .query_row([], |row| row.get(0))?;
                let mut counted = counted.lock().unwrap_or_else(PoisonError::into_inner);
                if counted.changes != Some(changes) {
                    let costs = hash_costs(connection)?;
                    *counted = CountedCosts { changes: Some(changes), costs };
                }
                Ok(counted.costs.clone())
            })
            .await
    }

    async fn rehash(
        &self,
        id: &UserId,
        from: &PasswordHash,
        to: PasswordHash,
    ) -> Result<bool, AuthError> {
        let (id, from, to) = (id.as_str().to_owned(), from.to_phc(), to.to_phc());
        self.file
            .write(move |connection| {
                let mut statement = connection.prepare_cached(
                    "UPDATE users SET password_hash = ?3 WHERE id = ?1 AND password_hash = ?2",
                )?;
                Ok(statement.execute([id, from, to])? == 1)
            })
            .await
    }
}

#[async_trait]
impl UserAdministration for SqliteUsers {
    async fn add(&self, accounts: Vec<Account>) -> Result<AccountsAdded, AuthError> {
        self.file
            .write(move |connection| {
                let taken = taken(connection, &accounts)?;
                if !taken.is_empty() {
                    return Ok(AccountsAdded::NamesTaken(taken));
                }
                accounts.iter().try_for_each(|account| insert(connection, account))?;
                Ok(AccountsAdded::Done)
            })
            .await
    }

    async fn change(
        &self,
        id: &UserId,
        change: Change,
        now: SystemTime,
    ) -> Result<bool, AuthError> {
        let id = id.as_str().to_owned();
        self.file.write(move |connection| update(connection, &id, &change, now)).await
    }

    async fn remove(&self, id: &UserId) -> Result<bool, AuthError> {
        let id = id.as_str().to_owned();
        self.file
            .write(move |connection| {
                Ok(connection.execute("DELETE FROM users WHERE id = ?1", [id])? == 1)
            })
            .await
    }

    async fn apply(&self, batch: Batch, now: SystemTime) -> Result<BatchApplied, AuthError> {
        self.file
            .write(move |connection| {
                let names_taken = taken(connection, &batch.add)?;
                let unknown = unknown(connection, &batch.change)?;
                if !(names_taken.is_empty() && unknown.is_empty()) {
                    return Ok(BatchApplied::Refused { names_taken, unknown });
                }
                batch.add.iter().try_for_each(|account| insert(connection, account))?;
                for (id, change) in &batch.change {
                    update(connection, id.as_str(), change, now)?;
                }
                Ok(BatchApplied::Done)
            })
            .await
    }
}

/// Returns the positions in `changes` whose user is not in the file.
fn unknown(connection: &Connection, changes: &[(UserId, Change)]) -> rusqlite::Result<Vec<usize>> {
    let mut exists = connection.prepare_cached("SELECT 1 FROM users WHERE id = ?1")?;
    let mut unknown = Vec::new();
    for (position, (id, _)) in changes.iter().enumerate() {
        if !exists.exists([id.as_str()])? {
            unknown.push(position);
        }
    }
    Ok(unknown)
}

/// Counts the users by the parameters of their hashes.
fn hash_costs(connection: &Connection) -> rusqlite::Result<Vec<HashCost>> {
    // Of Argon2id, one hash stands for all with the same parameters: the version and the parameters
    // are the second and the third field.
    let mut statement = connection.prepare_cached(
        "SELECT min(password_hash), count(*) FROM (
             SELECT password_hash, substr(password_hash, length('$argon2id$v=19$') + 1) AS rest
             FROM users WHERE password_hash IS NOT NULL
         ) GROUP BY CASE WHEN password_hash LIKE '$argon2id$v=19$%'
             THEN substr(rest, 1, instr(rest, '$') - 1) ELSE password_hash END",
    )?;
    let hashes = statement.query_map([], |row| {
        let hash = PasswordHash::parse(&row.get::<_, String>(0)?);
        let hash = hash.map_err(|e| unreadable(0, e))?;
        Ok((hash, row.get::<_, i64>(1)?.unsigned_abs()))
    })?;
    let hashes = hashes.collect::<rusqlite::Result<Vec<_>>>()?;
    Ok(HashCost::count(hashes.iter().map(|(hash, users)| (hash, *users))))
}

/// Returns the positions in `accounts` whose name is in the file, or earlier in `accounts`.
fn taken(connection: &Connection, accounts: &[Account]) -> rusqlite::Result<Vec<usize>> {
    let mut exists = connection.prepare_cached("SELECT 1 FROM users WHERE login_name = ?1")?;
    let mut seen = HashSet::new();
    let mut taken = Vec::new();
    for (position, account) in accounts.iter().enumerate() {
        let name = account.user.login_name.as_str();
        if !seen.insert(name) || exists.exists([name])? {
            taken.push(position);
        }
    }
    Ok(taken)
}

fn insert(connection: &Connection, account: &Account) -> rusqlite::Result<()> {
    let user = &account.user;
    let mut statement = connection.prepare_cached(
        "INSERT INTO users (id, login_name, display_name, groups, phone_number,
             phone_number_changed_at, is_disabled, created_at, last_login_at, generation,
             password_hash)
         VALUES (:id, :login_name, :display_name, :groups, :phone_number,
             :phone_number_changed_at, :is_disabled, :created_at, :last_login_at, :generation,
             :password_hash)",
    )?;
    statement.execute(named_params! {
        ":id": user.id.as_str(),
        ":login_name": user.login_name.as_str(),
        ":display_name": user.display_name,
        ":groups": groups_to_json(&user.groups)?,
        ":phone_number": user.phone_number.as_ref().map(PhoneNumber::as_e164),
        ":phone_number_changed_at": user.phone_number_changed_at.map(to_millis),
        ":is_disabled": user.is_disabled,
        ":created_at": to_millis(user.created_at),
        ":last_login_at": user.last_login_at.map(to_millis),
        ":generation": i64::try_from(user.generation).unwrap_or(i64::MAX),
        ":password_hash": account.password_hash.as_ref().map(PasswordHash::to_phc),
    })?;
    Ok(())
}

fn update(
    connection: &Connection,
    id: &str,
    change: &Change,
    now: SystemTime,
) -> rusqlite::Result<bool> {
    let now = to_millis(now);
    let changed = match change {
        Change::Disabled(is_disabled) => connection.execute(
            "UPDATE users SET is_disabled = ?2, generation = generation + ?2 WHERE id = ?1",
            params![id, is_disabled],
        ),
        Change::DisplayName(name) => connection
            .execute("UPDATE users SET display_name = ?2 WHERE id = ?1", params![id, name]),
        Change::Groups(change) => return change_groups(connection, id, change),
        Change::LoggedIn => connection
            .execute("UPDATE users SET last_login_at = ?2 WHERE id = ?1", params![id, now]),
        Change::Password(hash) => connection.execute(
            "UPDATE users SET password_hash = ?2, generation = generation + 1 WHERE id = ?1",
            params![id, hash.to_phc()],
        ),
        Change::PhoneNumber(number) => connection.execute(
            "UPDATE users SET phone_number = ?2, phone_number_changed_at = ?3 WHERE id = ?1",
            params![id, number.as_ref().map(PhoneNumber::as_e164), now],
        ),
    }?;
    Ok(changed == 1)
}

/// Reads the groups and writes them back. Both are in the transaction of the caller.
fn change_groups(
    connection: &Connection,
    id: &str,
    change: &GroupChange,
) -> rusqlite::Result<bool> {
    let mut read = connection.prepare_cached("SELECT groups FROM users WHERE id = ?1")?;
    let before = read.query_row([id], |row| groups_from_json(row, 0)).optional()?;
    let Some(before) = before else { return Ok(false) };
    let groups = groups_to_json(&change.applied_to(&before))?;
    let mut write = connection.prepare_cached("UPDATE users SET groups = ?2 WHERE id = ?1")?;
    Ok(write.execute([id, &groups])? == 1)
}

fn groups_to_json(groups: &BTreeSet<String>) -> rusqlite::Result<String> {
    serde_json::to_string(groups)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}

fn groups_from_json(row: &Row<'_>, column: usize) -> rusqlite::Result<BTreeSet<String>> {
    serde_json::from_str(&row.get::<_, String>(column)?).map_err(|e| unreadable(column, e))
}

/// Reads [`USER_COLUMNS`].
fn user(row: &Row<'_>) -> rusqlite::Result<User> {
    let number: Option<String> = row.get(4)?;
    let id = UserId::parse(&row.get::<_, String>(0)?).ok_or_else(|| unreadable(0, "no user id"))?;
    let name = LoginName::parse(&row.get::<_, String>(1)?).map_err(|e| unreadable(1, e))?;
    let mut user = User::new(id, name, row.get::<_, String>(2)?, from_millis(row.get(7)?));
    user.groups = groups_from_json(row, 3)?;
    user.phone_number = number.as_deref().map(stored_number).transpose()?;
    user.phone_number_changed_at = row.get::<_, Option<i64>>(5)?.map(from_millis);
    user.is_disabled = row.get(6)?;
    user.last_login_at = row.get::<_, Option<i64>>(8)?.map(from_millis);
    user.generation = row.get::<_, i64>(9)?.unsigned_abs();
    Ok(user)
}

/// Reads [`USER_COLUMNS`] and the hash.
fn account(row: &Row<'_>) -> rusqlite::Result<Account> {
    let hash: Option<String> = row.get(10)?;
    let hash =
        hash.as_deref().map(PasswordHash::parse).transpose().map_err(|e| unreadable(10, e))?;
    Ok(Account::new(user(row)?, hash))
}

/// Reads a stored number. It was accepted once, so the prefixes allowed today do not matter.
fn stored_number(number: &str) -> rusqlite::Result<PhoneNumber> {
    PhoneNumber::new(number).map_err(|e| unreadable(4, e))
}

fn unreadable(
    column: usize,
    why: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, why.into())
}
