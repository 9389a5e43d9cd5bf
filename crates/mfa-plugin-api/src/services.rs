//! Services of the host. A plugin finds a service by its type, so this crate depends on no service.

use std::{
    any::{Any, TypeId, type_name},
    collections::HashMap,
    fmt,
    sync::Arc,
};

/// Services by type: at most one value of each.
///
/// The authentication module adds the OTP cache (`Arc<dyn ChallengeStore>`); a plugin finds it by its type.
/// So this crate needs no dependency on any store.
///
/// Two versions of one crate have two types of one name. A service of the one is not found by the other, so
/// host and plugin must use the same version of the crate that defines the service. `cargo tree
/// --duplicates` shows whether they do.
///
/// ```
/// use std::sync::Arc;
/// use mfa_plugin_api::Services;
///
/// trait Greeter: Send + Sync { fn greet(&self) -> String; }
/// struct Polite;
/// impl Greeter for Polite { fn greet(&self) -> String { "good morning".into() } }
///
/// let services = Services::new().with::<Arc<dyn Greeter>>(Arc::new(Polite));
/// assert_eq!(services.find::<Arc<dyn Greeter>>().map(|g| g.greet()).as_deref(), Some("good morning"));
/// assert!(services.find::<String>().is_none());
/// ```
#[derive(Clone, Default)]
pub struct Services {
    by_type: HashMap<TypeId, (&'static str, Arc<dyn Any + Send + Sync>)>,
}

impl Services {
    /// Returns an empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds `service`. It replaces an earlier one of the same type.
    #[must_use]
    pub fn with<T: Send + Sync + 'static>(mut self, service: T) -> Self {
        self.by_type.insert(TypeId::of::<T>(), (type_name::<T>(), Arc::new(service)));
        self
    }

    /// Returns the service of type `T`, if the host has one.
    pub fn find<T: Send + Sync + 'static>(&self) -> Option<&T> {
        self.by_type.get(&TypeId::of::<T>()).and_then(|(_, service)| service.downcast_ref())
    }
}

impl fmt::Debug for Services {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.by_type.values().map(|(name, _)| name)).finish()
    }
}
