//! The rule of [`Quota`](crate::Quota) as the backends apply it.

use std::time::SystemTime;

use otp_core::gcra::{self, Granted, Tat};

use crate::{Charge, QuotaRefused};
#[cfg(any(feature = "memory", feature = "sqlite"))]
use crate::{Charged, QuotaKey};

/// What a store has to write when all charges are granted.
#[cfg(any(feature = "memory", feature = "sqlite"))]
#[derive(Debug)]
pub(crate) struct Decision {
    /// The new mark of each key, once.
    pub(crate) marks: Vec<(QuotaKey, Tat)>,
    /// How many of the keys were not stored before.
    pub(crate) new_keys: usize,
    /// What the caller gets.
    pub(crate) receipt: Charged,
}

/// Decides about all charges at once; `stored` gives the marks of their keys in the same order.
///
/// A key that comes again goes on from where it was left, as if one charge came after the other.
#[cfg(any(feature = "memory", feature = "sqlite"))]
pub(crate) fn decide(
    charges: &[Charge],
    stored: impl IntoIterator<Item = Option<Tat>>,
    now: SystemTime,
) -> Result<Decision, QuotaRefused> {
    let mut refusals = Vec::new();
    let mut marks: Vec<(QuotaKey, Tat)> = Vec::with_capacity(charges.len());
    let (mut receipts, mut left) = (Vec::with_capacity(charges.len()), u32::MAX);
    let mut new_keys = 0;
    for (which, (charge, stored)) in charges.iter().zip(stored).enumerate() {
        let again = marks.iter_mut().find(|(key, _)| *key == charge.key);
        let so_far = again.as_ref().map_or(stored, |(_, mark)| Some(*mark));
        let granted = match granted(which, charge, so_far.unwrap_or_default(), now) {
            Ok(granted) => granted,
            Err(refused) => {
                refusals.push(refused);
                continue;
            }
        };
        left = left.min(granted.left);
        receipts.push((*charge, granted.tat));
        if let Some((_, mark)) = again {
            *mark = granted.tat;
        } else {
            new_keys += usize::from(stored.is_none());
            marks.push((charge.key, granted.tat));
        }
    }
    match hardest(refusals) {
        None => Ok(Decision { marks, new_keys, receipt: Charged::new(receipts, left) }),
        Some(refused) => Err(refused),
    }
}

/// What the rule says to one charge.
pub(crate) fn granted(
    which: usize,
    charge: &Charge,
    stored: Tat,
    now: SystemTime,
) -> Result<Granted, QuotaRefused> {
    match gcra::charge(stored, &charge.rate, charge.events, now) {
        gcra::Charge::Granted(granted) => Ok(granted),
        gcra::Charge::Refused { until } => Err(QuotaRefused { which, until: Some(until) }),
        gcra::Charge::TooLarge => Err(QuotaRefused { which, until: None }),
    }
}

/// The refusal that has to wait longest, of those that came with their places.
pub(crate) fn hardest(refusals: impl IntoIterator<Item = QuotaRefused>) -> Option<QuotaRefused> {
    refusals.into_iter().max_by_key(|refused| (refused.until.is_none(), refused.until))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn of_several_refusals_the_longest_counts_and_never_is_longest() {
        let at = |seconds| Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        let refused = |which, until| QuotaRefused { which, until };
        assert_eq!(hardest([]), None);
        assert_eq!(
            hardest([refused(0, at(5)), refused(1, at(9)), refused(2, at(7))]),
            Some(refused(1, at(9)))
        );
        assert_eq!(hardest([refused(0, None), refused(1, at(9))]), Some(refused(0, None)));
    }
}
