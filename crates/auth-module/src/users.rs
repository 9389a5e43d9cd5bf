//! The ports to the users: looking them up, and changing them.

use std::{collections::BTreeSet, fmt::Debug, time::SystemTime};

use async_trait::async_trait;
use otp_core::PhoneNumber;

use crate::{
    error::AuthError,
    name::LoginName,
    password::{HashSource, PasswordHash},
    user::{Account, User, UserId},
};

/// Finds users: in an SQLite file, a database server, a company's directory. Never hands out a
/// password hash.
///
/// # Contract
///
/// 1. **One name, one user.** A login name belongs to at most one user, and a user's id never
///    changes. Both look-ups return the same user, with the groups and the phone number that the
///    directory has.
/// 2. **Pages in order.** [`list`](Self::list) returns users in the order of their login names. A
///    page begins with the first name after `after`, so pages neither skip nor repeat a user.
/// 3. **A search is literal.** [`search`](Self::search) finds each user whose login name or display
///    name contains the text. It ignores the case of ASCII letters, knows no wildcard, and returns
///    pages as `list` does.
/// 4. **A change is seen by the next read.** A disabled account is read as disabled. The
///    [generation](User::generation) rises with a new password and when the account is disabled, or it
///    is always 0.
///
/// `conformance::users` has one test for each clause.
#[async_trait]
pub trait Users: Debug + Send + Sync + 'static {
    /// Returns the user who logs in as `name`.
    async fn find_by_name(&self, name: &LoginName) -> Result<Option<User>, AuthError>;

    /// Returns the user with this id.
    async fn find_by_id(&self, id: &UserId) -> Result<Option<User>, AuthError>;

    /// Returns at most `limit` users in the order of their login names, from the one after `after`.
    async fn list(&self, after: Option<&LoginName>, limit: usize) -> Result<Vec<User>, AuthError>;

    /// Returns at most `limit` users whose login name or display name contains `text`, in the order
    /// of their login names, from the one after `after`. An empty text finds every user.
    async fn search(
        &self,
        text: &str,
        after: Option<&LoginName>,
        limit: usize,
    ) -> Result<Vec<User>, AuthError>;
}

const _: fn(&dyn Users) = |_| {};

/// Adds, changes and removes users. A directory that this program may only read has none.
///
/// # Contract
///
/// 1. **All or none.** [`add`](Self::add) adds every account of the call or none of them. A call with
///    an id that is taken is an error.
/// 2. **One winner.** Of any number of calls that add one login name, one succeeds, and the others add
///    nothing.
/// 3. **One thing at a time.** [`change`](Self::change) changes what it names and nothing else, also
///    beside other changes, and the next read sees it. For an unknown user it changes nothing and
///    returns `false`.
/// 4. **The generation rises** with each new password and each time an account is disabled, and with
///    nothing else. See [`User::generation`].
/// 5. **Acknowledged means kept.** What a durable store has acknowledged survives a crash.
/// 6. **Removed is gone.** After [`remove`](Self::remove) no look-up finds the user or the hash of the
///    password, and no other user has changed. The login name is free for another user.
/// 7. **A batch is whole.** [`apply`](Self::apply) adds every account and makes every change of the
///    call, or nothing. If it does nothing, it names every position that is to blame.
///
/// `conformance::user_administration` has one test for each clause.
#[async_trait]
pub trait UserAdministration: HashSource {
    /// Adds all of `accounts` or none.
    ///
    /// # Errors
    ///
    /// When the store failed, or when a new account has the id of another.
    async fn add(&self, accounts: Vec<Account>) -> Result<AccountsAdded, AuthError>;

    /// Changes one thing about a user. Returns `false` if there is no such user.
    async fn change(&self, id: &UserId, change: Change, now: SystemTime)
    -> Result<bool, AuthError>;

    /// Removes a user with everything that is stored about the person. Returns `false` if there is no
    /// such user.
    async fn remove(&self, id: &UserId) -> Result<bool, AuthError>;

    /// Does all of `batch` or nothing.
    ///
    /// # Errors
    ///
    /// When the store failed, or when a new account has the id of another.
    async fn apply(&self, batch: Batch, now: SystemTime) -> Result<BatchApplied, AuthError>;
}

const _: fn(&dyn UserAdministration) = |_| {};

/// What became of [`UserAdministration::add`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountsAdded {
    /// Every account was added.
    Done,
    /// No account was added. These positions in the list have a login name that is taken, by a user
    /// or by an earlier account of the list.
    NamesTaken(Vec<usize>),
}

/// What [`UserAdministration::apply`] does in one step.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// The accounts to add.
    pub add: Vec<Account>,
    /// The changes, made in this order. One user may have several.
    pub change: Vec<(UserId, Change)>,
}

/// What became of [`UserAdministration::apply`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BatchApplied {
    /// Everything was done.
    Done,
    /// Nothing was done.
    Refused {
        /// The positions in [`Batch::add`] whose login name is taken, by a user or by an earlier account.
        names_taken: Vec<usize>,
        /// The positions in [`Batch::change`] whose user is unknown.
        unknown: Vec<usize>,
    },
}

/// One change to a user. Exhaustive: a store has to handle each.
#[derive(Debug, Clone)]
pub enum Change {
    /// Disables or enables the account.
    Disabled(bool),
    /// Sets the name shown on pages.
    DisplayName(String),
    /// Changes the groups.
    Groups(GroupChange),
    /// Notes a completed login.
    LoggedIn,
    /// Sets the password.
    Password(PasswordHash),
    /// Sets the phone number, or removes it.
    PhoneNumber(Option<PhoneNumber>),
}

/// A change of groups. A store applies it to the groups that the user has at that moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupChange {
    /// Adds these groups.
    Add(BTreeSet<String>),
    /// Removes these groups.
    Remove(BTreeSet<String>),
    /// Sets exactly these groups.
    Set(BTreeSet<String>),
}

impl GroupChange {
    /// Returns the groups of a user who had the groups `before`.
    #[must_use]
    pub fn applied_to(&self, before: &BTreeSet<String>) -> BTreeSet<String> {
        match self {
            Self::Add(groups) => before | groups,
            Self::Remove(groups) => before - groups,
            Self::Set(groups) => groups.clone(),
        }
    }
}
