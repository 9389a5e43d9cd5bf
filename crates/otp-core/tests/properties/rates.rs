//! Rates: what a span of time can hold.

use std::time::Duration;

use otp_core::{
    AttemptLimiter, MAX_CLOCK_LEAD, Policy,
    gcra::{self, Decision, Rate, Tat},
};
use proptest::{collection::vec, prelude::*};

use crate::{at, config};

proptest! {
    #![proptest_config(config())]

    /// One of the charges is given back at any time; the others are as they would have been without it.
    #[test]
    fn a_refund_gains_nothing_over_never_having_charged(
        burst in 1..6_u32,
        period in 1..100_000_u64,
        charges in vec((0..50_000_u64, 1..4_u32), 1..20),
        which in any::<prop::sample::Index>(),
        wait in prop_oneof![Just(0), 0..100_000_u64],
    ) {
        let rate = Rate::new(burst, Duration::from_millis(period)).unwrap();
        let which = which.index(charges.len());
        let (mut tat, mut without, mut back) = (Tat::default(), Tat::default(), None);
        let mut millis = 0;
        for (nth, (wait, events)) in charges.into_iter().enumerate() {
            millis += wait;
            let Decision::Granted(granted) = gcra::charge(tat, &rate, events, at(millis)) else { continue };
            tat = granted.tat;
            if nth == which {
                back = Some((tat, events));
            } else if let Decision::Granted(granted) = gcra::charge(without, &rate, events, at(millis)) {
                without = granted.tat;
            } else {
                prop_assert!(false, "less was charged, and it is refused");
            }
        }
        let now = at(millis + wait);
        let Some((charged, events)) = back else { return Ok(()) };
        let refunded = gcra::refund(tat, gcra::refundable(charged, &rate, events, now));
        prop_assert!(refunded <= tat);
        prop_assert!(refunded >= without || refunded.is_past(now), "{refunded:?} {without:?}");
        if charged == tat && wait == 0 {
            prop_assert!(refunded == without || (refunded.is_past(now) && without.is_past(now)));
        }
    }

    #[test]
    fn no_span_holds_more_than_the_burst_and_its_intervals(
        burst in 1..20_u32,
        period in 1..100_000_u64,
        waits in vec((0..50_000_u64, 1..4_u32), 1..100),
        span in 1..300_000_u64,
    ) {
        let rate = Rate::new(burst, Duration::from_millis(period)).unwrap();
        // Of the events in a span whose end is left out; the last is a microsecond before it or earlier.
        let most = |millis: u64| u64::from(burst) + (millis * 1_000 - 1) / rate.interval_micros();
        prop_assert!(most(period) < 2 * u64::from(burst));
        let mut tat = Tat::default();
        let mut millis = 0;
        let mut granted: Vec<(u64, u32)> = Vec::new();
        for (wait, events) in waits {
            millis += wait;
            match gcra::charge(tat, &rate, events, at(millis)) {
                Decision::Granted(charge) => {
                    tat = charge.tat;
                    granted.push((millis, events));
                }
                Decision::Refused { until } => {
                    prop_assert!(until > at(millis));
                    prop_assert!(matches!(gcra::charge(tat, &rate, events, until), Decision::Granted(_)));
                    let before = until - Duration::from_micros(1);
                    let is_refused = matches!(gcra::charge(tat, &rate, events, before), Decision::Refused { .. });
                    prop_assert!(is_refused);
                }
                Decision::TooLarge => prop_assert!(events > burst),
            }
            for span in [period, span] {
                let in_span: u64 = granted
                    .iter()
                    .filter(|(at, _)| at + span > millis)
                    .map(|(_, events)| u64::from(*events))
                    .sum();
                prop_assert!(in_span <= most(span), "{in_span} in {span} ms of {rate:?}");
            }
        }
    }

    /// Two machines, one of which has a clock that is ahead, in turn or not.
    #[test]
    fn clocks_that_differ_loosen_a_rate_by_the_difference_at_most(
        burst in 1..6_u32,
        period in 1..3_600_000_u64,
        lead in 0..=MAX_CLOCK_LEAD.as_secs() * 1_000,
        calls in vec((prop_oneof![Just(0), 0..600_000_u64], any::<bool>()), 1..100),
    ) {
        let rate = Rate::new(burst, Duration::from_millis(period)).unwrap();
        let mut tat = Tat::default();
        let mut millis = 0;
        let mut granted: Vec<u64> = Vec::new();
        for (wait, is_ahead) in calls {
            millis += wait;
            let now = at(millis + if is_ahead { lead } else { 0 });
            if let Decision::Granted(charge) = gcra::charge(tat, &rate, 1, now) {
                tat = charge.tat;
                granted.push(millis);
            }
            for (n, from) in granted.iter().enumerate() {
                let refilled = (millis - from + lead) * 1_000 / rate.interval_micros();
                prop_assert!(granted[n..].len() as u64 <= u64::from(burst) + refilled);
            }
        }
    }

    #[test]
    fn clocks_that_differ_shorten_a_quiet_period_by_the_difference_at_most(
        lead in 0..MAX_CLOCK_LEAD.as_secs() * 1_000,
        calls in vec((prop_oneof![Just(0), 0..600_000_u64], any::<bool>()), 1..200),
    ) {
        let policy = Policy::default();
        let mut limiter = AttemptLimiter::new();
        let mut millis = 0;
        let mut counted: Vec<u64> = Vec::new();
        for (wait, is_ahead) in calls {
            millis += wait;
            let now = at(millis + if is_ahead { lead } else { 0 });
            if limiter.begin_attempt(&policy, now).is_ok() {
                counted.push(millis);
            }
            let quiet = policy.quiet_period().as_secs() * 1_000 - lead;
            let in_window = counted.iter().filter(|at| *at + quiet > millis).count();
            prop_assert!(in_window <= usize::from(policy.attempts_per_subject()));
        }
    }
}
