//! Users.

use std::sync::Arc;

use async_trait::async_trait;
use auth_module::{
    AuthError, LoginName, MemoryUsers, User, UserId, Users,
    conformance::{StoreSeed, UsersKit, users},
};

use crate::{caught, hasher};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    None,
    /// Finds a user by the beginning of the name.
    FindsByPrefix,
    /// Begins a page with the last user of the page before.
    RepeatsTheLast,
    /// Takes `%` for a wildcard.
    KnowsWildcards,
}

#[derive(Debug)]
struct Flawed(Flaw, MemoryUsers);

#[async_trait]
impl Users for Flawed {
    async fn find_by_name(&self, name: &LoginName) -> Result<Option<User>, AuthError> {
        if self.0 != Flaw::FindsByPrefix {
            return self.1.find_by_name(name).await;
        }
        let users = self.1.list(None, usize::MAX).await?;
        Ok(users.into_iter().find(|user| user.login_name.as_str().starts_with(name.as_str())))
    }

    async fn find_by_id(&self, id: &UserId) -> Result<Option<User>, AuthError> {
        self.1.find_by_id(id).await
    }

    async fn list(&self, after: Option<&LoginName>, limit: usize) -> Result<Vec<User>, AuthError> {
        if self.0 != Flaw::RepeatsTheLast {
            return self.1.list(after, limit).await;
        }
        let mut users = self.1.list(None, usize::MAX).await?;
        users.retain(|user| after.is_none_or(|after| user.login_name >= *after));
        users.truncate(limit);
        Ok(users)
    }

    async fn search(
        &self,
        text: &str,
        after: Option<&LoginName>,
        limit: usize,
    ) -> Result<Vec<User>, AuthError> {
        let has_wildcard = self.0 == Flaw::KnowsWildcards && text.contains('%');
        self.1.search(if has_wildcard { "" } else { text }, after, limit).await
    }
}

fn breaks(flaw: Flaw) -> Vec<&'static str> {
    caught(&users::clauses(), || {
        let users = MemoryUsers::new();
        let administration = Arc::new(users.clone());
        UsersKit {
            users: Arc::new(Flawed(flaw, users)),
            seed: Arc::new(StoreSeed { administration, hasher: hasher() }),
        }
    })
}

#[test]
fn users_in_memory_pass() {
    assert_eq!(breaks(Flaw::None), [""; 0]);
}

#[test]
fn each_flaw_of_users_is_caught_by_its_clause() {
    assert_eq!(breaks(Flaw::FindsByPrefix), ["clause_1_one_name_one_user"]);
    assert_eq!(breaks(Flaw::RepeatsTheLast), ["clause_2_pages_in_order"]);
    assert_eq!(breaks(Flaw::KnowsWildcards), ["clause_3_a_search_is_literal"]);
}
