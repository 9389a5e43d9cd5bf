//! Every backend and every wrapper runs the whole conformance suite, and each its own faults.

mod memory;
mod notes;
mod redis_answers;
mod redis_clauses;
mod redis_cluster;
mod redis_corrupt;
mod redis_failover;
mod redis_faults;
mod redis_lag;
mod redis_notifier;
mod redis_resharding;
mod redis_restart;
mod redis_store;
mod redis_tls;
mod rolling;
mod sqlite;
mod sqlite_faults;
mod sqlite_truncated;
mod support;
