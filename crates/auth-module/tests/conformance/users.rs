//! Users.

use std::sync::Arc;

use async_trait::async_trait;
use auth_module::{
    AuthError, LoginName, MemoryUsers, User, UserId, Users,
    conformance::{StoreSeed, UsersKit, users},
};

use crate::{Passed, Suite, check_table, hasher, passed, planted};

planted! {
    /// Finds a user by the beginning of the name.
    FindsByPrefix => clause_1_one_name_one_user,
    /// Finds any user under an id that no user has.
    FindsAnyId => clause_1_one_name_one_user,
    /// Reads no groups when it looks for an id.
    ForgetsTheGroups => clause_1_one_name_one_user,
    /// Reads no phone number, so no user gets a code.
    ForgetsThePhoneNumber => clause_1_one_name_one_user,
    /// Begins a page with the last user of the page before.
    RepeatsTheLast => clause_2_pages_in_order,
    /// Begins a page of three after the first user who belongs to it.
    SkipsOne => clause_2_pages_in_order,
    /// Returns pages of at least two.
    ExceedsTheLimit => clause_2_pages_in_order,
    /// Sorts names by their length first, as numbers are.
    SortsByLength => clause_2_pages_in_order,
    /// Takes `%` for a wildcard.
    KnowsWildcards => clause_3_a_search_is_literal,
    /// Tells capital letters from small ones.
    KnowsCase => clause_3_a_search_is_literal,
    /// Searches login names only.
    SkipsDisplayNames => clause_3_a_search_is_literal,
    /// Begins each search at the first name.
    SearchesFromTheStart => clause_3_a_search_is_literal,
    /// Finds no user if the search text is empty.
    FindsNobodyByNothing => clause_3_a_search_is_literal,
    /// Does not read whether an account is disabled.
    HidesTheDisabled => clause_4_a_change_is_seen,
    /// Notices only that the account was disabled.
    NotesOnePassword => clause_4_a_change_is_seen,
    /// Leaves out disabled users in lists.
    ListsTheEnabled => clause_4_a_change_is_seen,
}

#[derive(Debug)]
struct Faulty(Fault, MemoryUsers);

impl Faulty {
    fn seen(&self, mut user: User) -> User {
        match self.0 {
            Fault::ForgetsThePhoneNumber => user.phone_number = None,
            Fault::HidesTheDisabled => user.is_disabled = false,
            Fault::NotesOnePassword => user.generation = u64::from(user.is_disabled),
            _ => {}
        }
        user
    }

    fn all_seen(&self, users: Vec<User>) -> Vec<User> {
        let is_listed = |user: &User| self.0 != Fault::ListsTheEnabled || !user.is_disabled;
        users.into_iter().filter(is_listed).map(|user| self.seen(user)).collect()
    }

    async fn everyone(&self) -> Result<Vec<User>, AuthError> {
        self.1.list(None, usize::MAX).await
    }
}

#[async_trait]
impl Users for Faulty {
    async fn find_by_name(&self, name: &LoginName) -> Result<Option<User>, AuthError> {
        let mut found = self.1.find_by_name(name).await?;
        if self.0 == Fault::FindsByPrefix {
            let mut users = self.everyone().await?.into_iter();
            found = users.find(|user| user.login_name.as_str().starts_with(name.as_str()));
        }
        Ok(found.map(|user| self.seen(user)))
    }

    async fn find_by_id(&self, id: &UserId) -> Result<Option<User>, AuthError> {
        let mut found = self.1.find_by_id(id).await?.map(|user| self.seen(user));
        match (self.0, &mut found) {
            (Fault::FindsAnyId, None) => found = self.everyone().await?.pop(),
            (Fault::ForgetsTheGroups, Some(user)) => user.groups.clear(),
            _ => {}
        }
        Ok(found)
    }

    async fn list(&self, after: Option<&LoginName>, limit: usize) -> Result<Vec<User>, AuthError> {
        let mut users = self.everyone().await?;
        match self.0 {
            Fault::RepeatsTheLast => {
                users.retain(|user| after.is_none_or(|after| user.login_name >= *after));
            }
            Fault::SkipsOne if after.is_some() && limit == 3 => {
                users.retain(|user| after.is_some_and(|after| user.login_name > *after));
                users = users.into_iter().skip(1).collect();
            }
            Fault::SortsByLength => {
                let key = |name: &LoginName| (name.as_str().len(), name.clone());
                users.retain(|user| after.is_none_or(|n| key(&user.login_name) > key(n)));
                users.sort_by_key(|user| key(&user.login_name));
            }
            _ => users = self.1.list(after, usize::MAX).await?,
        }
        let at_least = if self.0 == Fault::ExceedsTheLimit { 2 } else { 0 };
        users.truncate(limit.max(at_least));
        Ok(self.all_seen(users))
    }

    async fn search(
        &self,
        text: &str,
        after: Option<&LoginName>,
        limit: usize,
    ) -> Result<Vec<User>, AuthError> {
        let found = match self.0 {
            Fault::KnowsWildcards if text.contains('%') => self.1.list(after, limit).await?,
            Fault::KnowsCase => {
                let has_text = |user: &User| {
                    user.login_name.as_str().contains(text) || user.display_name.contains(text)
                };
                let mut users = self.1.list(after, usize::MAX).await?;
                users.retain(has_text);
                users.truncate(limit);
                users
            }
            Fault::SkipsDisplayNames => {
                let text = text.to_ascii_lowercase();
                let mut users = self.1.search(&text, after, usize::MAX).await?;
                users.retain(|user| user.login_name.as_str().contains(&text));
                users.truncate(limit);
                users
            }
            Fault::SearchesFromTheStart => self.1.search(text, None, limit).await?,
            Fault::FindsNobodyByNothing if text.is_empty() => Vec::new(),
            _ => self.1.search(text, after, limit).await?,
        };
        Ok(self.all_seen(found))
    }
}

fn run(fault: Fault) -> Vec<Passed> {
    passed(&users::clauses(), || {
        let users = MemoryUsers::new();
        let administration = Arc::new(users.clone());
        UsersKit {
            users: Arc::new(Faulty(fault, users)),
            seed: Arc::new(StoreSeed { administration, hasher: hasher() }),
        }
    })
}

#[test]
fn each_clause_of_users_finds_its_faults_and_no_other() {
    let suite = Suite {
        port: include_str!("../../src/users.rs"),
        name: "Users",
        sources: &[include_str!("../../src/conformance/users.rs")],
        prefix: "clause_",
    };
    check_table(&[suite], Fault::None, PLANTED, run);
}
