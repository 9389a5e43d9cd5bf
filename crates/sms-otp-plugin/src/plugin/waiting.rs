//! Waiting for news of an open challenge, without reading it again.

use std::{future::pending, time::SystemTime};

use mfa_plugin_api::{MAX_LIVE_WAIT, PluginError, Prompt};
use otp_cache::Subscription;
use otp_core::Challenge;
use tokio::time::{Instant, sleep, timeout_at};

use super::call::Call;
use crate::trace;

/// A wait: the call, its challenge, and when it began.
struct Wait<'a> {
    call: &'a Call<'a>,
    challenge: Option<Challenge>,
    since: Instant,
}

impl Call<'_> {
    /// Waits until the current prompt may differ from `shown`: by a notification, by a look-up that is due
    /// meanwhile, or because the challenge expires.
    pub(super) async fn changed(&self, shown: &Prompt) -> Result<(), PluginError> {
        // Subscribed before the challenge is loaded, so that no news falls between the two.
        let mut news = self.subscribe();
        let since = Instant::now();
        let challenge = self.open_challenge().await?;
        if self.prompt(challenge.as_ref()).as_ref() != Some(shown) {
            return Ok(());
        }
        let wait = Wait { call: self, challenge, since };
        let ended = timeout_at(wait.end(), async {
            tokio::select! {
                () = notified(&mut news) => Ok(()),
                found = wait.look_up() => found,
            }
        });
        ended.await.unwrap_or(Ok(()))
    }

    /// Without a notifier, or without room for another subscription, only look-ups bring news.
    fn subscribe(&self) -> Option<Box<dyn Subscription>> {
        match self.notifier?.subscribe(self.subject) {
            Ok(subscription) => Some(subscription),
            Err(error) => {
                trace::failed("a page waits without notifications", &error);
                None
            }
        }
    }
}

async fn notified(news: &mut Option<Box<dyn Subscription>>) {
    match news {
        Some(news) => news.changed().await,
        None => pending().await,
    }
}

impl Wait<'_> {
    /// The end of the wait: the challenge's, and [`MAX_LIVE_WAIT`] at the latest.
    fn end(&self) -> Instant {
        let left = self.challenge.as_ref().map_or(MAX_LIVE_WAIT, |challenge| {
            challenge.expires_at().duration_since(self.call.now()).unwrap_or_default()
        });
        self.since + left.min(MAX_LIVE_WAIT)
    }

    /// Asks the provider whenever that is due. Returns when a look-up has brought news.
    async fn look_up(&self) -> Result<(), PluginError> {
        let Some(challenge) = &self.challenge else { return pending().await };
        loop {
            let now = self.now();
            let Some(next_at) = self.call.next_look_up(challenge, now) else {
                return pending().await;
            };
            sleep(next_at.duration_since(now).unwrap_or_default()).await;
            let now = self.now();
            if let Some(report) = self.call.news(challenge, now).await {
                return self.call.record(challenge, &report, now).await;
            }
        }
    }

    /// The host's instant: when it called, and what has passed since.
    fn now(&self) -> SystemTime {
        self.call.now() + self.since.elapsed()
    }
}
