//! The socket of a client. It notes reads and writes in the state of its connection.

use std::{io, sync::Arc, task::Poll};

use super::{connection::Connection, registry::Place};
use crate::watched::{Watch, Watched};

/// A stream with the state and the place of its connection. A tunnel keeps all three.
pub(crate) type ClientIo<T> = Watched<T, ClientWatch>;

/// The state and the place of a connection.
#[derive(Debug)]
pub(crate) struct ClientWatch {
    connection: Arc<Connection>,
    _place: Place,
}

impl ClientWatch {
    pub(crate) fn new(connection: Arc<Connection>, place: Place) -> Self {
        Self { connection, _place: place }
    }
}

impl Watch for ClientWatch {
    fn note_read(&self, bytes: &[u8]) {
        self.connection.note_read(bytes);
    }

    fn note_write(&self, written: &Poll<io::Result<usize>>) {
        match written {
            Poll::Pending => self.connection.note_write_blocked(),
            Poll::Ready(Ok(bytes)) => self.connection.note_written(*bytes),
            Poll::Ready(Err(_)) => {}
        }
    }
}
