//! The signals that end the program.

use tokio::signal::unix::{SignalKind, signal};

/// Waits for SIGINT or SIGTERM. A second signal exits at once with status 130.
pub(crate) async fn stop_signal() -> anyhow::Result<()> {
    let (mut interrupt, mut terminate) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        std::process::exit(130);
    });
    Ok(())
}
