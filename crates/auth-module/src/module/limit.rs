//! The names of the limits on passwords.

/// The limits on attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Limit {
    Address,
    /// Wrong passwords in a row for one account in one place. It lets attempts go on, but from then on each password
    /// counts as wrong there.
    Failures,
    /// The same within one unfamiliar site, so that few sites cannot use up the limit of all.
    FailuresInSite,
    Site,
    Successes,
    User,
    UserAndAddress,
    UserAndBrowser,
    UserAndNewAddress,
    UserAndNewSite,
}

impl Limit {
    /// Returns the name for the audit trail.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Failures => "failures",
            Self::FailuresInSite => "failures_in_site",
            Self::Site => "site",
            Self::Successes => "successes",
            Self::User => "user",
            Self::UserAndAddress => "user_and_address",
            Self::UserAndBrowser => "user_and_browser",
            Self::UserAndNewAddress => "user_and_new_address",
            Self::UserAndNewSite => "user_and_new_site",
        }
    }
}
