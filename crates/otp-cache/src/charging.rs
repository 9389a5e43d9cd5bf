//! The rule for several charges at once, shared by the backends.

use std::time::SystemTime;

use otp_core::gcra::{self, Tat};

use crate::{Charge, Charged, QuotaKey, QuotaRefused};

/// What a store must write after [`charge_all`] has granted all charges.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "nothing is charged before the store has written the values"]
#[non_exhaustive]
pub struct GrantedCharges {
    /// Each key once, with the value to store for it. A key that was only checked, with 0 events, is left
    /// out, unless a wrong clock has charged it.
    pub tats: Vec<(QuotaKey, Tat)>,
    /// How many of the keys have no stored value yet. A store with a bound needs room for as many.
    pub new_keys: usize,
    /// The receipt for the caller.
    pub receipt: Charged,
}

/// Grants all charges, or refuses all: the rule of [`Quota::charge`](crate::Quota::charge) for a store that reads and
/// writes all keys of a call in one step, such as a transaction.
///
/// `stored` returns what is stored for a key; `None` if there is nothing. It is called once for each charge, in
/// their order. A key that occurs twice is charged twice, as if one charge came after the other.
///
/// The store must hold a lock on all the keys from the first read to the last write, and on keys without a value,
/// too. To avoid a deadlock it takes the locks in the order of the keys, not in that of the charges.
///
/// # Errors
///
/// [`QuotaRefused`], of several refused charges the one with the longest wait. Then write nothing.
///
/// ```
/// use std::{collections::HashMap, time::{Duration, SystemTime}};
///
/// use otp_cache::{Charge, QuotaKey, charge_all, otp_core::gcra::Rate};
///
/// let mut table = HashMap::new();
/// let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
/// let hourly = Rate::new(2, Duration::from_secs(3600))?;
/// let charges = ["alice", "192.0.2.1"].map(|who| Charge::new(QuotaKey::derive("sms", who), hourly));
///
/// for left in [1, 0] {
///     let granted = charge_all(&charges, |key| table.get(&key).copied(), now)?;
///     table.extend(granted.tats);
///     assert_eq!(granted.receipt.left(), left);
/// }
/// assert!(charge_all(&charges, |key| table.get(&key).copied(), now).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn charge_all(
    charges: &[Charge],
    mut stored: impl FnMut(QuotaKey) -> Option<Tat>,
    now: SystemTime,
) -> Result<GrantedCharges, QuotaRefused> {
    let mut together = Together::of(charges.len());
    let mut tats: Vec<(QuotaKey, Tat)> = Vec::with_capacity(charges.len());
    let mut new_keys = 0;
    for charge in charges {
        let stored = stored(charge.key);
        let again = tats.iter_mut().find(|(key, _)| *key == charge.key);
        let so_far = if let Some((_, tat)) = &again {
            *tat
        } else {
            let of_key = charges.iter().filter(|other| other.key == charge.key);
            let events = of_key.fold(0, |sum: u32, other| sum.saturating_add(other.events));
            gcra::without_wrong_clock(stored.unwrap_or_default(), &charge.rate, events, now)
        };
        let granted = match gcra::charge(so_far, &charge.rate, charge.events, now) {
            gcra::Decision::Granted(granted) => granted,
            refused => {
                together.add(charge, refused);
                continue;
            }
        };
        together.grant(charge, granted);
        if let Some((_, tat)) = again {
            *tat = granted.tat;
        } else if charge.events > 0 || so_far != stored.unwrap_or_default() {
            new_keys += usize::from(stored.is_none());
            tats.push((charge.key, granted.tat));
        }
    }
    match together.into_parts() {
        (receipt, None) => Ok(GrantedCharges { tats, new_keys, receipt }),
        (_, Some(refused)) => Err(refused),
    }
}

/// The results of the charges of one call, one after the other.
#[derive(Debug)]
pub(crate) struct Together {
    granted: Vec<(Charge, Tat)>,
    left: u32,
    seen: usize,
    refused: Option<QuotaRefused>,
}

impl Together {
    /// Creates the results of a call with this many charges.
    pub(crate) fn of(charges: usize) -> Self {
        let granted = Vec::with_capacity(charges);
        Self { granted, left: u32::MAX, seen: 0, refused: None }
    }

