//! `karaden list --follow`: messages as they come, and as their state changes.

use std::{
    collections::HashMap,
    time::{Duration, SystemTime},
};

use anyhow::Result;
use futures_util::TryStreamExt as _;
use karaden_client::{Error, sms};

use crate::{ending::Ending, show::Show};

/// How long after its acceptance a message is looked at again.
const WATCHED_FOR: Duration = Duration::from_secs(10 * 60);

/// Follows the list from `since` on for ever; what passes by itself does not end it.
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
        match look(client, query, &mut seen, show).await {
            Ok(()) => seen.move_on(),
            Err(error) if error.is_retryable() => {
                eprintln!("karaden: {error}; going on");
                pause = pause.max(error.retry_after().unwrap_or_default());
            }
            Err(error) => return Err(error.into()),
        }
        tokio::time::sleep(pause).await;
    }
}

/// Shows what is news in the list, from where it has been read to.
async fn look(
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

/// What was shown of the last ten minutes, by Karaden's own clock.
#[derive(Debug, Default)]
struct Seen {
    /// From where the list is to be read; nothing before was told yet.
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

    /// After a look that read all: the next one need not begin so early. Whole seconds, as on the
    /// wire, so that nothing of the first second is forgotten.
    fn move_on(&mut self) {
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
    fn the_list_is_read_from_ever_later_and_what_is_remembered_is_bounded() {
        let mut seen = Seen::default();
        for minute in 0..600 {
            let created_at = at(1_800_000_000 + minute * 60);
            shown(&mut seen, &format!("m-{minute}"), Some(created_at));
            seen.move_on();
            assert_eq!(seen.start_at, Some(created_at - WATCHED_FOR));
            assert!(seen.shown.len() <= 11, "{}", seen.shown.len());
        }
    }

    #[test]
    fn it_never_goes_back_before_what_was_asked_for() {
        let since = Some(at(1_800_000_000));
        let mut seen = Seen { start_at: since, ..Seen::default() };
        seen.move_on();
        assert_eq!(seen.start_at, since, "nothing came yet");
        shown(&mut seen, "m-1", Some(at(1_800_000_010)));
        seen.move_on();
        assert_eq!(seen.start_at, since);
        shown(&mut seen, "m-2", None);
        seen.move_on();
        assert_eq!(seen.shown.len(), 2);
    }
}
