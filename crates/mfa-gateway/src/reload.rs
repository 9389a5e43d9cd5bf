//! Reading the configuration again while the gateway runs.

use std::{path::Path, sync::Arc};

use anyhow::Context as _;
use secrecy::ExposeSecret as _;

use crate::{
    assemble::connections,
    config::{Config, ConfigError},
    running::Running,
};

impl Running {
    /// Reads the configuration from `file` again, and puts it into force for requests and connections that begin
    /// from now on. Counters, open connections, sessions and logins go on.
    ///
    /// If anything is wrong with the file, the configuration stays as it is as a whole. If only settings have changed
    /// that need a restart, such as an address, they stay and everything else is put into force. The log names each
    /// problem and each such setting. Returns the configuration in force.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, or a part of it cannot be used.
    pub async fn reload(&self, file: &Path) -> anyhow::Result<Arc<Config>> {
        let _one_at_a_time = self.reloading.lock().await;
        let reloaded = self.try_reload(file).await;
        let metrics = &self.assembled.app.runtime().metrics;
        metrics.config_reload(reloaded.is_ok());
        match &reloaded {
            Ok(config) => {
                tracing::info!(event = "config.reloaded", "the configuration was read again");
                config.warnings.log();
            }
            Err(error) => log_problems(error),
        }
        reloaded
    }

    async fn try_reload(&self, file: &Path) -> anyhow::Result<Arc<Config>> {
        let file = file.to_owned();
        let mut config = tokio::task::spawn_blocking(move || Config::load(&file)).await??;
        let needs_restart = keep_fixed(&mut config, &self.assembled.config());
        let connections = connections(&config).context("connections")?;
        self.assembled.reconfigure(config)?;
        self.connections.set(connections);
        for key in needs_restart {
            tracing::warn!(
                event = "config.restart_needed",
                key,
                "this setting changes at the next start"
            );
        }
        Ok(self.assembled.config())
    }
}

fn log_problems(error: &anyhow::Error) {
    let problems = match error.downcast_ref::<ConfigError>() {
        Some(ConfigError::Invalid(problems)) => problems.iter().collect(),
        Some(ConfigError::Unreadable { .. }) | None => Vec::new(),
    };
    for problem in &problems {
        tracing::error!(
            event = "config.problem",
            line = problem.line,
            column = problem.column,
            key = problem.key,
            remedy = problem.remedy.en,
            "{}",
            problem.what.en
        );
    }
    let reason = match problems.len() {
        0 => format!("{error:#}"),
        count => format!("{count} problems in the file"),
    };
    tracing::error!(
        event = "config.reload_failed",
        reason,
        "the configuration could not be read again; the one before stays in force"
    );
}

/// Puts each setting that needs a restart back to its value in force, and returns the keys that differ.
fn keep_fixed(config: &mut Config, in_force: &Config) -> Vec<&'static str> {
    let mut changed = Vec::new();
    let mut keep = |key, is_same: bool| {
        if !is_same {
            changed.push(key);
        }
    };
    let (new, old) = (&mut config.gateway, &in_force.gateway);
    keep("gateway.listen", new.listen == old.listen);
    new.listen.clone_from(&old.listen);
    keep("gateway.ops_listen", new.ops_listen == old.ops_listen);
    new.ops_listen.clone_from(&old.ops_listen);
    keep("gateway.socket_mode", new.socket_mode == old.socket_mode);
    new.socket_mode = old.socket_mode;
    keep("gateway.data_dir", new.data_dir == old.data_dir);
    new.data_dir.clone_from(&old.data_dir);
    keep("gateway.secret", new.secret.expose_secret() == old.secret.expose_secret());
    new.secret.clone_from(&old.secret);
    let (new, old) = (&mut config.passwords, &in_force.passwords);
    keep("passwords.pepper", new.peppers.are_same(&old.peppers));
    new.peppers.clone_from(&old.peppers);
    keep("otp_cache", config.otp_cache == in_force.otp_cache);
    config.otp_cache = in_force.otp_cache;
    keep("log.format", config.log.format == in_force.log.format);
    config.log.format = in_force.log.format;
    changed
}
