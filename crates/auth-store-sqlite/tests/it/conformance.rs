//! The conformance suites of the ports.

use std::sync::Arc;

use auth_module::{
    HashParameters, HashedPasswords, HasherLimits, PasswordHasher, Sessions,
    conformance::{
        ArchiveKit, AuditKit, PasswordCheckKit, SessionsKit, StoreSeed, StoredUsersKit, UsersKit,
        audit, audit_archive, hash_source, password_check, run, sessions, user_administration,
        users,
    },
};
use auth_store_sqlite::Database;

use crate::common::{File, chain_key};

fn hasher() -> PasswordHasher {
    PasswordHasher::new(HashParameters::new(4096, 1, 1).unwrap(), HasherLimits::default())
}

fn seed(database: &Database) -> Arc<StoreSeed> {
    Arc::new(StoreSeed { administration: Arc::new(database.users()), hasher: hasher() })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn users_pass() {
    let file = File::new();
    let database = file.open().await;
    let kit = UsersKit { users: Arc::new(database.users()), seed: seed(&database) };
    run(&users::clauses(), &kit).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_administration_and_the_hash_source_pass() {
    let file = File::new();
    let kit = StoredUsersKit::new(Arc::new(file.open().await.users()));
    run(&user_administration::clauses(), &kit).await;
    run(&hash_source::clauses(), &kit).await;
    let open = async || StoredUsersKit::new(Arc::new(file.open().await.users()));
    user_administration::clause_5_acknowledged_means_kept(open).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_check_of_the_hashes_in_the_file_passes() {
    let file = File::new();
    let (database, hasher) = (file.open().await, hasher());
    let users = Arc::new(database.users());
    let kit = PasswordCheckKit {
        passwords: Arc::new(HashedPasswords::new(Arc::clone(&users) as _, hasher.clone(), [1; 32])),
        users,
        seed: seed(&database),
    };
    run(&password_check::clauses(), &kit).await;
    password_check::clause_5_a_wrong_name_costs_the_same(&kit, || hasher.work_kib()).await;
}

/// Twice opened, as by two processes.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sessions_pass_over_one_handle_and_over_two() {
    for handles in [1, 2] {
        let file = File::new();
        let mut nodes: Vec<Arc<dyn Sessions>> = Vec::new();
        for _ in 0..handles {
            nodes.push(Arc::new(file.open().await.sessions()));
        }
        run(&sessions::clauses(), &SessionsKit::over(nodes)).await;
    }
    let file = File::new();
    let open = async || SessionsKit::new(Arc::new(file.open().await.sessions()));
    sessions::clause_10_acknowledged_means_kept(open).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_audit_trail_passes() {
    let file = File::new();
    let kit = AuditKit::new(Arc::new(file.open().await.audit_trail(chain_key())), chain_key());
    run(&audit::clauses(), &kit).await;
    let open =
        async || AuditKit::new(Arc::new(file.open().await.audit_trail(chain_key())), chain_key());
    audit::clause_2_flushed_means_kept(open).await;
    let intruder = rusqlite::Connection::open(file.path()).unwrap();
    let lose = async || {
        intruder.execute("DROP TABLE audit_trail", []).unwrap();
    };
    audit::clause_3_a_lost_record_is_reported(&kit, lose).await;
}

/// In one file, one clause after the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_archive_of_the_audit_trail_passes() {
    let file = File::new();
    let trail = Arc::new(file.open().await.audit_trail(chain_key()));
    run(&audit_archive::clauses(), &ArchiveKit::new(trail, chain_key())).await;
}
