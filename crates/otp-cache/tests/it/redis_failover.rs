//! A primary that dies in the middle of its work, under Sentinel and in a cluster: what was
//! acknowledged is kept, and the same store goes on once there is a replica again.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use otp_cache::{
    ChallengeStore, StoreError, conformance,
    redis::{RedisConfig, RedisStore},
};
use otp_core::{ChallengeId, Policy, SubjectKey};
use tokio::task::{JoinSet, block_in_place};

use crate::{
    redis_faults::recovered,
    redis_store::{brisk, connect},
    support::{
        challenge, now,
        redis::{Cluster, PROMPT, Server, Watched, wait_until},
    },
};

fn config(watched: &Watched) -> RedisConfig {
    RedisConfig::sentinel(watched.sentinels.iter().map(Server::url), "otp")
}

fn subjects(name: &str) -> Vec<SubjectKey> {
    (0..5_000).map(|number| SubjectKey::derive(name, &number.to_string())).collect()
}

/// What a store answered about one subject.
struct Person {
    subject: SubjectKey,
    attempts: u32,
    /// Attempts that failed: each may have counted.
    unknown: u32,
    /// The challenge that was opened last, if its opening was acknowledged.
    open: Option<ChallengeId>,
    /// Of that challenge.
    resends: u8,
}

/// What the workers of a load share.
#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    acknowledged: AtomicU32,
}

/// A store at work, until it is told to stop.
struct Load {
    shared: Arc<Shared>,
    workers: JoinSet<Vec<Person>>,
}

impl Load {
    /// One worker for each list, who takes its subjects one after the other.
    fn start(store: &Arc<RedisStore>, lists: Vec<Vec<SubjectKey>>) -> Self {
        let (shared, mut workers) = (Arc::<Shared>::default(), JoinSet::new());
        for list in lists {
            let worker = Worker { store: Arc::clone(store), shared: Arc::clone(&shared) };
            workers.spawn(worker.run(list));
        }
        Self { shared, workers }
    }

    fn wait_for_more(&self, what: &str) {
        let acknowledged = || self.shared.acknowledged.load(Ordering::SeqCst);
        let before = acknowledged();
        block_in_place(|| wait_until(what, || acknowledged() >= before + 200));
    }

    async fn stopped(mut self) -> Vec<Person> {
        self.shared.stop.store(true, Ordering::SeqCst);
        let mut people = Vec::new();
        while let Some(done) = self.workers.join_next().await {
            people.extend(done.expect("no worker panics"));
        }
        people
    }
}

struct Worker {
    store: Arc<RedisStore>,
    shared: Arc<Shared>,
}

impl Worker {
    async fn run(self, subjects: Vec<SubjectKey>) -> Vec<Person> {
        let mut people = Vec::new();
        for subject in subjects {
            if self.is_over() {
                return people;
            }
            people.push(self.live(subject).await);
        }
        panic!("the subjects are used up before the test is over");
    }

    fn is_over(&self) -> bool {
        self.shared.stop.load(Ordering::SeqCst)
    }

    /// Keeps count of what was answered.
    async fn noted<T>(&self, answer: Result<T, StoreError>) -> Option<T> {
        match answer {
            Ok(value) => {
                self.shared.acknowledged.fetch_add(1, Ordering::SeqCst);
                Some(value)
            }
            Err(error) => {
                assert!(error.is_retryable(), "{error:?}");
                // Leaves the machine to the servers that have to find a new primary.
                tokio::time::sleep(Duration::from_millis(10)).await;
                None
            }
        }
    }

    /// All attempts that a subject has: those at a first challenge, whose code is sent again, and
    /// those at the one that replaces it.
    async fn live(&self, subject: SubjectKey) -> Person {
        let mut person = Person { subject, attempts: 0, unknown: 0, open: None, resends: 0 };
        let policy = Policy::default();
        for number in [1, 2] {
            let id = ChallengeId::from_bytes([number; 16]);
            (person.open, person.resends) = (None, 0);
            // One whose answer was lost may be open: then its id is known, which is as good.
            while person.open.is_none() && !self.is_over() {
                let opened = self.store.open(subject, challenge(number), &policy, now()).await;
                person.open = self.noted(opened).await.map(|_| id);
            }
            let later = now() + Duration::from_secs(90);
            let resent = self.store.grant_resend(subject, id, &policy, later).await;
            person.resends += u8::from(matches!(self.noted(resent).await, Some(Ok(_))));
            while !self.is_over() {
                let attempt = self.store.begin_attempt(subject, id, &policy, now()).await;
                match self.noted(attempt).await {
                    Some(Ok(_)) => person.attempts += 1,
                    Some(Err(_)) => break,
                    None => person.unknown += 1,
                }
            }
        }
        person
    }
}

