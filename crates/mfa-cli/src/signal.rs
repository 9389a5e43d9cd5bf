//! The signals that stop the program, and the one that makes it read its configuration again.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Catches SIGHUP from now on, which would end the process otherwise. Signals in quick succession are one.
pub(crate) fn reload_signal() -> anyhow::Result<Signal> {
    Ok(signal(SignalKind::hangup())?)
}

/// Catches SIGINT and SIGTERM from now on. The future waits for the first; a second one exits at once with status
/// 130.
pub(crate) fn stop_signal() -> anyhow::Result<impl Future<Output = anyhow::Result<()>>> {
    let (mut interrupt, mut terminate) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let mut next = async move || {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    };
    Ok(async move {
        next().await;
        tokio::spawn(async move {
            next().await;
            std::process::exit(130);
        });
        Ok(())
    })
}
