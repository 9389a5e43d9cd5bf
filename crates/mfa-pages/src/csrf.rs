//! The token of a form.

use std::fmt;

/// The token of a form against forged requests. `Debug` does not show it.
#[derive(Clone, Copy)]
pub struct CsrfToken<'a>(&'a str);

impl<'a> CsrfToken<'a> {
    /// Wraps the text of a token.
    pub const fn new(token: &'a str) -> Self {
        Self(token)
    }

    /// Returns the token, for the hidden field of a form.
    pub(crate) const fn expose_secret(&self) -> &'a str {
        self.0
    }
}

impl fmt::Debug for CsrfToken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CsrfToken(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_hides_the_token() {
        let shown = format!("{:?}", Some(CsrfToken::new("tell-tale")));
        assert!(!shown.contains("tell-tale"), "{shown}");
    }
}
