//! The audit trail as operators read, check and archive it.

use serde_json::Value;

use crate::harness::{
    Demo, LOGIN, Process, configure, free_port, log_in, run, send_password, until_listening, words,
};

const PASSWORD: &str = "a-long-password";
const CAROL: (&str, &str, &str) = ("carol", PASSWORD, "09033334444");

/// A gateway with the user carol.
struct World {
    demo: Demo,
    folder: tempfile::TempDir,
    file: String,
    port: u16,
}

impl World {
    fn new(more: &str) -> Self {
        let (demo, folder, port) =
            (Demo::start(), tempfile::tempdir().expect("a folder"), free_port());
        let file = configure(folder.path(), &demo, port, more);
        let added = run(&["user", "add", "--config", &file, "carol", "--phone", CAROL.2], PASSWORD);
        assert!(added.status.success(), "{added:?}");
        Self { demo, folder, file, port }
    }

    async fn serve(&self) -> Process {
        let gateway = Process::start(&["serve", "--config", &self.file]);
        until_listening(self.port).await;
        gateway
    }

    fn browser(&self) -> mfa_demo::Browser {
        mfa_demo::Browser::new(&format!("http://localhost:{}", self.port)).expect("a client")
    }

    /// Runs `audit …`. Returns whether it succeeded, and what it printed.
    fn audit(&self, command: &str, more: &[&str]) -> (bool, String) {
        let arguments = [&["audit", command, "--config", &self.file], more].concat();
        let done = run(&arguments, "");
        (done.status.success(), words(&done.stdout) + &words(&done.stderr))
    }

    fn list(&self, more: &[&str]) -> Vec<Value> {
        let (is_good, text) = self.audit("list", &[&["--json"], more].concat());
        assert!(is_good, "{text}");
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }
}

fn events(records: &[Value]) -> Vec<&str> {
    records.iter().map(|record| record["event"].as_str().expect("a text")).collect()
}

#[tokio::test]
async fn the_trail_is_listed_exported_and_verified_while_the_gateway_runs() {
    let world = World::new("");
    let gateway = world.serve().await;
    send_password(&mut world.browser(), "nobody", "wrong").await;
    // The login waits for its own record, and so for all records before.
    log_in(&world.demo, &mut world.browser(), CAROL).await;

    let all = world.list(&[]);
    assert_eq!(events(&all).last(), Some(&"user.added"), "the newest first");
    assert_eq!(world.list(&["--limit", "2"]).len(), 2);
    assert_eq!(events(&world.list(&["--event", "session"])), ["session.opened"]);
    let carols = world.list(&["--user", "carol", "--event", "session"]);
    assert_eq!(carols[0]["fields"]["amr"], "pwd otp sms");
    let at = carols[0]["at"].as_str().expect("an instant").to_owned();
    assert!(world.list(&["--from", &at, "--event", "user"]).is_empty());
    assert!(world.list(&["--until", &at, "--event", "session"]).is_empty());
    let (is_good, table) = world.audit("list", &["--event", "session"]);
    assert!(is_good && table.starts_with("TIME "), "{table}");
    assert!(table.contains("session.opened") && table.contains("carol"), "{table}");
    for wrong in [["--user", "nobody"], ["--from", "yesterday"]] {
        assert!(!world.audit("list", &wrong).0, "{wrong:?}");
    }

    let (_, lines) = world.audit("export", &[]);
    let exported: Vec<Value> =
        lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(exported.len(), all.len() + 1);
    assert_eq!(events(&exported).first(), Some(&"user.added"), "the oldest first");
    assert_eq!(events(&exported).last(), Some(&"audit.exported"), "an export is recorded");
    assert!(exported.iter().all(|record| record["hash"].as_str().is_some_and(|h| h.len() == 64)));
    let (_, rows) = world.audit("export", &["--format", "csv", "--event", "user"]);
    assert_eq!(rows.lines().count(), 2, "{rows}");
    assert!(rows.starts_with("id,at,event,user_id,actor,client,flow,fields,node,hash\n"));

    let (is_good, said) = world.audit("verify", &[]);
    assert!(is_good && said.contains("are as they were written; head "), "{said}");
    let (code, log) = gateway.terminate();
    assert_eq!(code, Some(0), "{log}");
    let heads: Vec<String> = log
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|line| line["event"] == "audit.head")
        .map(|line| line["head"].as_str().expect("a text").to_owned())
        .collect();
    assert!(!heads.is_empty(), "{log}");
    for head in &heads {
        assert!(world.audit("verify", &["--head", head]).0, "{head}");
    }
    let database = world.folder.path().join("auth.db");
    let sqlite = rusqlite::Connection::open(database).expect("the database");
    let cut = "DROP TRIGGER audit_trail_is_not_shortened; \
         DELETE FROM audit_trail WHERE id > 3; UPDATE sqlite_sequence SET seq = 3;";
    sqlite.execute_batch(cut).expect("SQL");
    assert!(world.audit("verify", &[]).0, "nothing in the file shows it");
    let (is_good, said) = world.audit("verify", &["--head", &heads[heads.len() - 1]]);
    assert!(!is_good && said.contains("it was removed"), "{said}");
    sqlite.execute_batch("DROP TRIGGER audit_trail_is_not_changed").expect("SQL");
    sqlite.execute("UPDATE audit_trail SET at = at + 1 WHERE id = 2", []).expect("SQL");
    let (is_good, said) = world.audit("verify", &[]);
    assert!(!is_good && said.contains("record 2: it was changed"), "{said}");
}

