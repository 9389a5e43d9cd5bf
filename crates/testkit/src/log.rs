//! Everything that `tracing` would have written, at the most talkative level.

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

/// Collects the log, with spans as they open and close.
///
/// [`start`](Self::start) listens on the calling thread only, which is all of a `#[tokio::test]` on
/// its default runtime. For work on other threads pass [`dispatch`](Self::dispatch) on, for example
/// by `tracing::instrument::WithSubscriber`. What other threads do beside it without a subscriber takes
/// nothing away.
///
/// ```
/// let log = testkit::LogCapture::new();
/// let listening = log.start();
/// tracing::trace!(answer = 42, "asked");
/// drop(listening);
/// tracing::trace!("not heard");
/// assert!(log.text().contains("answer=42"));
/// assert!(!log.text().contains("not heard"));
/// ```
#[derive(Debug, Clone)]
pub struct LogCapture {
    text: Buffer,
    dispatch: Dispatch,
    /// Never listens. While a process has a single subscriber, `tracing` asks the thread that comes to
    /// an event or span first, once and for all threads, whether anybody wants it; a thread without a
    /// subscriber says no. While there are two, each thread is asked.
    _second: Dispatch,
}

impl LogCapture {
    /// A log that has heard nothing yet.
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

    /// Listens on this thread until the guard is dropped.
    pub fn start(&self) -> DefaultGuard {
        tracing::dispatcher::set_default(&self.dispatch)
    }

    /// The subscriber, for tasks and threads of the test's own.
    pub fn dispatch(&self) -> Dispatch {
        self.dispatch.clone()
    }

    /// What was logged so far.
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
