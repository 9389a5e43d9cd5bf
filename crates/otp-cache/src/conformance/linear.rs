//! A small linearizability checker after Wing and Gong, with Lowe's memory of tried states. It searches for an
//! order of the recorded calls, consistent with real time, in which a single record gives the same results.

use std::{collections::HashSet, fmt::Debug, hash::Hash};

/// The sequential model that a history is compared with.
pub trait Model: Clone + Eq + Hash {
    /// A call.
    type Call: Debug;
    /// The result of a call.
    type Answer: Debug + PartialEq;

    /// Executes the call and returns its result.
    fn step(&mut self, call: &Self::Call) -> Self::Answer;
}

/// One call of a recorded history. Instants are ticks of a counter shared by all callers.
#[derive(Clone, Debug)]
pub struct Event<C, A> {
    /// The tick before the call began.
    pub called_at: u64,
    /// The tick after the call returned.
    pub answered_at: u64,
    /// The call.
    pub call: C,
    /// The result; `None` if the caller cannot know whether the call happened.
    pub answer: Option<A>,
}

/// Whether `model` can explain the history by executing one call after the other.
///
/// # Panics
///
/// If there are more than 128 calls: split the history by subject first.
pub fn is_linearizable<M: Model>(model: &M, history: &[Event<M::Call, M::Answer>]) -> bool {
    assert!(history.len() <= 128, "at most 128 calls in one history");
    // The order of the answers is often an order that explains them, so it is tried first.
    let mut history: Vec<_> = history.iter().collect();
    history.sort_unstable_by_key(|event| event.answered_at);
    let all = if history.len() == 128 { u128::MAX } else { (1 << history.len()) - 1 };
    let optional = history
        .iter()
        .enumerate()
        .filter(|(_, event)| event.answer.is_none())
        .fold(0_u128, |mask, (at, _)| mask | 1 << at);
    let mut tried = HashSet::new();
    search(model, &history, 0, all & !optional, &mut tried)
}

/// Returns the history with one call a line, in the order in which they began.
pub(super) fn shown<C: Debug, A: Debug>(history: &[Event<C, A>]) -> String {
    let mut calls: Vec<_> = history.iter().collect();
    calls.sort_unstable_by_key(|event| event.called_at);
    calls.iter().map(|event| format!("{event:?}")).collect::<Vec<_>>().join("\n")
}

fn search<M: Model>(
    model: &M,
    history: &[&Event<M::Call, M::Answer>],
    done: u128,
    required: u128,
    tried: &mut HashSet<(u128, M)>,
) -> bool {
    if done & required == required {
        return true;
    }
    if !tried.insert((done, model.clone())) {
        return false;
    }
    // A call must not be ordered before one that had returned before it began.
    let horizon = open(history, done)
        .filter(|(_, event)| event.answer.is_some())
        .map(|(_, event)| event.answered_at)
        .min()
        .unwrap_or(u64::MAX);
    open(history, done).filter(|(_, event)| event.called_at < horizon).any(|(at, event)| {
        let mut next = model.clone();
        let answer = next.step(&event.call);
        event.answer.as_ref().is_none_or(|seen| *seen == answer)
            && search(&next, history, done | 1 << at, required, tried)
    })
}

/// Returns the calls that are not done, with their places.
fn open<'a, C, A>(
    history: &'a [&'a Event<C, A>],
    done: u128,
) -> impl Iterator<Item = (usize, &'a Event<C, A>)> {
    let places = history.iter().copied().enumerate();
    places.filter(move |(at, _)| done & (1 << at) == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A counter that hands out at most `left` tickets.
    #[derive(Clone, PartialEq, Eq, Hash)]
    struct Tickets {
        left: u8,
    }

    impl Model for Tickets {
        type Call = ();
        type Answer = Option<u8>;

        fn step(&mut self, (): &()) -> Option<u8> {
            self.left = self.left.checked_sub(1)?;
            Some(self.left)
        }
    }

    #[expect(clippy::option_option, reason = "unknown, or an answer that is an option")]
    fn event(
        called_at: u64,
        answered_at: u64,
        answer: Option<Option<u8>>,
    ) -> Event<(), Option<u8>> {
        Event { called_at, answered_at, call: (), answer }
    }

    fn check(left: u8, history: &[Event<(), Option<u8>>], expected: bool) {
        assert_eq!(is_linearizable(&Tickets { left }, history), expected, "{history:?}");
    }

    #[test]
    fn overlapping_calls_may_take_any_order() {
        check(2, &[event(1, 4, Some(Some(0))), event(2, 3, Some(Some(1)))], true);
    }

    #[test]
    fn answered_before_called_fixes_the_order() {
        check(2, &[event(1, 2, Some(Some(0))), event(3, 4, Some(Some(1)))], false);
        check(2, &[event(1, 2, Some(Some(1))), event(3, 4, Some(Some(0)))], true);
    }

    #[test]
    fn the_same_ticket_twice_is_found() {
        check(2, &[event(1, 4, Some(Some(1))), event(2, 3, Some(Some(1)))], false);
    }

    #[test]
    fn one_ticket_too_many_is_found() {
        check(1, &[event(1, 4, Some(Some(0))), event(2, 3, Some(Some(0)))], false);
        check(1, &[event(1, 4, Some(Some(0))), event(2, 3, Some(None))], true);
    }

    #[test]
    fn an_unknown_call_may_have_happened_or_not() {
        check(2, &[event(1, 2, None), event(3, 4, Some(Some(1)))], true);
        check(2, &[event(1, 2, None), event(3, 4, Some(Some(0)))], true);
        // Even late: a lost call can arrive at any time.
        check(2, &[event(1, 2, None), event(3, 4, Some(Some(1))), event(5, 6, Some(None))], true);
        check(2, &[event(3, 4, Some(Some(0))), event(5, 6, None)], false);
    }
}
