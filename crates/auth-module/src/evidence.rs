//! What a login or a session has proved so far.

use std::time::SystemTime;

use mfa_plugin_api::{AuthenticationMethod, Evidence, FactorId};
use serde::{Deserialize, Serialize};

use crate::time::{millis, whole_millis};

/// A satisfied factor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FactorEvidence {
    /// The factor.
    pub factor: FactorId,
    /// The methods, for the `amr` claim.
    pub methods: Vec<String>,
    /// When the factor was verified, in whole milliseconds.
    #[serde(with = "millis")]
    pub verified_at: SystemTime,
}

impl FactorEvidence {
    /// Makes the stored form of `evidence` of `factor`.
    pub fn new(factor: FactorId, evidence: &Evidence) -> Self {
        let methods = evidence.methods.iter().map(|m| m.as_str().to_owned()).collect();
        Self { factor, methods, verified_at: whole_millis(evidence.verified_at) }
    }
}

/// Returns the `amr` claim (RFC 8176) of `evidence`: each method once, in the order of proof.
pub(crate) fn amr(evidence: &[FactorEvidence]) -> Vec<AuthenticationMethod> {
    let mut methods: Vec<AuthenticationMethod> = Vec::new();
    for name in evidence.iter().flat_map(|e| &e.methods) {
        if methods.iter().all(|known| known.as_str() != name) {
            methods.push(AuthenticationMethod::new(name.clone()));
        }
    }
    methods
}

/// Adds `new` at the end, and removes older evidence of the same factor.
pub(crate) fn add(evidence: &mut Vec<FactorEvidence>, new: FactorEvidence) {
    evidence.retain(|old| old.factor != new.factor);
    evidence.push(new);
}
