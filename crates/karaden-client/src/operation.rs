//! What a call is: its API, its name, and whether it changes anything.

/// Whether a call may be repeated when it is unknown what it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Safety {
    /// It only reads.
    Read,
    /// It changes something; only what surely had no effect is tried again.
    Write,
}

/// The name of a call, for spans.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operation {
    pub(crate) api: &'static str,
    pub(crate) name: &'static str,
    pub(crate) safety: Safety,
}

impl Operation {
    pub(crate) const fn sms(name: &'static str, safety: Safety) -> Self {
        Self { api: "sms", name, safety }
    }

    pub(crate) const fn push(name: &'static str, safety: Safety) -> Self {
        Self { api: "push", name, safety }
    }
}
