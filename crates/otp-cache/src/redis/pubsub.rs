//! Notifications between nodes, by Redis publish/subscribe.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use otp_core::SubjectKey;
use redis::{PushInfo, PushKind, RedisResult, Value, aio::MultiplexedConnection};
use tokio::{
    sync::Notify,
    task::JoinSet,
    time::{sleep, timeout},
};

use super::{
    config::RedisConfig,
    link::Link,
    scripts::{ask, to_store_error},
    subscriber::Subscriber,
};
use crate::{LocalNotifier, Notifier, StoreError, Subscription};

/// How often the server is asked whether it is still there. A connection can break in silence.
const PING_INTERVAL: Duration = Duration::from_secs(1);

/// How long to wait before the next attempt to subscribe.
const RECONNECT_PAUSE: Duration = Duration::from_millis(250);

/// Wakes the subscriptions of every process that uses the same servers and key prefix.
///
/// Each process holds one subscriber connection and hears every notification: 16 bytes on the channel
/// `otp:changes`, where `otp` is the [key prefix](RedisConfig::with_key_prefix). In a cluster the servers
/// pass it on to all nodes. Redis does not store notifications. So after each reconnection all subscriptions of
/// the process wake, because it may have missed some.
///
/// In addition to its rights for the store the user needs `+publish +subscribe +ping` and the channel
/// `&otp:changes`.
///
/// ```no_run
/// # async fn connect() -> Result<(), otp_cache::StoreError> {
/// use otp_cache::redis::{RedisConfig, RedisNotifier};
///
/// let notifier = RedisNotifier::connect(RedisConfig::standalone("redis://127.0.0.1:6379")).await?;
/// # Ok(())
/// # }
/// ```
pub struct RedisNotifier {
    link: Link,
    channel: Vec<u8>,
    local: LocalNotifier,
    /// Ends with the notifier.
    _listening: JoinSet<()>,
}

impl RedisNotifier {
    /// Connects and subscribes. Room for 100,000 subscriptions.
    ///
    /// # Errors
    ///
    /// As [`RedisStore::connect`](super::RedisStore::connect), but it does not matter here what the servers
    /// evict or keep.
    pub async fn connect(config: RedisConfig) -> Result<Self, StoreError> {
        let link = Link::new(&config).map_err(to_store_error)?;
        link.reach().await.map_err(to_store_error)?;
        let channel = format!("{}:changes", config.key_prefix).into_bytes();
        let local = LocalNotifier::new();
        let lost = Arc::new(Notify::new());
        let subscriber = Subscriber::new(&config, receiver(local.clone(), Arc::clone(&lost)));
        let subscriber = subscriber.map_err(to_store_error)?;
        let listener =
            Listener { subscriber, channel: channel.clone(), local: local.clone(), lost };
        let connection = listener.subscribed().await.map_err(to_store_error)?;
        let mut listening = JoinSet::new();
        listening.spawn(listener.listen(connection));
        Ok(Self { link, channel, local, _listening: listening })
    }
}

/// Returns what takes the server's messages, on the connection's own task: it only wakes.
fn receiver(
    local: LocalNotifier,
    lost: Arc<Notify>,
) -> impl Fn(PushInfo) -> Result<(), ()> + Send + Sync + 'static {
    move |push| {
        match push.kind {
            PushKind::Disconnection => lost.notify_one(),
            PushKind::Message => {
                // Anything else is from another program.
                if let Some(Value::BulkString(payload)) = push.data.last()
                    && let Ok(subject) = payload.as_slice().try_into()
                {
                    local.wake(SubjectKey::from_bytes(subject));
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// Holds the subscriber connection.
struct Listener {
    subscriber: Subscriber,
    channel: Vec<u8>,
    local: LocalNotifier,
    /// Notified when a connection ends. If it was an earlier one, that costs one ping.
    lost: Arc<Notify>,
}

impl Listener {
    async fn subscribed(&self) -> RedisResult<MultiplexedConnection> {
        let mut connection = self.subscriber.connect().await?;
        connection.subscribe(&self.channel).await?;
        Ok(connection)
    }

    async fn listen(self, mut connection: MultiplexedConnection) {
        loop {
            while self.is_alive(&mut connection).await {}
            connection = self.subscribed_again().await;
            // After the new subscription, so that nothing falls between.
            self.local.wake_all();
        }
    }

    /// Waits for the next ping or the end of a connection; returns whether the server still replies.
    async fn is_alive(&self, connection: &mut MultiplexedConnection) -> bool {
        let _ = timeout(PING_INTERVAL, self.lost.notified()).await;
        // The connection's response timeout bounds it.
        redis::cmd("PING").query_async::<Value>(connection).await.is_ok()
    }

    async fn subscribed_again(&self) -> MultiplexedConnection {
        loop {
            if let Ok(connection) = self.subscribed().await {
                return connection;
            }
            sleep(RECONNECT_PAUSE).await;
        }
    }
}

impl fmt::Debug for RedisNotifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisNotifier").field("local", &self.local).finish_non_exhaustive()
    }
}

#[async_trait]
impl Notifier for RedisNotifier {
    async fn notify(&self, subject: SubjectKey) -> Result<(), StoreError> {
        // This process need not wait for the servers.
        self.local.wake(subject);
        let mut command = redis::cmd("PUBLISH");
        command.arg(&self.channel).arg(subject.as_bytes());
        ask(&self.link, &command, &self.channel).await.map(drop)
    }

    fn subscribe(&self, subject: SubjectKey) -> Result<Box<dyn Subscription>, StoreError> {
        self.local.subscribe(subject)
    }
}
