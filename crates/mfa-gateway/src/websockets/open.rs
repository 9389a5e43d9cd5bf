//! The open WebSocket connections.

use std::time::Duration;

use auth_module::UserId;
use ipnet::IpNet;

use crate::slots::{Slot, Slots};

/// Whose connections are counted together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Owner {
    User(UserId),
    Address(IpNet),
}

/// The open WebSocket connections, and their limits.
#[derive(Debug, Clone)]
pub(crate) struct WebSockets {
    pub(super) idle_timeout: Duration,
    max_per_owner: usize,
    open: Slots<Owner>,
}

impl WebSockets {
    pub(crate) fn new(idle_timeout: Duration, max_per_owner: usize) -> Self {
        Self { idle_timeout, max_per_owner, open: Slots::new() }
    }

    /// Returns the same connections with other limits, for those that are opened from now on.
    pub(crate) fn with_limits(&self, idle_timeout: Duration, max_per_owner: usize) -> Self {
        Self { idle_timeout, max_per_owner, open: self.open.clone() }
    }

    /// Opens one connection of `owner`. `None` if there are too many.
    pub(super) fn take(&self, owner: Owner) -> Option<Slot<Owner>> {
        self.open.take(&[(owner, self.max_per_owner)])
    }
}
