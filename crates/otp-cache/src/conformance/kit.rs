//! What the clauses share: handles, new names, an instant, and shorthands that panic if the store fails.

use std::{
    fmt::Debug,
    hash::{BuildHasher, RandomState},
    pin::{Pin, pin},
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    task::Poll,
    time::{Duration, SystemTime},
};

use otp_core::{
    Attempt, AttemptRefused, Binding, Challenge, ChallengeId, CodeFormat, DigestKey, KeyId,
    KeyRing, NewChallenge, Nonce, PhoneNumber, Policy, Purpose, SubjectKey, Verified,
};

use crate::{ChallengeStore, QuotaKey, StoreError, SubjectStatus};

/// How many callers a race has.
pub const CALLERS: usize = 200;

/// How many tasks of the runtime the callers share.
const GROUPS: usize = 8;

/// The next number for all kits of this process.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// Distinguishes this run from every other on the same data, even if process ids repeat.
static RUN: LazyLock<u64> = LazyLock::new(|| RandomState::new().hash_one("conformance"));

/// The environment of a clause: handles on the same data, and what else a test needs.
///
/// Every call returns new names, so many clauses can share a store, and a store may hold data of earlier runs.
#[derive(Debug)]
pub struct Kit<S> {
    nodes: Vec<Arc<S>>,
    next_node: AtomicUsize,
    codes: Arc<Codes>,
    /// The limits that the clauses use: the defaults.
    pub policy: Policy,
}

/// A subject with the name that a binding needs.
#[derive(Clone, Debug)]
pub struct Person {
    name: String,
    key: SubjectKey,
}

impl Person {
    /// Returns the key under which the store keeps the person.
    pub const fn key(&self) -> SubjectKey {
        self.key
    }
}

/// Derives the right codes.
#[derive(Debug)]
pub(super) struct Codes {
    keys: KeyRing,
    format: CodeFormat,
    phone: PhoneNumber,
}

impl Codes {
    fn new() -> Self {
        let key = DigestKey::from_bytes(&[0x5a; 32]).expect("32 bytes are enough");
        Self {
            keys: KeyRing::new(KeyId::new(7), key),
            format: CodeFormat::digits(6).expect("six digits are allowed"),
            phone: PhoneNumber::from_japanese("090-1234-5678").expect("a mobile number"),
        }
    }

    /// Verifies an attempt with the right code.
    #[track_caller]
    pub(super) fn verified(&self, who: &Person, attempt: Attempt, now: SystemTime) -> Verified {
        let binding = Binding {
            tenant: "conformance",
            subject: &who.name,
            flow: "flow",
            purpose: attempt.challenge().purpose(),
            destination: self.phone.as_e164().as_bytes(),
        };
        let code = attempt.challenge().code(&self.keys, &binding, &self.format);
        let code = code.expect("the ring has the key");
        let typed = self.format.normalise(code.expose_secret());
        let typed = typed.expect("a code has its own format");
        attempt
            .verify(&self.keys, &binding, &self.format, &typed, now)
            .expect("the right code in time is verified")
    }
}

/// Returns the value of a store's result.
///
/// # Panics
///
/// If the store failed.
#[track_caller]
pub(super) fn ok<T, E: Into<StoreError>>(answer: Result<T, E>) -> T {
    match answer.map_err(Into::into) {
        Ok(value) => value,
        Err(error) => panic!("the store failed: {error} ({error:?})"),
    }
}

/// Returns the value that a store granted.
#[track_caller]
pub(super) fn granted<T, R: Debug, E: Into<StoreError>>(answer: Result<Result<T, R>, E>) -> T {
    match ok(answer) {
        Ok(value) => value,
        Err(refused) => panic!("refused where the rules grant: {refused:?}"),
    }
}

