//! How long a peer may keep us waiting while it has to send or to read.

use std::time::Duration;

use tokio::time::Instant;

/// The lowest rate, in bytes per second, that counts as progress. It is Kestrel's default.
const MIN_BYTES_PER_SECOND: u64 = 240;

/// The time that a peer has left.
///
/// The peer begins with `limit`. Waiting for it uses the time up, and each byte gives some of it back, up to
/// `limit`. So a pause of `limit` ends the connection, and so does a peer that moves one byte now and then.
#[derive(Debug)]
pub(crate) struct Progress {
    limit: Duration,
    left: Duration,
    waiting_since: Option<Instant>,
}

impl Progress {
    pub(crate) fn new(limit: Duration) -> Self {
        Self { limit, left: limit, waiting_since: None }
    }

    /// Notes that we wait for the peer. Returns whether the wait begins now.
    pub(crate) fn wait(&mut self, now: Instant) -> bool {
        let begins = self.waiting_since.is_none();
        self.waiting_since.get_or_insert(now);
        begins
    }

    /// Notes that the peer moved `bytes` bytes. The wait is over.
    pub(crate) fn advance(&mut self, now: Instant, bytes: usize) {
        let waited = self.waiting_since.take().map_or(Duration::ZERO, |since| now - since);
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let earned = Duration::from_millis(bytes.saturating_mul(1000) / MIN_BYTES_PER_SECOND);
        self.left = self.left.saturating_sub(waited).saturating_add(earned).min(self.limit);
    }

    /// Returns when the time is up; `None` while we do not wait.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.waiting_since.map(|since| since + self.left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(30);

    /// Moves `bytes` every `pause` and returns after how many seconds the time was up.
    fn lasts(pause: Duration, bytes: usize) -> Option<u64> {
        let start = Instant::now();
        let (mut now, mut progress) = (start, Progress::new(LIMIT));
        for _ in 0..1000 {
            progress.wait(now);
            let deadline = progress.deadline().expect("it waits");
            if deadline <= now + pause {
                return Some((deadline - start).as_secs());
            }
            now += pause;
            progress.advance(now, bytes);
        }
        None
    }

    #[test]
    fn a_pause_ends_at_the_limit_and_drops_do_not_extend_it() {
        assert_eq!(lasts(LIMIT, 1), Some(30));
        assert_eq!(lasts(Duration::from_secs(29), 1), Some(30));
        assert_eq!(lasts(Duration::from_secs(1), 1), Some(30));
        assert_eq!(lasts(Duration::from_secs(1), 120), Some(59));
    }

    #[test]
    fn a_steady_peer_may_go_on_and_a_pause_is_earned_back() {
        assert_eq!(lasts(Duration::from_secs(1), 240), None);
        assert_eq!(lasts(Duration::from_secs(25), 64 * 1024), None);
    }

    #[test]
    fn without_a_wait_there_is_no_deadline() {
        let mut progress = Progress::new(LIMIT);
        assert_eq!(progress.deadline(), None);
        assert!(progress.wait(Instant::now()) && !progress.wait(Instant::now()));
        progress.advance(Instant::now(), 0);
        assert_eq!(progress.deadline(), None);
    }
}
