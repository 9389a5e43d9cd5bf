//! A running simulator.

use std::{
    fmt,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, SystemTime},
};

use rand::{TryRng as _, rngs::SysRng};
use tokio::{net::TcpListener, task::JoinHandle};

use crate::{
    callback,
    config::{Delivery, DeliveryMode, Quirks, SimConfig},
    error::{ClockError, SimError},
    fault::Fault,
    inbox::{self, InboxMessage},
    server,
    shared::Shared,
    world::Intervention,
};

/// A running simulator. Dropping it stops it too, without waiting for requests in progress.
///
/// It runs in tasks of the runtime that starts it. In a runtime of one thread, a test that blocks the thread also
/// blocks the simulator: call a blocking client from a thread of its own, or take a runtime of several threads.
///
/// The methods that take a number read it with hyphens and in E.164 (`+819012345678`) too.
///
/// ```
/// use karaden_sim::{Sim, SimConfig};
///
/// #[tokio::main(flavor = "current_thread")]
/// async fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let sim = Sim::start(SimConfig::default()).await?;
///     let health = reqwest::get(format!("{}/healthz", sim.url())).await?;
///     assert_eq!(health.text().await?, "ok\n");
///     assert!(sim.inbox(None).is_empty());
///     sim.shutdown().await;
///     Ok(())
/// }
/// ```
pub struct Sim {
    addr: SocketAddr,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

impl Sim {
    /// Binds the address and starts to serve.
    ///
    /// # Errors
    ///
    /// - [`SimError::NotLoopback`]: other machines can reach the address, and the configuration does
    ///   not allow that.
    /// - [`SimError::InvalidSetting`]: a setting has an impossible value.
    /// - [`SimError::Bind`]: the address cannot be bound.
    /// - [`SimError::Randomness`]: there is no seed in the configuration, and the system returns no
    ///   random one.
    ///
    /// # Panics
    ///
    /// Outside a Tokio runtime with I/O and time.
    pub async fn start(config: SimConfig) -> Result<Self, SimError> {
        config.check()?;
        let seed = match config.seed {
            Some(seed) => seed,
            None => SysRng.try_next_u64().map_err(|_| SimError::Randomness)?,
        };
        let listener = TcpListener::bind(config.listen).await.map_err(SimError::Bind)?;
        let addr = listener.local_addr().map_err(SimError::Bind)?;
        let shared = Arc::new(Shared::new(config, seed));
        let server = tokio::spawn({
            let shared = Arc::clone(&shared);
            async move {
                let callbacks = callback::run(Arc::clone(&shared));
                tokio::join!(server::run(shared, listener), callbacks);
            }
        });
        Ok(Self { addr, shared, server })
    }

    /// Returns the address it listens on.
    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Returns its URL without a path: `http://127.0.0.1:8081`, or `https:` with a certificate. There
    /// is the inbox page.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}://{}", self.shared.config.scheme(), self.addr)
    }

    /// Returns the base URL of the SMS API, without a tenant: `http://127.0.0.1:8081/api`.
    #[must_use]
    pub fn sms_url(&self) -> String {
        format!("{}/api", self.url())
    }

    /// Returns the base URL of 空電プッシュ: `http://127.0.0.1:8081/v2`.
    #[must_use]
    pub fn push_url(&self) -> String {
        format!("{}/v2", self.url())
    }

    /// Returns the messages that have arrived, the last to arrive first, at most 1,000: of all
    /// numbers, or of the number `to`. A `to` that is no Japanese number has no messages.
    #[must_use]
    pub fn inbox(&self, to: Option<&str>) -> Vec<InboxMessage> {
        inbox::arrived(&self.shared, to, self.shared.clock.now())
    }

    /// Returns the accepted messages, arrived or not, the last accepted first, at most 1,000: of all
    /// numbers, or of the number `to`.
    #[must_use]
    pub fn messages(&self, to: Option<&str>) -> Vec<InboxMessage> {
        inbox::all_messages(&self.shared, to, self.shared.clock.now())
    }

    /// Waits until a message to the number `to` has arrived, and returns the last one. Never returns if none
    /// arrives: put it under a timeout.
    ///
    /// Returns at once if there is one already, such as that of an earlier login. To wait for the next one,
    /// [delete the messages](Self::delete_messages) before the request that sends it.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future has no effect.
    pub async fn wait_for_message(&self, to: &str) -> InboxMessage {
        inbox::first_arrived(&self.shared, Some(to)).await
    }