/// Polls `call` at most `polls` times and then drops it, like a caller that gives up.
pub(super) async fn dropped_after<T>(polls: u32, call: impl Future<Output = T>) -> Option<T> {
    let (mut call, mut polled) = (pin!(call), 0);
    std::future::poll_fn(|context| {
        if polled == polls {
            return Poll::Ready(None);
        }
        polled += 1;
        match call.as_mut().poll(context) {
            Poll::Ready(answer) => Poll::Ready(Some(answer)),
            Poll::Pending if polled == polls => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

impl<S> Kit<S> {
    /// Creates the environment over one handle.
    pub fn new(store: S) -> Self {
        Self::over([store])
    }

    /// Creates the environment over several handles on the same data, one per node or process. The calls of a
    /// clause are spread over them.
    ///
    /// # Panics
    ///
    /// If there is no handle.
    pub fn over(nodes: impl IntoIterator<Item = S>) -> Self {
        let nodes: Vec<_> = nodes.into_iter().map(Arc::new).collect();
        assert!(!nodes.is_empty(), "a kit needs a handle");
        Self {
            nodes,
            next_node: AtomicUsize::new(0),
            codes: Arc::new(Codes::new()),
            policy: Policy::default(),
        }
    }

    /// Returns the next handle in turn.
    pub fn node(&self) -> Arc<S> {
        let next = self.next_node.fetch_add(1, Ordering::Relaxed);
        Arc::clone(&self.nodes[next % self.nodes.len()])
    }

    /// Returns how many handles there are.
    pub fn nodes(&self) -> usize {
        self.nodes.len()
    }

    /// Returns one of the handles.
    ///
    /// # Panics
    ///
    /// If `node` is not below [`nodes`](Self::nodes).
    pub fn nth(&self, node: usize) -> &S {
        &self.nodes[node]
    }

    /// Returns sixteen bytes that no other call and no other run gets.
    pub fn bytes(&self) -> [u8; 16] {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}/{:x}/{number}", std::process::id(), *RUN);
        *SubjectKey::derive("conformance", &name).as_bytes()
    }

    /// Returns a new quota key.
    pub fn quota_key(&self) -> QuotaKey {
        QuotaKey::from_bytes(self.bytes())
    }

    /// Returns a new subject.
    pub fn person(&self) -> Person {
        let name = SubjectKey::from_bytes(self.bytes()).to_string();
        Person { key: SubjectKey::derive("conformance", &name), name }
    }

    /// Returns the instant at which a clause begins.
    pub fn start(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
    }

    /// Returns a challenge with a new id, to be opened at `now` for five minutes.
    pub fn new_challenge(&self, purpose: Purpose, now: SystemTime) -> NewChallenge {
        NewChallenge {
            id: ChallengeId::from_bytes(self.bytes()),
            purpose,
            kid: self.codes.keys.current_id(),
            nonce: Nonce::from_bytes(self.bytes()),
            expires_at: now + Duration::from_secs(300),
        }
    }

    /// Verifies an attempt with the right code.
    ///
    /// # Panics
    ///
    /// If the challenge is not as it was opened, or has expired at `now`.
    #[track_caller]
    pub fn verified(&self, who: &Person, attempt: Attempt, now: SystemTime) -> Verified {
        self.codes.verified(who, attempt, now)
    }

    /// Returns what derives the right codes, for other tasks.
    pub(super) fn codes(&self) -> Arc<Codes> {
        Arc::clone(&self.codes)
    }
}

impl<S: Send + Sync + 'static> Kit<S> {
    /// Runs `task` `times` times at once, each on the next handle. Returns the results in no particular order.
    ///
    /// Eight tasks of the runtime poll their calls in turn. So between any two `await`s of a store, other calls
    /// run.
    ///
    /// # Panics
    ///
    /// If a task does.
    pub async fn at_once<T, F>(&self, times: usize, task: impl Fn(usize, Arc<S>) -> F) -> Vec<T>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let mut groups: Vec<Vec<_>> = (0..times.min(GROUPS)).map(|_| Vec::new()).collect();
        for number in 0..times {
            groups[number % GROUPS].push(Box::pin(task(number, self.node())));
        }
        let barrier = Arc::new(tokio::sync::Barrier::new(groups.len()));
        let tasks: Vec<_> = groups
            .into_iter()
            .map(|group| {
                let barrier = Arc::clone(&barrier);
                tokio::spawn(async move {
                    barrier.wait().await;
                    poll_in_turn(group).await
                })
            })
            .collect();
        let mut answers = Vec::with_capacity(times);
        for task in tasks {
            match task.await {
                Ok(some) => answers.extend(some),
                // With its own message.
                Err(error) => std::panic::resume_unwind(error.into_panic()),
            }
        }
        answers
    }

    /// Runs `task` `times` times in one task of the runtime, each on the next handle. Returns the results in no
    /// particular order.
    ///
    /// All calls have begun before one continues, so a race of a few does not depend on the scheduler.
    pub async fn in_turn<T, F>(&self, times: usize, task: impl Fn(usize, Arc<S>) -> F) -> Vec<T>
    where
        F: Future<Output = T>,
    {
        poll_in_turn((0..times).map(|number| Box::pin(task(number, self.node()))).collect()).await
    }
}

/// Polls all calls in turn until each has returned.
async fn poll_in_turn<F: Future>(mut calls: Vec<Pin<Box<F>>>) -> Vec<F::Output> {
    let mut answers = Vec::with_capacity(calls.len());
    std::future::poll_fn(|context| {
        calls.retain_mut(|call| match call.as_mut().poll(context) {
            Poll::Ready(answer) => {
                answers.push(answer);
                false
            }
            Poll::Pending => true,
        });
        if calls.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    answers
}

impl<S: ChallengeStore> Kit<S> {
    /// Opens a challenge for the purpose "login".
    ///
    /// # Panics
    ///
    /// If the store fails or refuses.
    pub async fn opened(&self, who: &Person, now: SystemTime) -> Challenge {
        self.opened_for(who, Purpose::LOGIN, now).await
    }

    /// Opens a challenge for this purpose.
    ///
    /// # Panics
    ///
    /// If the store fails or refuses.
    pub async fn opened_for(&self, who: &Person, purpose: Purpose, now: SystemTime) -> Challenge {
        let new = self.new_challenge(purpose, now);
        granted(self.node().open(who.key, new, &self.policy, now).await)
    }

    /// Begins an attempt.
    ///
    /// # Errors
    ///
    /// The refusal by the rules.
    ///
    /// # Panics
    ///
    /// If the store fails.
    pub async fn attempt(
        &self,
        who: &Person,
        id: ChallengeId,
        now: SystemTime,
    ) -> Result<Attempt, AttemptRefused> {
        ok(self.node().begin_attempt(who.key, id, &self.policy, now).await)
    }

    /// Begins attempts until one is refused. Returns how many were granted.
    ///
    /// # Panics
    ///
    /// If the store fails, or never refuses.
    pub async fn attempts_until_refused(
        &self,
        who: &Person,
        id: ChallengeId,
        now: SystemTime,
    ) -> u8 {
        let mut count = 0;
        while self.attempt(who, id, now).await.is_ok() {
            count += 1;
            assert!(count <= 100, "clause 1: no policy allows {count} attempts");
        }
        count
    }

    /// Verifies two attempts at a new challenge, both with the right code.
    pub(super) async fn two_proofs(
        &self,
        who: &Person,
        now: SystemTime,
    ) -> (Challenge, Verified, Verified) {
        let challenge = self.opened(who, now).await;
        let first = self.attempt(who, challenge.id(), now).await.expect("below the limit");
        let second = self.attempt(who, challenge.id(), now).await.expect("below the limit");
        let proofs = (self.verified(who, first, now), self.verified(who, second, now));
        (challenge, proofs.0, proofs.1)
    }

    /// Uses up the subject's ten attempts.
    pub(super) async fn lock(&self, who: &Person, now: SystemTime) {
        for _ in 0..2 {
            let challenge = self.opened(who, now).await;
            for _ in 0..5 {
                let attempt = self.attempt(who, challenge.id(), now).await;
                let _ = attempt.expect("below the limit");
            }
        }
    }

    /// Returns the challenge as the store has it.
    ///
    /// # Panics
    ///
    /// If the store fails.
    pub async fn load(&self, who: &Person, id: ChallengeId, now: SystemTime) -> Option<Challenge> {
        ok(self.node().load(who.key, id, now).await)
    }

    /// Returns the subject's status.
    ///
    /// # Panics
    ///
    /// If the store fails.
    pub async fn status(&self, who: &Person, now: SystemTime) -> SubjectStatus {
        ok(self.node().subject_status(who.key, &self.policy, now).await)
    }
}
