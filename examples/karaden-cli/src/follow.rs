//! `karaden list --follow`: shows new messages, and messages whose state changed.

use std::{
    collections::HashMap,
    time::{Duration, SystemTime},
};

use anyhow::Result;
use futures_util::TryStreamExt as _;
use karaden_client::{Error, sms};

use crate::{ending::Ending, show::Show};

/// How long after its acceptance a message is watched for changes.
const WATCHED_FOR: Duration = Duration::from_secs(10 * 60);

/// Follows the list from `since` on without end. A retryable error does not end it.
pub(crate) async fn run(
    client: &sms::Client,
    query: &sms::ListQuery,
    since: Option<SystemTime>,
    every: Duration,
    show: Show,
) -> Result<Ending> {
    let mut seen = Seen { start_at: since, ..Seen::default() };
    loop {
        let mut pause = every;
        match show_news(client, query, &mut seen, show).await {
            Ok(()) => seen.advance(),
            Err(error) if error.is_retryable() => {
                eprintln!("karaden: {error}; retrying");
                pause = pause.max(error.retry_after().unwrap_or_default());
            }
            Err(error) => return Err(error.into()),
        }
        tokio::time::sleep(pause).await;
    }
}

/// Shows the messages that are new or changed since the last look.
async fn show_news(
    client: &sms::Client,
    query: &sms::ListQuery,
    seen: &mut Seen,
    show: Show,
) -> Result<(), Error> {
    let mut query = query.clone();
    if let Some(start_at) = seen.start_at {
        query = query.with_start_at(start_at);
    }
    let mut messages = client.list_all(query);
    while let Some(message) = messages.try_next().await? {
        if seen.is_news(&message) {
            show.message(&message);
        }
    }
    Ok(())
}

type State = (Option<sms::Status>, Option<sms::SentResult>);

/// What was shown in the last ten minutes by Karaden's clock.
#[derive(Debug, Default)]
struct Seen {
    /// Where the next look starts in the list. `None`: at its beginning.
    start_at: Option<SystemTime>,
    newest: Option<SystemTime>,
    shown: HashMap<sms::MessageId, (State, Option<SystemTime>)>,
}

impl Seen {
    fn is_news(&mut self, message: &sms::Message) -> bool {
        self.newest = self.newest.max(message.created_at);
        let state = (message.status.clone(), message.sent_result.clone());
        let created_at = message.created_at.or(self.newest);
        let shown = self.shown.insert(message.id.clone(), (state.clone(), created_at));
        shown.is_none_or(|(before, _)| before != state)
    }

    /// Moves the start forward after a complete look. In whole seconds, as on the wire, so that no message of the
    /// first second is lost.
    fn advance(&mut self) {
        let since_epoch = self.newest.and_then(|at| at.duration_since(SystemTime::UNIX_EPOCH).ok());
        let Some(watched) = since_epoch.and_then(|since| since.checked_sub(WATCHED_FOR)) else {
            return;
        };
        let start_at = SystemTime::UNIX_EPOCH + Duration::from_secs(watched.as_secs());
        self.start_at = self.start_at.max(Some(start_at));
        self.shown.retain(|_, (_, created_at)| created_at.is_none_or(|at| at >= start_at));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn shown(seen: &mut Seen, id: &str, created_at: Option<SystemTime>) {
        let id = sms::MessageId::new(id).expect("an id");
        seen.newest = seen.newest.max(created_at);
        seen.shown.insert(id, ((None, None), created_at));
    }

    #[test]
    fn advance_moves_the_start_and_bounds_what_is_remembered() {
        let mut seen = Seen::default();
        for minute in 0..600 {
            let created_at = at(1_800_000_000 + minute * 60);
            shown(&mut seen, &format!("m-{minute}"), Some(created_at));
            seen.advance();
            assert_eq!(seen.start_at, Some(created_at - WATCHED_FOR));
            assert!(seen.shown.len() <= 11, "{}", seen.shown.len());
        }
    }

    #[test]
    fn advance_never_starts_before_since() {
        let since = Some(at(1_800_000_000));
        let mut seen = Seen { start_at: since, ..Seen::default() };
        seen.advance();
        assert_eq!(seen.start_at, since, "no message yet");
        shown(&mut seen, "m-1", Some(at(1_800_000_010)));
        seen.advance();
        assert_eq!(seen.start_at, since);
        shown(&mut seen, "m-2", None);
        seen.advance();
        assert_eq!(seen.shown.len(), 2);
    }
}
