//! The circuit breaker.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use sms_sender::{
    BreakerSettings, CircuitBreaker, FailingSender, InvalidBreakerSettings, LookUp, LookUpError,
    OutgoingSms, RecordingSender, Reference, RefusedReason, SmsAccepted, SmsError, SmsOutcome,
    SmsSender, TextLimit,
};
use tokio::{
    sync::Semaphore,
    task::{JoinHandle, JoinSet},
    time::Instant,
};

use crate::common::{breaker, sms, sms_of, sms_to, text_to};

#[tokio::test(start_paused = true)]
async fn after_five_failures_a_provider_is_left_alone_for_ten_seconds() {
    let provider = FailingSender::not_sent();
    let breaker = breaker(provider.clone());
    for n in 0..5 {
        assert!(!breaker.is_open());
        breaker.send(&sms_to(n)).await.unwrap_err();
    }
    for _ in 0..20 {
        let error = breaker.send(&sms()).await.unwrap_err();
        assert!(error.is_not_sent() && breaker.is_open());
        assert_eq!(error.retry_after(), Some(Duration::from_secs(10)));
    }
    assert_eq!(provider.calls(), 5);
    tokio::time::advance(Duration::from_millis(9_999)).await;
    breaker.send(&sms()).await.unwrap_err();
    assert_eq!(provider.calls(), 5);
    tokio::time::advance(Duration::from_millis(1)).await;
    // One tries; it fails, so the rest is stopped again.
    breaker.send(&sms()).await.unwrap_err();
    breaker.send(&sms()).await.unwrap_err();
    assert_eq!(provider.calls(), 6);
}

