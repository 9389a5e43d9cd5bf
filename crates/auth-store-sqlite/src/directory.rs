//! Users in SQLite.

use std::time::SystemTime;

use async_trait::async_trait;
use auth_module::{
    Account, AuthError, Change, HashParameters, LoginName, PasswordHash, User, UserDirectory,
    UserId,
    time::{from_millis, to_millis},
};
use otp_core::{AllowedPrefixes, PhoneNumber};
use rusqlite::{Connection, OptionalExtension as _, Row, named_params, params, types::Type};

use crate::database::Database;

const COLUMNS: &str = "id, login_name, display_name, groups, phone_number, \
     phone_number_changed_at, is_disabled, created_at, last_login_at, password_hash";

/// The users of a [`Database`].
#[derive(Debug, Clone)]
pub struct SqliteDirectory(Database);

impl SqliteDirectory {
    pub(crate) fn new(database: Database) -> Self {
        Self(database)
    }

    async fn find(
        &self,
        column: &'static str,
        value: String,
    ) -> Result<Option<Account>, AuthError> {
        let query = format!("SELECT {COLUMNS} FROM users WHERE {column} = ?1");
        self.0
            .read(move |connection| {
                connection.prepare_cached(&query)?.query_row([value], account).optional()
            })
            .await
    }
}

#[async_trait]
impl UserDirectory for SqliteDirectory {
    async fn find_by_name(&self, name: &LoginName) -> Result<Option<Account>, AuthError> {
        self.find("login_name", name.as_str().to_owned()).await
    }

    async fn find_by_id(&self, id: &UserId) -> Result<Option<User>, AuthError> {
        Ok(self.find("id", id.as_str().to_owned()).await?.map(|account| account.user))
    }

    async fn list(&self, after: Option<&LoginName>, limit: usize) -> Result<Vec<User>, AuthError> {
        let after = after.map_or_else(String::new, |name| name.as_str().to_owned());
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let query = format!(
            "SELECT {COLUMNS} FROM users WHERE login_name > ?1 ORDER BY login_name LIMIT ?2"
        );
        self.0
            .read(move |connection| {
                let mut statement = connection.prepare_cached(&query)?;
                let accounts = statement.query_map(params![after, limit], account)?;
                accounts.map(|account| account.map(|account| account.user)).collect()
            })
            .await
    }

    async fn add(&self, accounts: Vec<Account>) -> Result<Vec<usize>, AuthError> {
        self.0
            .write(move |connection| {
                let taken = taken(connection, &accounts)?;
                if taken.is_empty() {
                    accounts.iter().try_for_each(|account| insert(connection, account))?;
                }
                Ok(taken)
            })
            .await
    }

