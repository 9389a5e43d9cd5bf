//! What is stored of a factor between two requests of a pending login.

use std::collections::BTreeMap;

use mfa_plugin_api::{Denied, FactorId, Notice, PluginState, Rejection, Reply, Step, Unavailable};
use serde::{Deserialize, Deserializer, Serialize, de::IgnoredAny};

/// The last reply of a factor's plugin, as far as a later request needs it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FactorSnapshot {
    /// What the next page shows.
    pub status: FactorStatus,
    /// What the plugin gets back with its next call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<PluginState>,
}

/// The progress of a login with one factor that it still lacks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FactorStatus {
    /// The user may not continue with the factor.
    Denied(Denied),
    /// A prompt is open. Its plugin can show it again at any time, except for what the last submission
    /// or action produced.
    Prompted {
        /// What the last action achieved.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        notice: Option<Notice>,
        /// What was wrong with the last submission or action.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rejection: Option<Rejection>,
    },
    /// The factor could not be used.
    Unavailable(Unavailable),
}

impl FactorSnapshot {
    /// Returns what to store of `reply`; `None` for a satisfied factor, whose evidence is stored instead,
    /// and for a step that this version does not know.
    pub fn of(reply: &Reply) -> Option<Self> {
        let status = match &reply.step {
            Step::Prompt(prompt) => FactorStatus::Prompted {
                notice: prompt.notice.clone(),
                rejection: prompt.rejection.clone(),
            },
            Step::Unavailable(unavailable) => FactorStatus::Unavailable(unavailable.clone()),
            Step::Denied(denied) => FactorStatus::Denied(denied.clone()),
            _ => return None,
        };
        Some(Self { status, state: reply.state.clone() })
    }
}

/// For `#[serde(deserialize_with = "…")]`: leaves out each snapshot that this version cannot read.
///
/// Such a factor then begins again. Its plugin keeps what counts in its own store, and evidence is stored
/// elsewhere, so a snapshot that is left out satisfies no factor and resets no counter.
pub(crate) fn readable<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<BTreeMap<FactorId, FactorSnapshot>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Stored {
        Readable(FactorSnapshot),
        Unreadable(IgnoredAny),
    }

    let mut snapshots = BTreeMap::new();
    for (name, stored) in BTreeMap::<String, Stored>::deserialize(from)? {
        if let (Ok(factor), Stored::Readable(snapshot)) = (FactorId::new(name), stored) {
            snapshots.insert(factor, snapshot);
        } else {
            tracing::warn!("a stored factor could not be read; it begins again");
        }
    }
    Ok(snapshots)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use mfa_plugin_api::{Evidence, Message, Prompt, RejectionKind};

    use super::*;

    #[derive(Debug, Serialize, Deserialize)]
    struct Record {
        #[serde(default, deserialize_with = "readable")]
        factors: BTreeMap<FactorId, FactorSnapshot>,
    }

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn read(json: &str) -> BTreeMap<FactorId, FactorSnapshot> {
        serde_json::from_str::<Record>(json).unwrap().factors
    }

    #[test]
    fn a_snapshot_of_each_status_is_read_as_it_was_written() {
        let message = || Message::new("x").with("length", Duration::from_millis(1_500));
        let rejection = Rejection::new(RejectionKind::Wrong, message()).with_retry_at(at(5));
        let steps = [
            Step::Prompt(Prompt::new(message())),
            Step::Prompt(Prompt::new(message()).with_rejection(rejection)),
            Step::Prompt(Prompt::new(message()).with_notice(Notice::new(message()))),
            Step::Unavailable(Unavailable::new(message())),
            Step::Unavailable(Unavailable::new(message()).with_retry_at(at(5))),
            Step::Denied(Denied::new(message())),
            Step::Denied(Denied::new(message()).with_until(at(1_800_000_900))),
        ];
        for step in steps {
            for state in [None, Some(PluginState::from_bytes([0, 255, 7]))] {
                let mut reply = Reply::new(step.clone());
                reply.state = state;
                let snapshot = FactorSnapshot::of(&reply).unwrap();
                let factors = BTreeMap::from([(FactorId::PASSWORD, snapshot)]);
                let json = serde_json::to_string(&Record { factors: factors.clone() }).unwrap();
                assert_eq!(read(&json), factors);
            }
        }
    }

    #[test]
    fn the_stored_form_is_this() {
        let rejection = Rejection::new(RejectionKind::Wrong, Message::new("wrong"));
        let prompt = Prompt::new(Message::new("title")).with_rejection(rejection);
        let reply = Reply::new(Step::Prompt(prompt)).with_state(PluginState::from_bytes([1, 0]));
        let json = serde_json::to_string(&FactorSnapshot::of(&reply).unwrap()).unwrap();
        let prompted = r#"{"prompted":{"rejection":{"kind":"wrong","message":{"key":"wrong"}}}}"#;
        assert_eq!(json, format!(r#"{{"status":{prompted},"state":"AQA="}}"#));
    }

    #[test]
    fn a_satisfied_factor_has_no_snapshot() {
        let evidence = Evidence::new([], SystemTime::UNIX_EPOCH);
        assert_eq!(FactorSnapshot::of(&Reply::new(Step::Done(evidence))), None);
    }

    #[test]
    fn an_unreadable_snapshot_is_left_out_and_the_others_stay() {
        let good = r#""good":{"status":{"prompted":{}}}"#;
        for bad in [
            r#""bad":null"#,
            r#""bad":{}"#,
            r#""bad":"{\"standing\":\"prompted\"}""#,
            r#""bad":{"status":"done"}"#,
            r#""bad":{"status":{"from_a_newer_version":{}},"state":"AQ=="}"#,
            r#""bad":{"status":{"prompted":{}},"state":"not Base64"}"#,
            r#""Not A Factor":{"status":{"prompted":{}}}"#,
        ] {
            let factors = read(&format!("{{\"factors\":{{{bad},{good}}}}}"));
            let names: Vec<&str> = factors.keys().map(FactorId::as_str).collect();
            assert_eq!(names, ["good"], "{bad}");
        }
        assert!(read("{}").is_empty());
    }
}