#[tokio::test]
async fn an_archive_is_checked_with_the_rest() {
    let world = World::new("");
    let archive = tempfile::tempdir().expect("a folder");
    let to = archive.path().display().to_string();
    let before = world.list(&[]);
    for _ in 0..2 {
        let (is_good, said) = world.audit("archive", &["--to", &to, "--seal"]);
        assert!(is_good, "{said}");
    }
    assert!(world.list(&["--event", "user"]).is_empty(), "the records have moved");
    let first = archive.path().join("audit-local-000001.jsonl");
    let text = std::fs::read_to_string(&first).expect("a file");
    assert_eq!(text.lines().count(), before.len());
    let (is_good, said) = world.audit("verify", &[]);
    assert!(is_good && said.contains("segment 1: "), "{said}");
    let (is_good, said) = world.audit("verify", &["--archive", &to]);
    assert!(is_good, "{said}");
    std::fs::write(&first, text.replace("\"actor\":\"", "\"actor\":\"x")).expect("a file");
    let (is_good, said) = world.audit("verify", &["--archive", &to]);
    assert!(!is_good && said.contains("record 1: it was changed"), "{said}");
    let lines: Vec<&str> = text.lines().collect();
    std::fs::write(&first, lines[..lines.len() - 1].join("\n")).expect("a file");
    assert!(!world.audit("verify", &["--archive", &to]).0, "a line is missing");
}

/// OWASP ASVS 5.0, 16.3.2 and 16.3.3.
#[tokio::test]
async fn refused_requests_and_forged_forms_are_recorded() {
    let admins = "[[rule]]\npath = \"/admin/\"\ngroups = [\"admins\"]\n";
    let world = World::new(admins);
    let gateway = world.serve().await;
    let mut browser = world.browser();
    log_in(&world.demo, &mut browser, CAROL).await;
    for _ in 0..20 {
        assert_eq!(browser.get("/admin/").await.expect("a page").status, 403);
    }
    let page = world.browser().get(LOGIN).await.expect("a page");
    let evil = "https://evil.example";
    let posted = world.browser().post_from(evil, &page, LOGIN, &[("username", "carol")]).await;
    assert_eq!(posted.expect("an answer").status, 403);
    // A browser with another cookie.
    let mut other = world.browser();
    other.get(LOGIN).await.expect("a page");
    let posted = other.post(&page, LOGIN, &[("username", "carol"), ("password", "x")]).await;
    assert_eq!(posted.expect("an answer").status, 403);
    let address = format!("127.0.0.1:{}", world.port);
    let request = "GET / HTTP/1.1\r\nHost: other.example\r\nConnection: close\r\n\r\n";
    assert!(crate::harness::raw(&address, request).contains("421"));
    // Such records are queued: the response does not wait for them. The end of the process does.
    assert_eq!(gateway.terminate().0, Some(0));
    let forbidden = world.list(&["--event", "access.forbidden"]);
    assert_eq!(forbidden.len(), 6, "five, and the count of the others");
    assert_eq!(forbidden[0]["fields"]["repeated"], "15");
    assert_eq!(forbidden[1]["fields"]["rule"], "/admin/");
    for event in ["csrf.cross_origin", "csrf.token_mismatch", "request.misdirected"] {
        assert_eq!(world.list(&["--event", event]).len(), 1, "{event}");
    }
}
