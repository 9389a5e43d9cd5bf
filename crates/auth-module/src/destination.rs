//! Where a user wanted to go before a login.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The name of an application behind the gateway, such as `shop`.
///
/// 1 to 63 lower-case ASCII letters, digits and hyphens, starting with a letter.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct AppName(String);

/// A name that no application can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "an application's name is 1 to 63 lower-case ASCII letters, digits and hyphens, starting with a letter"
)]
pub struct InvalidAppName;

impl AppName {
    /// Checks a name.
    ///
    /// # Errors
    ///
    /// [`InvalidAppName`] if the name breaks the rule of the type.
    pub fn new(name: impl Into<String>) -> Result<Self, InvalidAppName> {
        let name = name.into();
        let starts_well = name.starts_with(|c: char| c.is_ascii_lowercase());
        let is_clean =
            name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if starts_well && is_clean && name.len() <= 63 {
            Ok(Self(name))
        } else {
            Err(InvalidAppName)
        }
    }

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AppName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for AppName {
    type Error = InvalidAppName;

    fn try_from(name: String) -> Result<Self, InvalidAppName> {
        Self::new(name)
    }
}

/// A path and query within one application: where a user wanted to go before a login.
///
/// It names no scheme and no host, so a redirect to it stays within the application (CWE-601). `Debug`
/// shows neither path nor query: both can hold an application's own secrets.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "StoredDestination")]
pub struct Destination {
    app: AppName,
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    query: Option<String>,
}

/// A path or query that could lead out of the application.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a path and query within an application")]
pub struct InvalidDestination;

impl Destination {
    /// Checks a path and a query, which stands without its `?`.
    ///
    /// # Errors
    ///
    /// [`InvalidDestination`] unless the path begins with exactly one `/`, and both consist of visible
    /// ASCII characters without `\` and `#`, the path also without `?`.
    pub fn new(
        app: AppName,
        path: impl Into<String>,
        query: Option<String>,
    ) -> Result<Self, InvalidDestination> {
        let path = path.into();
        // Browsers read `//host` and `/\host` as another host, and drop tabs and line breaks first.
        let is_absolute = path.starts_with('/') && !path.starts_with("//");
        let is_path = is_absolute && is_clean(&path) && !path.contains('?');
        if is_path && query.as_deref().is_none_or(is_clean) {
            Ok(Self { app, path, query })
        } else {
            Err(InvalidDestination)
        }
    }

    /// Returns the start page of `app`.
    pub fn root(app: AppName) -> Self {
        Self { app, path: "/".to_owned(), query: None }
    }

    /// Returns the application.
    pub fn app(&self) -> &AppName {
        &self.app
    }

    /// Returns the path, which begins with `/`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns the query without its `?`.
    pub fn query(&self) -> Option<&str> {
        self.query.as_deref()
    }
}

impl fmt::Debug for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Destination").field("app", &self.app).finish_non_exhaustive()
    }
}

fn is_clean(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'\\' | b'#'))
}

/// A [`Destination`] as it was stored, before it is checked again.
#[derive(Deserialize)]
struct StoredDestination {
    app: AppName,
    path: String,
    query: Option<String>,
}

impl TryFrom<StoredDestination> for Destination {
    type Error = InvalidDestination;

    fn try_from(stored: StoredDestination) -> Result<Self, InvalidDestination> {
        Self::new(stored.app, stored.path, stored.query)
    }
}
