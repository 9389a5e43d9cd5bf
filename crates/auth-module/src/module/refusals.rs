//! Requests that were refused, in the audit trail (OWASP ASVS 5.0, 16.3.2 and 16.3.3).

use std::{net::IpAddr, time::SystemTime};

use super::core::AuthModule;
use crate::{audit::AuditRecord, policy::RequestFacts, user::UserId};

/// A request that looks like an attempt to pass a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SuspectRequest {
    /// A form that another site has sent.
    CrossOriginForm,
    /// A form whose token belongs to another browser, or to none.
    ForgedForm,
    /// A host that no application has.
    UnknownHost,
}

impl SuspectRequest {
    const fn event(self) -> &'static str {
        match self {
            Self::CrossOriginForm => "csrf.cross_origin",
            Self::ForgedForm => "csrf.token_mismatch",
            Self::UnknownHost => "request.misdirected",
        }
    }
}

impl AuthModule {
    /// Records a request that looks like an attempt to pass a check.
    pub fn record_suspect(&self, suspect: SuspectRequest, client: IpAddr, now: SystemTime) {
        self.record(AuditRecord::new(suspect.event(), now).from(client));
    }

    /// Records that a rule refused `user` a request.
    pub fn record_forbidden(&self, facts: &RequestFacts<'_>, user: &UserId) {
        self.record_decision("access.forbidden", facts, user);
    }

    /// Records that a rule asked `user` for a further factor, or for one again.
    pub fn record_step_up_asked(&self, facts: &RequestFacts<'_>, user: &UserId) {
        self.record_decision("access.step_up_required", facts, user);
    }

    /// The record names the rule, not the path: a path can hold personal data.
    fn record_decision(&self, event: &'static str, facts: &RequestFacts<'_>, user: &UserId) {
        let verdict = self.parts.policy.evaluate(facts);
        let rule = verdict.rule.map_or("default", |rule| rule.name());
        let record = AuditRecord::new(event, facts.now).about(user).from(facts.client);
        self.record(record.with("rule", rule));
    }
}
