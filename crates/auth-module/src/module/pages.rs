//! Waking the open pages of a user.

use otp_core::SubjectKey;

use super::core::AuthModule;
use crate::{
    error::{AuthError, AuthErrorKind},
    user::UserId,
};

impl AuthModule {
    /// Wakes every page that waits for news of `user`, on every node. Call it after a login of this user was
    /// changed and saved.
    ///
    /// # Errors
    ///
    /// When the pages of other nodes may not have been woken.
    pub async fn notify_pages(&self, user: &UserId) -> Result<(), AuthError> {
        // Plugins derive the topic in the same way: from tenant and user.
        let subject = SubjectKey::derive(self.parts.settings.tenant(), user.as_str());
        self.parts.notifier.notify(subject).await.map_err(|source| {
            AuthError::new(AuthErrorKind::Unavailable, "cannot reach the notifier")
                .with_source(source)
        })
    }
}
