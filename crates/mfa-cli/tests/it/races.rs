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
    assert!(answers.iter().all(|seen| seen.location.as_deref() == Some(FACTOR)));
    // Each code that was compared is in the audit trail.
    let evaluated = demo.audited("otp.wrong_code").await;
    assert!((1..=5).contains(&evaluated), "{evaluated} wrong codes were evaluated");
    let right = type_code(&mut browser, &page, &code).await;
    assert_eq!(
        right.location.as_deref(),
        Some(FACTOR),
        "the right code opened after {N} wrong ones"
    );
    assert_eq!(browser.get("/").await.expect("an answer").status, 303);
}
