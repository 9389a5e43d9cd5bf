//! A key that occurs twice in one charge is charged twice, by every backend: a caller who makes that
//! slip is limited as if it had charged one after the other, and gets nothing for free.

use std::time::{Duration, SystemTime};

use otp_cache::memory::MemoryStore;
use otp_cache::redis::RedisConfig;
use otp_cache::sqlite::SqliteStore;
use otp_cache::{Charge, Charged, Quota, QuotaKey, QuotaRefused};
use otp_core::gcra::Rate;

use crate::redis_store::connect;
use crate::support::redis::Server;

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

/// Five in a minute.
fn charge(name: &str) -> Charge {
    Charge::new(QuotaKey::derive("", name), Rate::new(5, Duration::from_secs(60)).expect("sound"))
}

async fn charged(quota: &dyn Quota, charges: &[Charge]) -> Result<Charged, QuotaRefused> {
    quota.charge(charges, now()).await.expect("the store works")
}

async fn left(quota: &dyn Quota, charge: Charge) -> u32 {
    charged(quota, &[charge.with_events(0)]).await.expect("only asks").left()
}

async fn a_key_twice_is_charged_twice(quota: &dyn Quota) {
    let (a, b) = (charge("a"), charge("b"));
    let receipt = charged(quota, &[a, b, a]).await.expect("three of five and one of five");
    assert_eq!(receipt.left(), 3, "the least that any key has left");
    assert_eq!((left(quota, a).await, left(quota, b).await), (3, 4));
    quota.refund(&receipt, now()).await.expect("the store works");
    assert_eq!((left(quota, a).await, left(quota, b).await), (5, 5), "and given back twice");

    // Each alone would be granted, and both are too many.
    let refused = charged(quota, &[a.with_events(3), b, a.with_events(3)]).await.expect_err("six");
    assert_eq!(refused.which, 2);
    assert!(refused.until.is_some_and(|until| until > now()));
    assert_eq!((left(quota, a).await, left(quota, b).await), (5, 5), "nothing was charged");
    let _kept = charged(quota, &[a, a, a, a, a]).await.expect("five");
    assert_eq!(left(quota, a).await, 0);
    charged(quota, &[a]).await.expect_err("a sixth");
}

#[tokio::test]
async fn in_memory() {
    a_key_twice_is_charged_twice(&MemoryStore::default()).await;
}

#[tokio::test]
async fn in_sqlite() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = SqliteStore::open(folder.path().join("otp.db")).await.expect("opens");
    a_key_twice_is_charged_twice(&store).await;
}

#[tokio::test]
async fn in_redis() {
    let server = Server::start(&[]);
    let store = connect(RedisConfig::standalone(server.url())).await;
    a_key_twice_is_charged_twice(&store).await;
}
