//! Many requests at once: one winner, and never an attempt too many.

use futures_util::future::join_all;

use crate::harness::{ALICE, Demo, FACTOR, another, reach_code, type_code};

const N: usize = 100;

#[tokio::test(flavor = "multi_thread")]
async fn parallel_right_codes_open_one_session() {
    let demo = Demo::start();
    let mut browser = demo.browser();
    let page = reach_code(&mut browser, ALICE).await;
    let code = demo.newest_code(ALICE.2).await;
    let posts = (0..N).map(|_| {
        let mut tab = browser.clone();
        let (page, code) = (&page, &code);
        async move { type_code(&mut tab, page, code).await }
    });
    let answers = join_all(posts).await;
    let sessions =
        answers.iter().filter(|seen| seen.cookie_names().contains("__Host-mfa_session")).count();
    assert_eq!(sessions, 1);
    assert!(answers.iter().all(|seen| !seen.status.is_server_error()));
}

#[tokio::test(flavor = "multi_thread")]
async fn parallel_wrong_codes_are_never_evaluated_beyond_the_limit() {
    let demo = Demo::start();
    let mut browser = demo.browser();
    let page = reach_code(&mut browser, ALICE).await;
    let code = demo.newest_code(ALICE.2).await;
    let wrong = another(&code);
    let posts = (0..N).map(|_| {
        let mut tab = browser.clone();
        let (page, wrong) = (&page, &wrong);
        async move { type_code(&mut tab, page, wrong).await }
    });
    let answers = join_all(posts).await;
    // What was evaluated says how many attempts are left, or that this was the last one.
    let evaluated = answers.iter().filter(|seen| seen.body.contains("is not correct")).count();
    assert!(evaluated <= 5, "{evaluated} wrong codes were evaluated");
    let right = browser.post(&page, FACTOR, &[("code", &code)]).await.expect("an answer");
    assert!(right.status.is_client_error(), "the right code opened after {N} wrong ones");
}
