//! Clause 3: an answer satisfies only those that it was made for.

use super::{
    candidate::{Candidate, RightAnswer, begun, is_done, start, start_another},
    limit::ended,
};
use crate::Subject;

/// Checks that an answer of one user satisfies no other user, and no other login of the user if it is bound to one.
pub(super) async fn an_answer_of_another_satisfies_nothing<C: Candidate>(fresh: &impl Fn() -> C) {
    for other in fresh().other_subjects() {
        an_answer_satisfies_one(fresh, &other, "user").await;
    }
    let candidate = fresh();
    if begun(&start(&candidate)).await.is_none() {
        return;
    }
    if candidate.is_bound_to_login() || candidate.approve() {
        an_answer_satisfies_one(fresh, &candidate.subject(), "login").await;
    }
}

/// Checks with a login of `other` next to the one of the candidate's user.
async fn an_answer_satisfies_one<C: Candidate>(
    fresh: &impl Fn() -> C,
    other: &Subject,
    whose: &str,
) {
    let candidate = fresh();
    if begun(&start(&candidate)).await.is_none() {
        return;
    }
    // Made before the other login began, so it is not for that one.
    let answer = RightAnswer::of(&candidate);
    let login = start_another(&candidate, other.clone(), 0);
    ended(login.begin()).await;
    let given = answer.give(&login).await;
    assert!(!is_done(&given), "contract 3: the answer of another {whose} satisfied the factor");

    // Made afterwards it is for one of the two.
    let mut satisfied = 0;
    for is_other in [false, true] {
        let candidate = fresh();
        let logins = [start(&candidate), start_another(&candidate, other.clone(), 0)];
        for login in &logins {
            ended(login.begin()).await;
        }
        let answer = RightAnswer::of(&candidate);
        satisfied += usize::from(is_done(&answer.give(&logins[usize::from(is_other)]).await));
    }
    assert!(satisfied < 2, "contract 3: one answer satisfied the factor for either {whose}");
}
