//! The store on a small file system of its own, which the test fills.

use std::{env, path::Path};

use auth_module::AuthErrorKind;
use testkit::small_disk::{self, Filler};

use crate::support::{open, record, records};

const THIS: &str = "full_disk::full_disk_refuses_writes_until_there_is_space";
const FILE: &str = "AUTH_STORE_SQLITE_FULL_DISK_FILE";

/// The test is its own child: with the variable set it works on the small disk.
#[tokio::test]
async fn full_disk_refuses_writes_until_there_is_space() {
    #[expect(clippy::disallowed_methods, reason = "how the test tells its child from itself")]
    let file = env::var(FILE);
    if let Ok(file) = file {
        return fill_and_free(Path::new(&file)).await;
    }
    let folder = tempfile::tempdir().unwrap();
    let status = small_disk::command(folder.path(), env::current_exe().unwrap())
        .args(["--exact", THIS, "--nocapture"])
        .env(FILE, folder.path().join("auth.db"))
        .status();
    assert!(status.unwrap().success(), "see above");
}

async fn fill_and_free(path: &Path) {
    let database = open(path).await;
    record(&database, 0).await.unwrap();
    let mut kept = 1;
    for _ in 0..3 {
        let filler = Filler::next_to(path);
        let full = loop {
            match record(&database, kept).await {
                Ok(()) => kept += 1,
                Err(error) => break error,
            }
        };
        assert_eq!(full.to_string(), "no room left for the database file");
        assert_eq!(full.kind(), AuthErrorKind::Unavailable);
        for _ in 0..20 {
            assert!(record(&database, kept).await.is_err());
        }
        assert_eq!(records(&database).await.unwrap(), kept, "reads go on, and nothing is lost");
        drop(filler);
        record(&database, kept).await.unwrap();
        kept += 1;
    }
    drop(database);
    assert_eq!(records(&open(path).await).await.unwrap(), kept);
}
