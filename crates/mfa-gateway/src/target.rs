//! How long a request target may be.

/// The longest target of a request to the application.
pub(crate) const MAX_BYTES: usize = 8 * 1024;

/// The longest target of one of our own pages. The parameter of a login page is a whole target of the
/// application, and an escape of one of its bytes takes three.
pub(crate) const MAX_OWN_BYTES: usize = 3 * MAX_BYTES + 1024;
