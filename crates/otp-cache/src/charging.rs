//! The rule of [`Quota`](crate::Quota), shared by the backends.

use std::time::SystemTime;

use otp_core::gcra::{self, Granted, Tat};

use crate::{Charge, QuotaRefused};
#[cfg(any(feature = "memory", feature = "sqlite"))]
use crate::{Charged, QuotaKey};

/// What a store must write when all charges are granted.
#[cfg(any(feature = "memory", feature = "sqlite"))]
#[derive(Debug)]
pub(crate) struct Decision {
    /// Each key once, with what to store for it.
    pub(crate) tats: Vec<(QuotaKey, Tat)>,
    /// How many of the keys are not stored yet.
    pub(crate) new_keys: usize,
    /// The receipt for the caller.
    pub(crate) receipt: Charged,
}

/// Grants or refuses all charges together. `stored` has the stored value of each charge's key, in the same order.
///
/// A key that occurs twice is charged twice, as if one charge came after the other.
#[cfg(any(feature = "memory", feature = "sqlite"))]
pub(crate) fn decide(
    charges: &[Charge],
    stored: impl IntoIterator<Item = Option<Tat>>,
    now: SystemTime,
) -> Result<Decision, QuotaRefused> {
    let mut refusals = Vec::new();
    let mut tats: Vec<(QuotaKey, Tat)> = Vec::with_capacity(charges.len());
    let (mut receipts, mut left) = (Vec::with_capacity(charges.len()), u32::MAX);
    let mut new_keys = 0;
    for (which, (charge, stored)) in charges.iter().zip(stored).enumerate() {
        let again = tats.iter_mut().find(|(key, _)| *key == charge.key);
        let so_far = again.as_ref().map_or(stored, |(_, tat)| Some(*tat));
        let granted = match granted(which, charge, so_far.unwrap_or_default(), now) {
            Ok(granted) => granted,
            Err(refused) => {
                refusals.push(refused);
                continue;
            }
        };
        left = left.min(granted.left);
        receipts.push((*charge, granted.tat));
        if let Some((_, tat)) = again {
            *tat = granted.tat;
        } else {
            new_keys += usize::from(stored.is_none());
            tats.push((charge.key, granted.tat));
        }
    }
    match longest_wait(refusals) {
        None => Ok(Decision { tats, new_keys, receipt: Charged::new(receipts, left) }),
        Some(refused) => Err(refused),
    }
}

/// Applies the rule to one charge. `which` is its place among the charges of the call.
pub(crate) fn granted(
    which: usize,
    charge: &Charge,
    stored: Tat,
    now: SystemTime,
) -> Result<Granted, QuotaRefused> {
    match gcra::charge(stored, &charge.rate, charge.events, now) {
        gcra::Decision::Granted(granted) => Ok(granted),
        gcra::Decision::Refused { until } => Err(QuotaRefused { which, until: Some(until) }),
        gcra::Decision::TooLarge => Err(QuotaRefused { which, until: None }),
    }
}

/// Returns the refusal with the longest wait.
pub(crate) fn longest_wait(
    refusals: impl IntoIterator<Item = QuotaRefused>,
) -> Option<QuotaRefused> {
    refusals.into_iter().max_by_key(|refused| (refused.until.is_none(), refused.until))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_longest_wait_wins_and_never_is_the_longest() {
        let at = |seconds| Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        let refused = |which, until| QuotaRefused { which, until };
        assert_eq!(longest_wait([]), None);
        assert_eq!(
            longest_wait([refused(0, at(5)), refused(1, at(9)), refused(2, at(7))]),
            Some(refused(1, at(9)))
        );
        assert_eq!(longest_wait([refused(0, None), refused(1, at(9))]), Some(refused(0, None)));
    }
}
