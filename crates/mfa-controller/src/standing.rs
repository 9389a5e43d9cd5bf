//! Where a login stands with one factor, as it is kept between two requests.

use std::{
    borrow::Cow,
    time::{Duration, SystemTime},
};

use mfa_plugin_api::{Arg, Denied, Message, PluginState, Reply, Step, Unavailable};
use serde::{Deserialize, Serialize};

/// What is kept of a factor's last reply: enough to show the page again without asking the plugin to
/// do anything, and what the plugin wants to remember.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    pub(crate) standing: Standing,
    pub(crate) state: Option<PluginState>,
}

/// Where the factor stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Standing {
    /// A prompt is open; the plugin knows which.
    Prompted,
    /// It could not be used.
    Unavailable(Unavailable),
    /// The user may not go on.
    Denied(Denied),
}

impl Kept {
    /// What to keep of a reply; `None` for a satisfied factor, of which the evidence is kept.
    pub(crate) fn of(reply: &Reply) -> Option<Self> {
        let standing = match &reply.step {
            Step::Prompt(_) => Standing::Prompted,
            Step::Unavailable(unavailable) => Standing::Unavailable(unavailable.clone()),
            Step::Denied(denied) => Standing::Denied(denied.clone()),
            _ => return None,
        };
        Some(Self { standing, state: reply.state.clone() })
    }

    /// Reads what [`to_state`](Self::to_state) wrote; `None` for anything else, as if the factor had
    /// not begun.
    pub(crate) fn from_state(state: &PluginState) -> Option<Self> {
        let stored: Stored = serde_json::from_slice(state.as_bytes()).ok()?;
        Some(Self {
            standing: stored.standing.into(),
            state: stored.state.map(PluginState::from_bytes),
        })
    }

    /// The form in which the authentication module keeps it.
    pub(crate) fn to_state(&self) -> PluginState {
        let stored = Stored {
            standing: StoredStanding::from(&self.standing),
            state: self.state.as_ref().map(|state| state.as_bytes().to_vec()),
        };
        // Maps with text keys, numbers and texts: nothing that JSON cannot hold.
        PluginState::from_bytes(serde_json::to_vec(&stored).unwrap_or_default())
    }
}

#[derive(Serialize, Deserialize)]
struct Stored {
    standing: StoredStanding,
    state: Option<Vec<u8>>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StoredStanding {
    Prompted,
    Unavailable { message: StoredMessage, retry_at: Option<u64> },
    Denied { message: StoredMessage, until: Option<u64> },
}

#[derive(Serialize, Deserialize)]
struct StoredMessage {
    key: String,
    args: Vec<(String, StoredArg)>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StoredArg {
    Count(u64),
    Millis(u64),
    At(u64),
    Text(String),
}

impl From<&Standing> for StoredStanding {
    fn from(standing: &Standing) -> Self {
        match standing {
            Standing::Prompted => Self::Prompted,
            Standing::Unavailable(unavailable) => Self::Unavailable {
                message: StoredMessage::from(&unavailable.message),
                retry_at: unavailable.retry_at.map(to_millis),
            },
            Standing::Denied(denied) => Self::Denied {
                message: StoredMessage::from(&denied.message),
                until: denied.until.map(to_millis),
            },
        }
    }
}

impl From<StoredStanding> for Standing {
    fn from(stored: StoredStanding) -> Self {
        match stored {
            StoredStanding::Prompted => Self::Prompted,
            StoredStanding::Unavailable { message, retry_at } => {
                let mut unavailable = Unavailable::new(message.into());
                unavailable.retry_at = retry_at.map(from_millis);
                Self::Unavailable(unavailable)
            }
            StoredStanding::Denied { message, until } => {
                let mut denied = Denied::new(message.into());
                denied.until = until.map(from_millis);
                Self::Denied(denied)
            }
        }
    }
}

impl From<&Message> for StoredMessage {
    fn from(message: &Message) -> Self {
        let arg = |arg: &Arg| match arg {
            Arg::Count(count) => StoredArg::Count(*count),
            Arg::Duration(length) => {
                StoredArg::Millis(u64::try_from(length.as_millis()).unwrap_or(u64::MAX))
            }
            Arg::Instant(at) => StoredArg::At(to_millis(*at)),
            Arg::Text(text) => StoredArg::Text(text.clone()),
            _ => StoredArg::Text(String::new()),
        };
        Self {
            key: message.key().to_owned(),
            args: message.args().map(|(name, value)| (name.to_owned(), arg(value))).collect(),
        }
    }
}

impl From<StoredMessage> for Message {
    fn from(stored: StoredMessage) -> Self {
        let arg = |arg| match arg {
            StoredArg::Count(count) => Arg::Count(count),
            StoredArg::Millis(millis) => Arg::Duration(Duration::from_millis(millis)),
            StoredArg::At(millis) => Arg::Instant(from_millis(millis)),
            StoredArg::Text(text) => Arg::Text(text),
        };
        let message = Message::new(stored.key);
        stored.args.into_iter().fold(message, |message, (name, value)| {
            message.with(Cow::<'static, str>::Owned(name), arg(value))
        })
    }
}

/// Whole milliseconds since 1970, rounded up, so that nothing is announced too early.
fn to_millis(at: SystemTime) -> u64 {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

fn from_millis(millis: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH
        .checked_add(Duration::from_millis(millis))
        .unwrap_or(SystemTime::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instant(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn what_is_kept_comes_back() {
        let message = Message::new("x")
            .with("count", 3_u64)
            .with("length", Duration::from_millis(1_500))
            .with("at", instant(1_800_000_000))
            .with("text", "***-****-5678");
        let standings = [
            Standing::Prompted,
            Standing::Unavailable(Unavailable::new(message.clone())),
            Standing::Unavailable(Unavailable::new(message.clone()).with_retry_at(instant(5))),
            Standing::Denied(Denied::new(message.clone())),
            Standing::Denied(Denied::new(message).with_until(instant(1_800_000_900))),
        ];
        for standing in standings {
            for state in [None, Some(PluginState::from_bytes([0, 255, 7]))] {
                let kept = Kept { standing: standing.clone(), state: state.clone() };
                let back = Kept::from_state(&kept.to_state()).unwrap();
                assert_eq!((back.standing, back.state), (standing.clone(), state));
            }
        }
    }

    #[test]
    fn anything_else_counts_as_not_begun() {
        for bytes in [&b""[..], b"{}", b"{\"standing\":\"done\",\"state\":null}", b"\xff\x00"] {
            assert!(Kept::from_state(&PluginState::from_bytes(bytes)).is_none());
        }
    }
}
