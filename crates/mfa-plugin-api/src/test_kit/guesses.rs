//! Clause 4: guesses are bounded.

use std::time::Duration;

use super::{
    candidate::{Candidate, begun, start, start_another},
    limit::{ended, within},
    race::all,
};
use crate::{PluginError, Step};

/// How many wrong answers a factor may take before it accepts none (NIST SP 800-63B-4, 3.2.2).
pub(super) const MAX_GUESSES: usize = 100;

/// How many wrong answers are submitted at once. More than may be compared, so that a right answer that overtakes
/// some of them is refused too.
const PARALLEL_GUESSES: usize = 2 * MAX_GUESSES;

/// How long the parallel answers may take together.
const LONGEST_BATCH: Duration = Duration::from_secs(60);

/// Checks the limit in one login, over many, and at once.
pub(super) async fn guesses_are_bounded<C: Candidate>(fresh: &impl Fn() -> C) {
    in_one_login(&fresh()).await;
    over_many_logins(&fresh()).await;
    in_parallel(&fresh()).await;
}

async fn in_one_login(candidate: &dyn Candidate) {
    let login = start(candidate);
    let Some(prompt) = begun(&login).await else { return };
    if prompt.fields.is_empty() {
        return;
    }
    let state = login.state();
    let (right, wrong) = (candidate.right_answer(), candidate.wrong_answer());
    for _ in 0..MAX_GUESSES {
        // As from another tab: a count in the plugin's state would be lost.
        login.set_state(state.clone());
        match ended(login.submit(&wrong)).await {
            None | Some(Ok(Step::Done(_))) => return,
            Some(Ok(Step::Denied(_))) => break,
            Some(_) => {}
        }
    }
    login.set_state(state);
    let late = ended(login.submit(&right)).await;
    assert!(
        !is_done(late.as_ref()),
        "contract 4: an answer was accepted after {MAX_GUESSES} wrong ones or a denial"
    );
}

async fn over_many_logins(candidate: &dyn Candidate) {
    let login = |number| start_another(candidate, candidate.subject(), number);
    for number in 0..MAX_GUESSES {
        let login = login(number);
        match ended(login.begin()).await {
            Some(Ok(Step::Prompt(prompt))) if !prompt.fields.is_empty() => {}
            Some(Ok(Step::Denied(_))) => break,
            // Without a prompt there is no guess.
            _ => return,
        }
        match ended(login.submit(&candidate.wrong_answer())).await {
            None | Some(Ok(Step::Done(_))) => return,
            Some(Ok(Step::Denied(_))) => break,
            Some(_) => {}
        }
    }
    let login = login(MAX_GUESSES);
    ended(login.begin()).await;
    let late = ended(login.submit(&candidate.right_answer())).await;
    assert!(
        !is_done(late.as_ref()),
        "contract 4: a new login accepted an answer after {MAX_GUESSES} wrong ones or a denial"
    );
}

async fn in_parallel(candidate: &dyn Candidate) {
    let login = start(candidate);
    let Some(prompt) = begun(&login).await else { return };
    if prompt.fields.is_empty() {
        return;
    }
    let state = login.state();
    let (right, wrong) = (candidate.right_answer(), candidate.wrong_answer());
    match ended(login.submit(&wrong)).await {
        None | Some(Ok(Step::Denied(_) | Step::Done(_))) => return,
        Some(_) => {}
    }
    let tabs = std::iter::repeat_with(|| {
        let tab = start(candidate);
        tab.set_state(state.clone());
        tab
    });
    let tabs: Vec<_> = tabs.take(PARALLEL_GUESSES + 1).collect();
    let answers = std::iter::repeat_n(&wrong, PARALLEL_GUESSES).chain([&right]);
    let calls = tabs.iter().zip(answers).map(|(tab, answer)| tab.submit(answer));
    let submitted = within(LONGEST_BATCH, all(calls)).await;
    let submitted = submitted.expect("contract 4: parallel answers did not end");
    assert!(
        !is_done(submitted.last()),
        "contract 4: an answer was accepted with {PARALLEL_GUESSES} parallel wrong ones before it"
    );
}

fn is_done(submitted: Option<&Result<Step, PluginError>>) -> bool {
    matches!(submitted, Some(Ok(Step::Done(_))))
}
