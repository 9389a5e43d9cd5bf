//! What a call is: its API, its name, and whether it changes anything.

/// Whether a call may be repeated although its effect is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Safety {
    /// The call only reads.
    Read,
    /// The call changes something. It is repeated only if it definitely had no effect.
    Write,
}

/// The API and the name of a call, for errors and spans.
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
