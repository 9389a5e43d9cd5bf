//! A gateway with more than its configuration says.

use std::sync::Arc;

use mfa_pages::Language;
use mfa_plugin_api::MfaPlugin;
use mfa_proxy::Listener;

use crate::{
    assemble::{Additions, assemble, check},
    config::Config,
    running::{Running, run},
    time::SharedClock,
};

/// Starts a gateway from its configuration, and from the factors that a program adds to it.
///
/// A program of its own adds a factor without a change to this crate. The factor's name can then be used in
/// the rules of the configuration.
///
/// ```no_run
/// use std::{path::Path, sync::Arc};
///
/// use mfa_gateway::{builder::GatewayBuilder, config::Config, running::open_listeners, time::SystemClock};
/// use mfa_pages::Language;
/// use mfa_plugin_api::MfaPlugin;
///
/// async fn serve(factor: Arc<dyn MfaPlugin>) -> anyhow::Result<()> {
///     let config = Config::load(Path::new("/etc/mfa-gateway.toml"))?;
///     let (listener, ops_listener) = open_listeners(&config.gateway).await?;
///     let running = GatewayBuilder::new(&config)
///         .with_factor(factor)
///         .with_texts(Language::En, "recovery-title = Enter your recovery code\n")
///         .with_texts(Language::Ja, "recovery-title = 回復用コードの入力\n")
///         .start(listener, ops_listener, Arc::new(SystemClock))
///         .await?;
///     // … until the program has to stop:
///     running.shut_down().await
/// }
/// ```
#[derive(Debug, Clone)]
pub struct GatewayBuilder<'c> {
    config: &'c Config,
    additions: Additions,
}

impl<'c> GatewayBuilder<'c> {
    /// Returns a gateway with the factors of its configuration: the password and `sms-otp`.
    pub fn new(config: &'c Config) -> Self {
        Self { config, additions: Additions::default() }
    }

    /// Adds a factor.
    #[must_use]
    pub fn with_factor(mut self, factor: Arc<dyn MfaPlugin>) -> Self {
        self.additions.factors.push(factor);
        self
    }

    /// Adds texts in Fluent syntax, for the message keys of an added factor. They replace texts with the same
    /// key. If a language has no text for a key, the text of the other language is shown, and without that the key.
    #[must_use]
    pub fn with_texts(mut self, language: Language, source: impl Into<String>) -> Self {
        self.additions.texts.push((language, source.into()));
        self
    }

    /// Checks what the file alone does not show: that the plugins can be made, that every factor that a rule
    /// names has exactly one plugin, and that the texts can be read.
    ///
    /// # Errors
    ///
    /// The first plugin that cannot be made, every factor without a plugin, or the first problem in the texts.
    pub fn check(&self) -> anyhow::Result<()> {
        check(self.config, &self.additions)
    }

    /// Starts the gateway on these listeners.
    ///
    /// # Errors
    ///
    /// When a store cannot be opened, or for a problem that [`check`](Self::check) finds.
    pub async fn start(
        self,
        listener: Listener,
        ops_listener: Listener,
        clock: SharedClock,
    ) -> anyhow::Result<Running> {
        let assembled = assemble(self.config, &self.additions, Arc::clone(&clock)).await?;
        run(assembled, listener, ops_listener, clock).await
    }
}