    /// Deletes all messages. Settings, faults and the clock stay.
    pub fn delete_messages(&self) {
        self.shared.world().delete_messages();
        self.shared.changed();
    }

    /// Changes the delivery of one message, as the buttons of the inbox page do. Returns `false` if no
    /// message has this id, or its result is final.
    pub fn intervene(&self, id: &str, action: Intervention) -> bool {
        let now = self.shared.clock.now();
        let done =
            inbox::parse_id(id).is_some_and(|id| self.shared.world().intervene(id, action, now));
        self.shared.changed();
        done
    }

    /// Replaces all faults; an empty list removes them.
    pub fn set_faults(&self, faults: Vec<Fault>) {
        let mut world = self.shared.world();
        world.faults.replace(faults);
        self.shared.update_has_faults(&world);
    }

    /// Adds a fault. It applies to the requests that no earlier fault matches.
    pub fn add_fault(&self, fault: Fault) {
        let mut world = self.shared.world();
        world.faults.add(fault);
        self.shared.update_has_faults(&world);
    }

    /// Returns how many requests got a fault so far.
    #[must_use]
    pub fn fault_hits(&self) -> u64 {
        self.shared.world().faults.hits()
    }

    /// Returns what happens to messages that are accepted from now on.
    #[must_use]
    pub fn delivery(&self) -> Delivery {
        self.shared.world().delivery
    }

    /// Sets what happens to messages that are accepted from now on.
    pub fn set_delivery(&self, delivery: Delivery) {
        self.shared.world().delivery = delivery;
    }

    /// Sets the delivery mode of messages that are accepted from now on.
    pub fn set_delivery_mode(&self, mode: DeliveryMode) {
        self.shared.world().delivery.mode = mode;
    }

    /// Replaces the quirks.
    pub fn set_quirks(&self, quirks: Quirks) {
        self.shared.world().quirks = quirks;
    }

    /// Returns the time of the simulator's clock, in whole milliseconds.
    #[must_use]
    pub fn now(&self) -> SystemTime {
        self.shared.clock.now().into()
    }

    /// Moves a manual clock forward by this time.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use karaden_sim::{ClockError, Sim, SimConfig};
    ///
    /// #[tokio::main(flavor = "current_thread")]
    /// async fn main() -> Result<(), Box<dyn std::error::Error>> {
    ///     let sim = Sim::start(SimConfig::deterministic()).await?;
    ///     let start = sim.now();
    ///     sim.advance(Duration::from_secs(300))?;
    ///     assert_eq!(sim.now().duration_since(start)?, Duration::from_secs(300));
    ///     assert_eq!(sim.set_now(start), Err(ClockError::Back));
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ClockError::Real`]: the simulator uses the system clock.
    pub fn advance(&self, by: Duration) -> Result<(), ClockError> {
        self.shared.clock.advance(by)?;
        self.shared.changed();
        Ok(())
    }

    /// Moves a manual clock forward to this time, which is cut to whole milliseconds.
    ///
    /// # Errors
    ///
    /// - [`ClockError::Back`]: the time is before the present time of the clock.
    /// - [`ClockError::Real`]: the simulator uses the system clock.
    pub fn set_now(&self, at: SystemTime) -> Result<(), ClockError> {
        self.shared.clock.set(at.into())?;
        self.shared.changed();
        Ok(())
    }

    /// Makes it as if it had just been started: no messages, no bulk sends, empty send lists, no
    /// faults, the delivery and quirks of the configuration, a manual clock at its start. With a seed
    /// in the configuration the ids start again too. Requests in progress are not stopped.
    pub fn reset(&self) {
        self.shared.reset();
    }

    /// Stops listening and waits until all requests in progress have finished. After one second,
    /// closes the connections that are still open.
    pub async fn shutdown(mut self) {
        self.shared.stop.cancel();
        let _ = (&mut self.server).await;
    }
}

impl fmt::Debug for Sim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sim").field("addr", &self.addr).finish_non_exhaustive()
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        self.shared.stop.cancel();
    }
}
