//! Captures everything that `tracing` writes, at level TRACE.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
};

use tracing::{
    Dispatch,
    level_filters::LevelFilter,
    subscriber::{DefaultGuard, NoSubscriber},
};
use tracing_subscriber::fmt::{MakeWriter, format::FmtSpan};

/// Captures the log, with spans as they open and close.
///
/// [`start`](Self::start) captures the calling thread only. On the default runtime of `#[tokio::test]` that is the whole
/// test. For other threads pass on [`dispatch`](Self::dispatch), for example by
/// `tracing::instrument::WithSubscriber`. Threads without a subscriber do not disturb the capture.
///
/// ```
/// let log = testkit::LogCapture::new();
/// let capturing = log.start();
/// tracing::trace!(answer = 42, "asked");
/// drop(capturing);
/// tracing::trace!("after the capture");
/// assert!(log.text().contains("answer=42"));
/// assert!(!log.text().contains("after the capture"));
/// ```
#[derive(Debug, Clone)]
pub struct LogCapture {
    text: Buffer,
    dispatch: Dispatch,
    /// A second subscriber that captures nothing. While a process has one subscriber, `tracing` caches per event and
    /// span whether it is wanted, by asking the first thread that reaches it. A thread without a subscriber says no,
    /// for all threads. While there are two subscribers, each thread is asked.
    _second: Dispatch,
}

impl LogCapture {
    /// Makes an empty capture.
    pub fn new() -> Self {
        let text = Buffer::default();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(LevelFilter::TRACE)
            .with_span_events(FmtSpan::FULL)
            .with_ansi(false)
            .with_writer(text.clone())
            .finish();
        let second = Dispatch::new(NoSubscriber::new());
        Self { text, dispatch: Dispatch::new(subscriber), _second: second }
    }

    /// Captures this thread until the guard is dropped.
    pub fn start(&self) -> DefaultGuard {
        tracing::dispatcher::set_default(&self.dispatch)
    }

    /// Returns the subscriber, for other threads and tasks of the test.
    pub fn dispatch(&self) -> Dispatch {
        self.dispatch.clone()
    }

    /// Returns the log so far.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.text.0.lock().unwrap_or_else(PoisonError::into_inner))
            .into_owned()
    }
}

impl Default for LogCapture {
    fn default() -> Self {
        Self::new()
    }
}

#[derive(Debug, Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl io::Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Buffer {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
