//! One login for each login form, however often it is posted.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use http::response::Parts;
use tokio::{sync::OnceCell, time::Instant};

/// A double click posts twice within this time. A later post of the same page is meant.
const WINDOW: Duration = Duration::from_secs(5);
/// With this many posts in the window, a further one is not remembered.
const MAX_POSTS: usize = 10_000;

/// The response to a post, which has no body.
type Answer = Arc<OnceCell<Parts>>;

/// The posts of the last seconds, in this process.
#[derive(Default)]
pub(crate) struct RecentPosts(Mutex<HashMap<[u8; 32], (Instant, Answer)>>);

impl RecentPosts {
    /// Returns where the response to the post with this digest is, or will be. Equal posts share it.
    pub(crate) fn answer(&self, digest: [u8; 32]) -> Answer {
        let now = Instant::now();
        let mut posts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        posts.retain(|_, (at, answer)| now.duration_since(*at) < WINDOW || is_awaited(answer));
        if posts.len() >= MAX_POSTS {
            return Answer::default();
        }
        let (_, answer) = posts.entry(digest).or_insert_with(|| (now, Answer::default()));
        Arc::clone(answer)
    }
}

/// Whether a post is still being processed: a provider may take longer than the window.
fn is_awaited(answer: &Answer) -> bool {
    !answer.initialized() && Arc::strong_count(answer) > 1
}

impl fmt::Debug for RecentPosts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecentPosts(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn equal_posts_share_a_response_for_five_seconds_and_while_it_is_awaited() {
        let posts = RecentPosts::default();
        let first = posts.answer([1; 32]);
        assert!(Arc::ptr_eq(&first, &posts.answer([1; 32])));
        assert!(!Arc::ptr_eq(&first, &posts.answer([2; 32])));
        tokio::time::advance(Duration::from_secs(20)).await;
        assert!(Arc::ptr_eq(&first, &posts.answer([1; 32])), "still being processed");
        let (parts, ()) = http::Response::new(()).into_parts();
        first.set(parts).expect("empty");
        assert!(!Arc::ptr_eq(&first, &posts.answer([1; 32])));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_remembered_is_bounded() {
        let posts = RecentPosts::default();
        for n in 0..MAX_POSTS + 10 {
            let mut digest = [0; 32];
            digest[..8].copy_from_slice(&n.to_be_bytes());
            posts.answer(digest);
        }
        assert_eq!(posts.0.lock().expect("unpoisoned").len(), MAX_POSTS);
    }
}
