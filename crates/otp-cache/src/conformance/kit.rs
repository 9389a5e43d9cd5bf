//! What the clauses share: handles, names that nobody used before, an instant, and shorthands that
//! panic when the store fails.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use otp_core::{
    Attempt, AttemptRefused, Binding, Challenge, ChallengeId, CodeFormat, DigestKey, KeyId,
    KeyRing, NewChallenge, Nonce, PhoneNumber, Policy, Purpose, SubjectKey, TypedCode, Verified,
};

use crate::{ChallengeStore, Quota, QuotaKey, StoreError, SubjectStatus};

/// Numbers given out by all kits of this process.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// One clause's surroundings. Public for suites that add clauses of their own.
#[derive(Debug)]
pub struct Kit<S> {
    name: &'static str,
    nodes: Vec<Arc<S>>,
    next_node: AtomicUsize,
    keys: KeyRing,
    format: CodeFormat,
    phone: PhoneNumber,
    /// The limits that the clauses work with: the defaults.
    pub policy: Policy,
}

/// A subject with its name, which a binding needs.
#[derive(Clone, Debug)]
pub(super) struct Person {
    pub(super) name: String,
    pub(super) key: SubjectKey,
}

/// Takes the value out of what a store answered.
///
/// # Panics
///
/// If the store failed.
#[track_caller]
pub(super) fn ok<T>(answer: Result<T, StoreError>) -> T {
    match answer {
        Ok(value) => value,
        Err(error) => panic!("the store failed: {error} ({error:?})"),
    }
}

/// Takes the value out of what a store granted.
#[track_caller]
pub(super) fn granted<T, R: Debug>(answer: Result<Result<T, R>, StoreError>) -> T {
    match ok(answer) {
        Ok(value) => value,
        Err(refused) => panic!("refused where the rules grant: {refused:?}"),
    }
}

impl<S: ChallengeStore + Quota> Kit<S> {
    /// Surroundings over these handles, which must not be none.
    ///
    /// # Panics
    ///
    /// If there is no handle.
    pub fn new(name: &'static str, nodes: Vec<Arc<S>>) -> Self {
        assert!(!nodes.is_empty(), "a kit needs a handle");
        let key = DigestKey::from_bytes(&[0x5a; 32]).expect("32 bytes are enough");
        Self {
            name,
            nodes,
            next_node: AtomicUsize::new(0),
            keys: KeyRing::new(KeyId::new(7), key),
            format: CodeFormat::digits(6).expect("six digits are allowed"),
            phone: PhoneNumber::from_japanese("090-1234-5678").expect("a mobile number"),
            policy: Policy::default(),
        }
    }

    /// The handles in turn.
    pub fn node(&self) -> Arc<S> {
        let next = self.next_node.fetch_add(1, Ordering::Relaxed);
        Arc::clone(&self.nodes[next % self.nodes.len()])
    }

    /// A number that no other call of this process gets.
    pub fn number(&self) -> u64 {
        NEXT.fetch_add(1, Ordering::Relaxed)
    }

    /// Sixteen bytes that no other call of this process gets.
    pub fn bytes(&self) -> [u8; 16] {
        let name = format!("{}/{}/{}", std::process::id(), self.name, self.number());
        *SubjectKey::derive("conformance", &name).as_bytes()
    }

    /// A quota key that nobody used before.
    pub fn quota_key(&self) -> QuotaKey {
        QuotaKey::from_bytes(self.bytes())
    }

    pub(super) fn person(&self) -> Person {
        let name = SubjectKey::from_bytes(self.bytes()).to_string();
        Person { key: SubjectKey::derive("conformance", &name), name }
    }

    /// The instant at which a clause begins.
    pub fn start(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
    }

    pub(super) fn new_challenge(&self, purpose: Purpose, now: SystemTime) -> NewChallenge {
        NewChallenge {
            id: ChallengeId::from_bytes(self.bytes()),
            purpose,
            kid: self.keys.current_id(),
            nonce: Nonce::from_bytes(self.bytes()),
            expires_at: now + Duration::from_secs(300),
        }
    }

    #[track_caller]
    pub(super) fn opened(
        &self,
        person: &Person,
        now: SystemTime,
    ) -> impl Future<Output = Challenge> + Send {
        let (node, new) = (self.node(), self.new_challenge(Purpose::LOGIN, now));
        let (key, policy) = (person.key, self.policy.clone());
        async move { granted(node.open(key, new, &policy, now).await) }
    }

    pub(super) fn attempt(
        &self,
        person: &Person,
        id: ChallengeId,
        now: SystemTime,
    ) -> impl Future<Output = Result<Attempt, AttemptRefused>> + Send + use<S> {
        let (node, key, policy) = (self.node(), person.key, self.policy.clone());
        async move { ok(node.begin_attempt(key, id, &policy, now).await) }
    }

    /// The proof that a right code makes out of an attempt.
    #[track_caller]
    pub(super) fn verified(&self, person: &Person, attempt: Attempt, now: SystemTime) -> Verified {
        let binding = self.binding(person, attempt.challenge().purpose());
        let code = attempt.challenge().code(&self.keys, &binding, &self.format);
        let code = code.expect("the ring has the key");
        let typed = self.typed(code.expose_secret());
        attempt
            .verify(&self.keys, &binding, &self.format, &typed, now)
            .expect("the right code in time is verified")
    }

    fn typed(&self, text: &str) -> TypedCode {
        self.format.normalise(text).expect("a code has its own format")
    }

    fn binding<'a>(&'a self, person: &'a Person, purpose: Purpose) -> Binding<'a> {
        Binding {
            tenant: "conformance",
            subject: &person.name,
            flow: "flow",
            purpose,
            phone: &self.phone,
        }
    }

    pub(super) async fn status(&self, person: &Person, now: SystemTime) -> SubjectStatus {
        ok(self.node().subject_status(person.key, &self.policy, now).await)
    }

    /// Runs `task` so many times at once, each on the next handle, and gives what they answered.
    pub(super) async fn at_once<T, F>(
        &self,
        times: usize,
        task: impl Fn(usize, Arc<S>) -> F,
    ) -> Vec<T>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let barrier = Arc::new(tokio::sync::Barrier::new(times));
        let tasks: Vec<_> = (0..times)
            .map(|number| {
                let (task, barrier) = (task(number, self.node()), Arc::clone(&barrier));
                tokio::spawn(async move {
                    barrier.wait().await;
                    task.await
                })
            })
            .collect();
        let mut answers = Vec::with_capacity(times);
        for task in tasks {
            answers.push(task.await.expect("no task panics"));
        }
        answers
    }
}