/// Calls a store of its own, which nobody else keeps waiting, until it says that there is no replica.
async fn misses_a_replica(store: &RedisStore, subject: SubjectKey) {
    for _ in 0..600 {
        match store.unlock(subject).await {
            Ok(()) => {}
            Err(error) if error.to_string() == "too few redis replicas hold the write" => return,
            Err(error) => assert!(error.is_retryable(), "{error:?}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the promoted replica has no replica, and nobody says so");
}

/// Nothing acknowledged is lost, and nobody was handed out more than the limit.
async fn check(store: &RedisStore, people: &[Person]) {
    let policy = Policy::default();
    for person in people {
        let status = store.subject_status(person.subject, &policy, now()).await.expect("works");
        let counted = u32::from(status.consecutive_failures);
        let (least, most) = (person.attempts, (person.attempts + person.unknown).min(10));
        assert!(
            (least..=most).contains(&counted),
            "{counted} counted, {least} acknowledged, at most {most} made"
        );
        if let Some(id) = person.open {
            let challenge = store.load(person.subject, id, now()).await.expect("works");
            let challenge = challenge.expect("an acknowledged challenge is open");
            assert!(challenge.resends() >= person.resends, "an acknowledged resend counts");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sentinel_conforms() {
    let watched = Watched::start();
    let store = Arc::new(connect(config(&watched)).await);
    conformance::run(|| async { Arc::clone(&store) }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn under_sentinel_a_primary_that_dies_at_work_loses_nothing_acknowledged() {
    let mut watched = Watched::start();
    watched.promote_after(PROMPT);
    let store = Arc::new(brisk(config(&watched)).await);
    let alone = brisk(config(&watched)).await;
    let load = Load::start(&store, ["a", "b", "c", "d"].map(subjects).to_vec());
    load.wait_for_more("the load is under way");
    watched.primary.kill();
    block_in_place(|| wait_until("the replica is promoted", || watched.replica.is_primary()));
    misses_a_replica(&alone, subjects("alone")[0]).await;
    // Alone, the new primary cannot do what the store asks for. The old one comes back as its replica,
    // and the store goes on by itself.
    block_in_place(|| {
        watched.primary.restart();
        wait_until("the old primary follows the new one", || watched.primary.is_synced_replica());
    });
    load.wait_for_more("the same store goes on");
    let people = load.stopped().await;
    check(&connect(config(&watched)).await, &people).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn in_a_cluster_a_primary_that_dies_at_work_loses_nothing_acknowledged() {
    let mut cluster = Cluster::start();
    cluster.promote_after(PROMPT);
    let store = Arc::new(brisk(RedisConfig::cluster(cluster.urls())).await);
    let alone = brisk(RedisConfig::cluster(cluster.urls())).await;
    // Some work at the part of the cluster that will fail, and as many at the others.
    let (mut failing, mut others) = (Vec::new(), Vec::new());
    for name in ["a", "b", "c", "d"] {
        let all = subjects(name);
        let keys: Vec<_> = all.iter().map(|subject| format!("{{{subject}}}")).collect();
        let slots = cluster.nodes[1].slots_of(&keys);
        let (here, there) = all.into_iter().zip(slots).partition::<Vec<_>, _>(|(_, n)| *n <= 5460);
        failing.push(here.into_iter().map(|(subject, _)| subject).collect::<Vec<_>>());
        others.push(there.into_iter().map(|(subject, _)| subject).collect::<Vec<_>>());
    }
    let elsewhere = Load::start(&store, others);
    let of_the_failing = failing[0].pop().expect("a third of five thousand");
    let load = Load::start(&store, failing);
    load.wait_for_more("the load is under way");
    cluster.nodes[0].kill();
    elsewhere.wait_for_more("the other primaries go on");
    block_in_place(|| {
        wait_until("the replica is promoted", || cluster.nodes[3].is_primary());
    });
    let elsewhere = elsewhere.stopped().await;
    misses_a_replica(&alone, of_the_failing).await;
    block_in_place(|| {
        cluster.nodes[0].restart();
        wait_until("the old primary follows the new one", || cluster.nodes[0].is_synced_replica());
    });
    load.wait_for_more("the same store goes on with the subjects of the failed primary");
    let people = load.stopped().await;
    let patient = connect(RedisConfig::cluster(cluster.urls())).await;
    check(&patient, &people).await;
    check(&patient, &elsewhere).await;
}

/// A primary that is back before Sentinel misses it stays the primary: what it has forgotten, its
/// replicas forget too.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_primary_that_is_back_before_it_is_missed_has_forgotten_nothing() {
    let mut watched = Watched::start();
    let store = Arc::new(brisk(config(&watched)).await);
    let load = Load::start(&store, ["a", "b"].map(subjects).to_vec());
    load.wait_for_more("the load is under way");
    block_in_place(|| {
        watched.primary.kill();
        watched.primary.restart();
    });
    load.wait_for_more("the same store goes on");
    assert!(watched.primary.is_primary() && watched.replica.is_synced_replica(), "as before");
    let people = load.stopped().await;
    check(&connect(config(&watched)).await, &people).await;
    // The replica has what its primary knows.
    let look = async || {
        store.unlock(SubjectKey::derive("", "somebody")).await?;
        check(&connect(RedisConfig::standalone(watched.replica.url())).await, &people).await;
        Ok(())
    };
    recovered("a replica that has caught up", look).await;
}