#[tokio::test(start_paused = true)]
async fn another_sender_to_the_same_provider_finds_the_breaker_as_it_is() {
    let breaker = breaker(FailingSender::not_sent());
    for n in 0..5 {
        breaker.send(&sms_to(n)).await.unwrap_err();
    }
    let provider = FailingSender::not_sent();
    let other = breaker.with_sender(Arc::new(provider.clone()));
    assert!(other.is_open());
    other.send(&sms()).await.unwrap_err();
    assert_eq!(provider.calls(), 0);
    tokio::time::advance(Duration::from_secs(10)).await;
    other.send(&sms()).await.unwrap_err();
    assert_eq!(provider.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn failures_far_apart_and_refusals_open_nothing() {
    let provider = RecordingSender::new();
    let breaker = breaker(provider.clone());
    for n in 0..20 {
        provider.fail_next();
        breaker.send(&sms_to(n)).await.unwrap_err();
        tokio::time::advance(Duration::from_secs(8)).await;
    }
    for n in 0..20 {
        provider.refuse_next(RefusedReason::Number);
        breaker.send(&sms_to(n)).await.unwrap();
    }
    assert!(!breaker.is_open());
}

#[tokio::test(start_paused = true)]
async fn an_answer_closes_it_again() {
    let provider = RecordingSender::new();
    let breaker = breaker(provider.clone());
    for n in 0..5 {
        provider.lose_next_request();
        breaker.send(&sms_to(n)).await.unwrap_err();
    }
    assert!(breaker.is_open());
    breaker.look_up(sms().reference(), SystemTime::UNIX_EPOCH).await.unwrap_err();
    assert!(provider.looked_up().is_empty());
    tokio::time::advance(Duration::from_secs(10)).await;
    breaker.send(&sms()).await.unwrap();
    assert!(!breaker.is_open());
}

#[tokio::test(start_paused = true)]
async fn one_user_opens_it_for_nobody_else() {
    type Script = fn(&RecordingSender);
    let scripts: [Script; 5] = [
        RecordingSender::fail_next,
        RecordingSender::lose_next_request,
        |provider| provider.limit_next(Some(Duration::from_secs(3600))),
        |provider| provider.refuse_next(RefusedReason::Number),
        |provider| provider.refuse_next(RefusedReason::ChangedHands),
    ];
    for (case, script) in scripts.into_iter().enumerate() {
        let provider = RecordingSender::new();
        let breaker = breaker(provider.clone());
        for _ in 0..100 {
            script(&provider);
            // What came of it is for that user.
            let _ = breaker.send(&sms_to(1)).await;
        }
        assert!(!breaker.is_open(), "{case}");
        breaker.send(&sms_to(2)).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn four_users_open_it_for_nobody_else_and_a_fifth_does() {
    let provider = FailingSender::unknown();
    let breaker = breaker(provider.clone());
    for n in 0..100 {
        breaker.send(&sms_to(n % 4)).await.unwrap_err();
    }
    assert!(!breaker.is_open());
    breaker.send(&sms_to(4)).await.unwrap_err();
    assert!(breaker.is_open());
}

/// Fails for the numbers below `bad`, after `slow`.
#[derive(Debug)]
struct FailingFor {
    bad: u32,
    slow: Duration,
    others: RecordingSender,
}

#[async_trait]
impl SmsSender for FailingFor {
    fn text_limit(&self) -> TextLimit {
        self.others.text_limit()
    }

    async fn send(&self, sms: &OutgoingSms) -> Result<SmsOutcome, SmsError> {
        if (0..self.bad).any(|n| sms_to(n).to() == sms.to()) {
            tokio::time::sleep(self.slow).await;
            return Err(SmsError::not_sent("no connection"));
        }
        self.others.send(sms).await
    }

    async fn look_up(&self, reference: &Reference, at: SystemTime) -> Result<LookUp, LookUpError> {
        self.others.look_up(reference, at).await
    }
}

#[tokio::test(start_paused = true)]
async fn those_who_opened_it_cannot_take_the_probes_of_the_others() {
    for slow in [Duration::ZERO, Duration::from_secs(11)] {
        let provider = FailingFor { bad: 5, slow, others: RecordingSender::new() };
        let breaker = Arc::new(breaker(provider));
        let mut calls = JoinSet::new();
        for n in 0..5 {
            let breaker = Arc::clone(&breaker);
            calls.spawn(async move { breaker.send(&sms_to(n)).await });
        }
        calls.join_all().await.into_iter().for_each(|sent| drop(sent.unwrap_err()));
        assert!(breaker.is_open());
        tokio::time::advance(Duration::from_secs(10)).await;
        // One of them clicks all the time, and is the first to probe.
        let clicks = Arc::clone(&breaker);
        let clicking = tokio::spawn(async move {
            loop {
                clicks.send(&sms_to(0)).await.unwrap_err();
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        });
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(breaker.is_open());
        breaker.send(&sms_to(7)).await.unwrap();
        assert!(!breaker.is_open());
        clicking.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_probe_of_another_number_stops_all_again() {
    let provider = FailingSender::not_sent();
    let breaker = breaker(provider.clone());
    for n in 0..5 {
        breaker.send(&sms_to(n)).await.unwrap_err();
    }
    tokio::time::advance(Duration::from_secs(10)).await;
    for n in 7..20 {
        breaker.send(&sms_to(n)).await.unwrap_err();
    }
    assert_eq!(provider.calls(), 6);
}

#[tokio::test(start_paused = true)]
async fn rate_limits_of_many_numbers_stop_sending_for_as_long_as_the_provider_asks() {
    let seconds = Duration::from_secs;
    for (asked, open_for) in
        [(None, 10), (Some(seconds(1)), 10), (Some(seconds(25)), 25), (Some(seconds(3600)), 60)]
    {
        let provider = RecordingSender::new();
        let breaker = breaker(provider.clone());
        for n in 0..5 {
            assert!(!breaker.is_open());
            provider.limit_next(asked);
            assert!(breaker.send(&sms_to(n)).await.unwrap_err().is_rate_limited());
        }
        let error = breaker.send(&sms_to(9)).await.unwrap_err();
        assert!(error.is_not_sent() && !error.is_rate_limited());
        assert_eq!(error.retry_after(), Some(seconds(open_for)), "{asked:?}");
        assert!(provider.sent().is_empty());
        tokio::time::advance(seconds(open_for)).await;
        breaker.send(&sms_to(9)).await.unwrap();
        assert!(!breaker.is_open());
        provider.limit_next(asked);
        breaker.send(&sms_to(4)).await.unwrap_err();
        assert!(!breaker.is_open(), "the count begins at zero");
    }
}

/// Does what the text says: `accept`, `fail`, `limit` for 60 s or `refuse`, after this many seconds.
#[derive(Debug)]
struct Obedient;

#[async_trait]
impl SmsSender for Obedient {
    fn text_limit(&self) -> TextLimit {
        TextLimit::new(70, 1)
    }

    async fn send(&self, sms: &OutgoingSms) -> Result<SmsOutcome, SmsError> {
        let (what, seconds) = sms.expose_text().split_once(' ').unwrap();
        tokio::time::sleep(Duration::from_secs(seconds.parse().unwrap())).await;
        let minute = Some(Duration::from_secs(60));
        match what {
            "accept" => Ok(SmsOutcome::Accepted(SmsAccepted::default())),
            "limit" => Err(SmsError::rate_limited("too many").with_retry_after(minute)),
            "refuse" => Ok(SmsOutcome::Refused(RefusedReason::Number)),
            _ => Err(SmsError::not_sent("down")),
        }
    }

    async fn look_up(&self, _: &Reference, _: SystemTime) -> Result<LookUp, LookUpError> {
        Ok(LookUp::Absent)
    }
}

/// Sends one message with this text to each of five users.
fn five(breaker: &Arc<CircuitBreaker>, text: &'static str) -> JoinSet<bool> {
    (0..5)
        .map(|n| {
            let (breaker, sms) = (Arc::clone(breaker), text_to(n, text));
            async move { breaker.send(&sms).await.is_ok() }
        })
        .collect()
}

/// Sends a message with this text to the `n`th user in a task of its own.
async fn begun(
    breaker: &Arc<CircuitBreaker>,
    n: u32,
    text: &'static str,
) -> JoinHandle<Result<SmsOutcome, SmsError>> {
    let breaker = Arc::clone(breaker);
    let call = tokio::spawn(async move { breaker.send(&text_to(n, text)).await });
    tokio::task::yield_now().await;
    call
}

/// A breaker that probes after a second.
fn impatient() -> Arc<CircuitBreaker> {
    let settings = BreakerSettings::default().with_open_for(Duration::from_secs(1));
    Arc::new(CircuitBreaker::new(Arc::new(Obedient), settings).unwrap())
}

#[tokio::test(start_paused = true)]
async fn while_one_call_probes_the_others_are_rejected() {
    let breaker = Arc::new(breaker(Obedient));
    five(&breaker, "fail 0").join_all().await;
    tokio::time::advance(Duration::from_secs(10)).await;
    let probe = begun(&breaker, 7, "accept 5").await;
    let rejected = breaker.send(&text_to(8, "accept 0")).await.unwrap_err();
    assert!(rejected.is_not_sent());
    assert_eq!(rejected.retry_after(), Some(Duration::from_secs(10)));
    probe.await.unwrap().unwrap();
    breaker.send(&text_to(8, "accept 0")).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_probe_from_before_another_opening_frees_no_probe_of_the_later_one() {
    let breaker = impatient();
    let failing = five(&breaker, "fail 3");
    tokio::task::yield_now().await;
    five(&breaker, "fail 0").join_all().await;
    tokio::time::advance(Duration::from_secs(1)).await;
    let earlier = begun(&breaker, 7, "accept 8").await;
    // The failures of the earlier calls open it again, until the fourth second.
    failing.join_all().await;
    tokio::time::advance(Duration::from_secs(1)).await;
    let later = begun(&breaker, 8, "accept 10").await;
    earlier.await.unwrap().unwrap();
    assert!(breaker.is_open());
    breaker.send(&text_to(9, "accept 0")).await.unwrap_err();
    later.await.unwrap().unwrap();
    assert!(!breaker.is_open());
}

#[tokio::test(start_paused = true)]
async fn a_failed_probe_from_before_another_opening_changes_nothing_of_the_later_one() {
    for (prober, is_cause) in [(0, true), (7, false)] {
        let breaker = impatient();
        let limited = five(&breaker, "limit 5");
        tokio::task::yield_now().await;
        five(&breaker, "fail 0").join_all().await;
        tokio::time::advance(Duration::from_secs(1)).await;
        let earlier = begun(&breaker, prober, "fail 10").await;
        // The rate limits of the earlier calls open it for 60 s.
        limited.join_all().await;
        earlier.await.unwrap().unwrap_err();
        let left = Duration::from_secs(60 - 6);
        let rejected = breaker.send(&text_to(prober, "accept 0")).await.unwrap_err();
        assert_eq!(rejected.retry_after(), Some(left), "not shorter: {prober}");
        tokio::time::advance(left).await;
        // Only the numbers that opened it probe apart from the others.
        let probe = begun(&breaker, 8, "accept 5").await;
        let second = breaker.send(&text_to(prober, "accept 0")).await;
        assert_eq!(second.is_ok(), is_cause, "{prober}");
        probe.await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_response_resets_the_count_and_a_rate_limit_does_not() {
    for (between, opens) in [("accept 0", false), ("refuse 0", false), ("limit 0", true)] {
        let breaker = Arc::new(breaker(Obedient));
        for n in 0..4 {
            breaker.send(&text_to(n, "fail 0")).await.unwrap_err();
        }
        let _ = breaker.send(&text_to(9, between)).await;
        breaker.send(&text_to(4, "fail 0")).await.unwrap_err();
        assert_eq!(breaker.is_open(), opens, "{between}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_from_before_the_opening_neither_closes_nor_shortens_it() {
    for (early, opening, open_for) in [
        ("accept 5", "fail 0", 10),
        ("refuse 5", "fail 0", 10),
        ("accept 5", "limit 0", 60),
        ("refuse 5", "limit 0", 60),
        ("fail 5", "limit 0", 60),
    ] {
        let breaker = Arc::new(breaker(Obedient));
        let opened_at = Instant::now();
        let early_calls = five(&breaker, early);
        tokio::task::yield_now().await;
        five(&breaker, opening).join_all().await;
        assert!(breaker.is_open());
        early_calls.join_all().await;
        assert_eq!(opened_at.elapsed(), Duration::from_secs(5));
        let rejected = breaker.send(&sms_of("accept 0")).await.unwrap_err();
        let left = Duration::from_secs(open_for - 5);
        assert_eq!(rejected.retry_after(), Some(left), "{early}, {opening}");
        tokio::time::advance(left).await;
        breaker.send(&sms_of("accept 0")).await.unwrap();
        assert!(!breaker.is_open());
    }
}

#[tokio::test(start_paused = true)]
async fn a_probe_from_before_another_opening_does_not_close_it() {
    let second = Duration::from_secs(1);
    let settings = BreakerSettings::default().with_open_for(second);
    let breaker = Arc::new(CircuitBreaker::new(Arc::new(Obedient), settings).unwrap());
    let limited = five(&breaker, "limit 5");
    tokio::task::yield_now().await;
    five(&breaker, "fail 0").join_all().await;
    tokio::time::advance(second).await;
    // The rate limits of the earlier calls open it while the probe runs.
    breaker.send(&sms_of("refuse 10")).await.unwrap();
    limited.join_all().await;
    let rejected = breaker.send(&sms_of("accept 0")).await.unwrap_err();
    assert_eq!(rejected.retry_after(), Some(Duration::from_secs(60 - 6)));
}

#[tokio::test(start_paused = true)]
async fn a_rate_limited_probe_shows_that_the_provider_works() {
    let provider = RecordingSender::new();
    let breaker = breaker(provider.clone());
    for n in 0..5 {
        provider.fail_next();
        breaker.send(&sms_to(n)).await.unwrap_err();
    }
    tokio::time::advance(Duration::from_secs(10)).await;
    provider.limit_next(None);
    assert!(breaker.send(&sms_to(1)).await.unwrap_err().is_rate_limited());
    assert!(!breaker.is_open());
}

#[test]
fn settings_out_of_their_range_are_refused() {
    let good = BreakerSettings::default;
    let second = Duration::from_secs(1);
    let (zero, tick) = (Duration::ZERO, Duration::from_nanos(1));
    let day = Duration::from_secs(24 * 60 * 60);
    use InvalidBreakerSettings as Invalid;
    for (settings, expected) in [
        (good().with_failures(1, second), Some(Invalid::Failures)),
        (good().with_failures(2, zero), Some(Invalid::Duration)),
        (good().with_failures(2, second), None),
        (good().with_open_for(zero), Some(Invalid::Duration)),
        (good().with_call_timeout(zero), Some(Invalid::Duration)),
        (good().with_concurrent_calls(0, second), Some(Invalid::ConcurrentCalls)),
        (good().with_concurrent_calls(10_001, second), Some(Invalid::ConcurrentCalls)),
        (good().with_concurrent_calls(10_000, zero), None),
        (good().with_open_for(day), None),
        (good().with_open_for(day + tick), Some(Invalid::Duration)),
        (good().with_open_for(Duration::MAX), Some(Invalid::Duration)),
        (good().with_failures(2, day + tick), Some(Invalid::Duration)),
        (good().with_call_timeout(day + tick), Some(Invalid::Duration)),
        (good().with_concurrent_calls(32, day + tick), Some(Invalid::Duration)),
    ] {
        let breaker = CircuitBreaker::new(Arc::new(RecordingSender::new()), settings.clone());
        assert_eq!(breaker.err(), expected, "{settings:?}");
    }
}

/// Answers nobody before its gate is opened.
#[derive(Debug, Clone)]
struct Stuck(Arc<Semaphore>);

#[async_trait]
impl SmsSender for Stuck {
    fn text_limit(&self) -> TextLimit {
        TextLimit::new(70, 1)
    }

    async fn send(&self, _: &OutgoingSms) -> Result<SmsOutcome, SmsError> {
        let _pass = self.0.acquire().await.unwrap();
        Err(SmsError::not_sent("open"))
    }

    async fn look_up(&self, _: &Reference, _: SystemTime) -> Result<LookUp, LookUpError> {
        let _pass = self.0.acquire().await.unwrap();
        Ok(LookUp::Absent)
    }
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_hangs_is_given_up_and_the_outcome_is_unknown() {
    let breaker = breaker(Stuck(Arc::new(Semaphore::new(0))));
    let began = Instant::now();
    assert!(!breaker.send(&sms()).await.unwrap_err().is_not_sent());
    breaker.look_up(sms().reference(), SystemTime::UNIX_EPOCH).await.unwrap_err();
    assert_eq!(began.elapsed(), Duration::from_secs(24));
}

#[tokio::test(start_paused = true)]
async fn no_more_calls_run_at_once_than_allowed() {
    let breaker = Arc::new(breaker(Stuck(Arc::new(Semaphore::new(0)))));
    let waiting: Vec<_> = (0..32)
        .map(|_| {
            let breaker = Arc::clone(&breaker);
            tokio::spawn(async move { breaker.send(&sms()).await })
        })
        .collect();
    tokio::task::yield_now().await;
    let began = Instant::now();
    let error = breaker.send(&sms()).await.unwrap_err();
    assert!(error.is_not_sent(), "the 33rd never reached the provider");
    assert_eq!(began.elapsed(), Duration::from_secs(1));
    for task in waiting {
        assert!(!task.await.unwrap().unwrap_err().is_not_sent());
    }
}

#[tokio::test(start_paused = true)]
async fn a_trial_that_is_dropped_lets_the_next_one_try() {
    let gate = Arc::new(Semaphore::new(100));
    let breaker = Arc::new(breaker(Stuck(Arc::clone(&gate))));
    for n in 0..5 {
        breaker.send(&sms_to(n)).await.unwrap_err();
    }
    tokio::time::advance(Duration::from_secs(10)).await;
    let held = gate.acquire_many(100).await.unwrap();
    let trial = tokio::spawn({
        let breaker = Arc::clone(&breaker);
        async move { breaker.send(&sms()).await }
    });
    tokio::task::yield_now().await;
    trial.abort();
    assert!(trial.await.unwrap_err().is_cancelled());
    drop(held);
    let error = breaker.send(&sms()).await.unwrap_err();
    let source = std::error::Error::source(&error).expect("a source").to_string();
    assert_eq!(source, "open", "it reached the provider");
}