    /// Adds the next charge, which was granted.
    fn grant(&mut self, charge: &Charge, granted: gcra::Granted) {
        self.seen += 1;
        self.left = self.left.min(granted.left);
        self.granted.push((*charge, granted.tat));
    }

    /// Adds the result of the next charge.
    pub(crate) fn add(&mut self, charge: &Charge, outcome: gcra::Decision) {
        let until = match outcome {
            gcra::Decision::Granted(granted) => return self.grant(charge, granted),
            gcra::Decision::Refused { until } => Some(until),
            gcra::Decision::TooLarge => None,
        };
        let wait = |refused: &QuotaRefused| (refused.until.is_none(), refused.until);
        let refused = QuotaRefused { which: self.seen, until };
        self.seen += 1;
        if self.refused.as_ref().is_none_or(|before| wait(before) <= wait(&refused)) {
            self.refused = Some(refused);
        }
    }

    /// Returns what was granted, and of the refusals the one with the longest wait.
    pub(crate) fn into_parts(self) -> (Charged, Option<QuotaRefused>) {
        (Charged::new(self.granted, self.left), self.refused)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// A clock was a day ahead, and is right again: a call is granted also if it names a key twice.
    #[test]
    fn a_key_that_a_wrong_clock_charged_is_charged_twice_in_one_call() {
        let hour = Duration::from_secs(3600);
        let now = SystemTime::UNIX_EPOCH + 1_000 * hour;
        let rate = gcra::Rate::new(5, hour).expect("a valid rate");
        let charge = Charge::new(QuotaKey::from_bytes([0; 16]), rate);
        let ahead = charge_all(&[charge], |_| None, now + 24 * hour).expect("a new key");
        let (_, tat) = ahead.tats[0];
        let again = charge_all(&[charge, charge.with_events(2)], |_| Some(tat), now);
        let again = again.expect("the clock was wrong");
        assert_eq!((again.receipt.left(), again.new_keys), (0, 0));
        let (_, tat) = again.tats[0];
        let refused = charge_all(&[charge], |_| Some(tat), now).expect_err("nothing is left");
        assert_eq!(refused.until, Some(now + hour / 5));
        let too_much = charge_all(&[charge.with_events(3); 2], |_| Some(tat), now);
        assert!(too_much.is_err(), "six of five");
    }

    #[test]
    fn a_check_without_events_leaves_nothing_to_write() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000);
        let rate = gcra::Rate::new(2, Duration::from_secs(60)).expect("a valid rate");
        let charge = Charge::new(QuotaKey::from_bytes([0; 16]), rate);
        let used = charge_all(&[charge], |_| None, now).expect("a new key").tats[0].1;
        for stored in [None, Some(used)] {
            let checked = charge_all(&[charge.with_events(0)], |_| stored, now).expect("granted");
            assert_eq!((checked.tats.len(), checked.new_keys), (0, 0));
            assert_eq!(checked.receipt.left(), if stored.is_some() { 1 } else { 2 });
        }
        let both = [charge.with_events(0), charge];
        assert_eq!(charge_all(&both, |_| Some(used), now).expect("granted").tats.len(), 1);
    }

    #[test]
    fn the_longest_wait_wins_and_never_is_the_longest() {
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let rate = gcra::Rate::new(1, Duration::from_secs(1)).expect("a valid rate");
        let charge = Charge::new(QuotaKey::from_bytes([0; 16]), rate);
        let refused = |outcomes: &[gcra::Decision]| {
            let mut together = Together::of(outcomes.len());
            for outcome in outcomes {
                together.add(&charge, *outcome);
            }
            together.into_parts().1
        };
        let until = |seconds| gcra::Decision::Refused { until: at(seconds) };
        assert_eq!(refused(&[]), None);
        assert_eq!(
            refused(&[until(5), until(9), until(7)]),
            Some(QuotaRefused { which: 1, until: Some(at(9)) })
        );
        assert_eq!(
            refused(&[gcra::Decision::TooLarge, until(9)]),
            Some(QuotaRefused { which: 0, until: None })
        );
    }
}