    async fn hash_costs(&self) -> Result<Vec<(HashParameters, u64)>, AuthError> {
        let query = "SELECT substr(rest, 1, instr(rest, '$') - 1) AS cost, count(*) FROM (
                 SELECT substr(password_hash, length('$argon2id$v=19$') + 1) AS rest FROM users
                 WHERE password_hash IS NOT NULL
             ) GROUP BY cost ORDER BY cost";
        self.0
            .read(move |connection| {
                let mut statement = connection.prepare_cached(query)?;
                let costs = statement.query_map([], |row| {
                    let cost = HashParameters::parse(&row.get::<_, String>(0)?);
                    Ok((cost.map_err(|e| unreadable(0, e))?, row.get::<_, i64>(1)?.unsigned_abs()))
                })?;
                costs.collect()
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
        self.0.write(move |connection| update(connection, &id, &change, now)).await
    }
}

/// The places in `accounts` whose name is in the file already, or earlier in `accounts`.
fn taken(connection: &Connection, accounts: &[Account]) -> rusqlite::Result<Vec<usize>> {
    let mut exists = connection.prepare_cached("SELECT 1 FROM users WHERE login_name = ?1")?;
    let mut seen = std::collections::HashSet::new();
    let mut taken = Vec::new();
    for (place, account) in accounts.iter().enumerate() {
        let name = account.user.login_name.as_str();
        if !seen.insert(name) || exists.exists([name])? {
            taken.push(place);
        }
    }
    Ok(taken)
}

fn insert(connection: &Connection, account: &Account) -> rusqlite::Result<()> {
    let user = &account.user;
    let mut statement = connection.prepare_cached(
        "INSERT INTO users (id, login_name, display_name, groups, phone_number,
             phone_number_changed_at, is_disabled, created_at, last_login_at, password_hash)
         VALUES (:id, :login_name, :display_name, :groups, :phone_number,
             :phone_number_changed_at, :is_disabled, :created_at, :last_login_at, :password_hash)",
    )?;
    statement.execute(named_params! {
        ":id": user.id.as_str(),
        ":login_name": user.login_name.as_str(),
        ":display_name": user.display_name,
        ":groups": serde_json::to_string(&user.groups).map_err(|e| rusqlite::Error::ToSqlConversionFailure(e.into()))?,
        ":phone_number": user.phone_number.as_ref().map(PhoneNumber::as_e164),
        ":phone_number_changed_at": user.phone_number_changed_at.map(to_millis),
        ":is_disabled": user.is_disabled,
        ":created_at": to_millis(user.created_at),
        ":last_login_at": user.last_login_at.map(to_millis),
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
        Change::Disabled(is_disabled) => connection
            .execute("UPDATE users SET is_disabled = ?2 WHERE id = ?1", params![id, is_disabled]),
        Change::LoggedIn => connection
            .execute("UPDATE users SET last_login_at = ?2 WHERE id = ?1", params![id, now]),
        Change::Password(hash) => connection.execute(
            "UPDATE users SET password_hash = ?2 WHERE id = ?1",
            params![id, hash.to_phc()],
        ),
        Change::PhoneNumber(number) => connection.execute(
            "UPDATE users SET phone_number = ?2, phone_number_changed_at = ?3 WHERE id = ?1",
            params![id, number.as_ref().map(PhoneNumber::as_e164), now],
        ),
        Change::Rehash { from, to } => connection.execute(
            "UPDATE users SET password_hash = ?3 WHERE id = ?1 AND password_hash = ?2",
            params![id, from.to_phc(), to.to_phc()],
        ),
    }?;
    Ok(changed == 1)
}

fn account(row: &Row<'_>) -> rusqlite::Result<Account> {
    let number: Option<String> = row.get(4)?;
    let hash: Option<String> = row.get(9)?;
    let id = UserId::parse(&row.get::<_, String>(0)?).ok_or_else(|| unreadable(0, "no user id"))?;
    let name = LoginName::parse(&row.get::<_, String>(1)?).map_err(|e| unreadable(1, e))?;
    let mut user = User::new(id, name, row.get::<_, String>(2)?, from_millis(row.get(7)?));
    user.groups = serde_json::from_str(&row.get::<_, String>(3)?).map_err(|e| unreadable(3, e))?;
    user.phone_number = number.as_deref().map(stored_number).transpose()?;
    user.phone_number_changed_at = row.get::<_, Option<i64>>(5)?.map(from_millis);
    user.is_disabled = row.get(6)?;
    user.last_login_at = row.get::<_, Option<i64>>(8)?.map(from_millis);
    let hash =
        hash.as_deref().map(PasswordHash::parse).transpose().map_err(|e| unreadable(9, e))?;
    Ok(Account::new(user, hash))
}

/// A number that is in the file was accepted once, whatever the configuration says today.
fn stored_number(number: &str) -> rusqlite::Result<PhoneNumber> {
    PhoneNumber::from_japanese_with(number, AllowedPrefixes::WITH_060).map_err(|e| unreadable(4, e))
}

fn unreadable(
    column: usize,
    why: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, why.into())
}
