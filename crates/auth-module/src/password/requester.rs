//! Who asks for a password hash.

use std::net::IpAddr;

use ipnet::IpNet;
use otp_cache::QuotaKey;

use crate::network::networks_of;

/// Who asks for a password hash: the share of the hasher that one client gets depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Requester {
    /// The widest first; see [`networks_of`].
    pub(super) networks: [IpNet; 3],
    /// `None` for an operator, who may set many passwords at once.
    pub(super) account: Option<QuotaKey>,
    pub(super) is_familiar: bool,
}

impl Requester {
    /// A client at `address` who tries the account named by `account`, whether that exists or not.
    pub fn new(address: IpAddr, account: QuotaKey) -> Self {
        Self { networks: networks_of(address), account: Some(account), is_familiar: false }
    }

    /// Marks a client from whose browser or address the user of this account has completed a login lately.
    #[must_use]
    pub const fn familiar(mut self) -> Self {
        self.is_familiar = true;
        self
    }

    /// An operator of this program.
    pub(super) fn operator() -> Self {
        let networks = networks_of(IpAddr::from([0, 0, 0, 0]));
        Self { networks, account: None, is_familiar: true }
    }
}
