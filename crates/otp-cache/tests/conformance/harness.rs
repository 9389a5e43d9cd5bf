//! What the checks of the suite share.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tokio::runtime::{Builder, Runtime};

pub(crate) fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(4).enable_all().build().expect("a runtime")
}

/// A runtime whose timer passes at once when nothing else can happen.
pub(crate) fn paused_runtime() -> Runtime {
    Builder::new_current_thread().enable_all().start_paused(true).build().expect("a runtime")
}

/// Whether the clause finds a fault.
pub(crate) fn is_broken(clause: impl FnOnce()) -> bool {
    catch_unwind(AssertUnwindSafe(clause)).is_err()
}
