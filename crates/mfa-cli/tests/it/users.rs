//! User commands beside a running gateway: two processes over the same files.

use std::time::Duration;

use mfa_demo::Browser;
use serde_json::Value;

use crate::harness::{
    Demo, FACTOR, Process, configure, free_port, reach_code, run, send_password, type_code,
    until_listening, words,
};

const PASSWORD: &str = "a-long-password";
const CAROL: (&str, &str, &str) = ("carol", PASSWORD, "09033334444");
/// A change holds within a second; the rest is for a busy machine.
const PATIENCE: Duration = Duration::from_secs(10);

struct World {
    demo: Demo,
    folder: tempfile::TempDir,
    file: String,
    origin: String,
    _gateway: Process,
}

impl World {
    async fn start() -> Self {
        let demo = Demo::start();
        let folder = tempfile::tempdir().expect("a folder");
        let port = free_port();
        // A test logs the same user in more often than a person does.
        let file = configure(folder.path(), &demo, port, "[limits]\ntries_per_minute = 20\n");
        let gateway = Process::start(&["serve", "--config", &file]);
        until_listening(port).await;
        let origin = format!("http://localhost:{port}");
        let world = Self { demo, folder, file, origin, _gateway: gateway };
        world.add_carol();
        world
    }

    fn add_carol(&self) {
        self.done(&["add", CAROL.0, "--phone", CAROL.2, "--group", "staff"], PASSWORD);
    }

    /// Runs a user command to its end. Returns whether it succeeded, and what it said.
    fn user(&self, arguments: &[&str], input: &str) -> (bool, String) {
        let config = ["--config", &self.file];
        let all = [&["user", arguments[0]], &config[..], &arguments[1..]].concat();
        let done = run(&all, input);
        (done.status.success(), words(&done.stdout) + &words(&done.stderr))
    }

    fn done(&self, arguments: &[&str], input: &str) -> String {
        let (is_done, said) = self.user(arguments, input);
        assert!(is_done, "{arguments:?}: {said}");
        said
    }

    async fn logged_in(&self) -> Browser {
        let mut browser = Browser::new(&self.origin).expect("a client");
        let page = reach_code(&mut browser, CAROL).await;
        let code = self.demo.newest_code(CAROL.2).await;
        assert_eq!(type_code(&mut browser, &page, &code).await.status, 303);
        assert!(is_in(&mut browser).await, "not logged in");
        browser
    }

    /// Returns the records of an event, the newest first.
    fn audited(&self, event: &str) -> Vec<Value> {
        let arguments = ["audit", "list", "--config", &self.file, "--json", "--event", event];
        let listed = run(&arguments, "");
        assert!(listed.status.success(), "{listed:?}");
        let text = words(&listed.stdout);
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }
}

async fn is_in(browser: &mut Browser) -> bool {
    browser.get("/").await.expect("an answer").status == 200
}

async fn until_out(browser: &mut Browser, command: &str) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while is_in(browser).await {
        assert!(tokio::time::Instant::now() < deadline, "still in after {command}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Returns the operating system's user of this test.
fn os_user() -> String {
    let done = std::process::Command::new("id").arg("-un").output().expect("id runs");
    words(&done.stdout).trim().to_owned()
}

#[tokio::test]
async fn a_command_ends_the_sessions_of_a_running_gateway() {
    let world = World::start().await;
    for command in [
        &["end-sessions", CAROL.0][..],
        &["disable", CAROL.0],
        &["groups", CAROL.0, "--remove", "staff"],
        &["set-password", CAROL.0],
        &["remove", CAROL.0, "--yes"],
    ] {
        let mut browser = world.logged_in().await;
        world.done(command, PASSWORD);
        until_out(&mut browser, command[0]).await;
        if command[0] == "disable" {
            let refused = send_password(&mut browser, CAROL.0, PASSWORD).await;
            assert_ne!(refused.location.as_deref(), Some(FACTOR), "past the password");
            world.done(&["enable", CAROL.0], "");
        }
    }
    for event in
        ["user.sessions_ended", "user.disabled", "user.enabled", "user.groups_set", "user.removed"]
    {
        let records = world.audited(event);
        let [record] = &records[..] else { panic!("{event}: {records:?}") };
        let actor = record["actor"].as_str().expect("an actor");
        assert!(actor.starts_with(&os_user()), "{event} by {actor}");
    }
    // The name is free, and the next owner starts without anything.
    world.add_carol();
    let shown: Value =
        serde_json::from_str(&world.done(&["show", CAROL.0, "--json"], "")).expect("JSON");
    assert_eq!((&shown["sessions"], &shown["last_login_at"]), (&0.into(), &().into()));
}

#[tokio::test]
async fn without_a_number_no_code_is_accepted() {
    let world = World::start().await;
    let mut browser = Browser::new(&world.origin).expect("a client");
    let page = reach_code(&mut browser, CAROL).await;
    let code = world.demo.newest_code(CAROL.2).await;
    let said = world.done(&["remove-phone", CAROL.0], "");
    assert_eq!(said, "carol: phone number removed\n");
    type_code(&mut browser, &page, &code).await;
    assert!(!is_in(&mut browser).await, "a code to a number that was taken away");
    assert!(world.done(&["show", CAROL.0], "").contains("phone          -\n"));
}

#[tokio::test]
async fn removal_asks_for_the_name_again() {
    let world = World::start().await;
    for input in ["", "yes\n", "caro\n"] {
        let (is_done, said) = world.user(&["remove", CAROL.0], input);
        assert!(!is_done && said.contains("was not removed"), "{input:?}: {said}");
    }
    assert!(world.done(&["list"], "").contains("carol"));
    let said = world.done(&["remove", CAROL.0], "Carol\n");
    assert!(said.ends_with("carol: removed\n"), "{said}");
    assert_eq!(world.done(&["list"], ""), "");
    for event in ["user.added", "user.removed"] {
        assert_eq!(world.audited(event).len(), 1, "{event}");
    }
}

#[tokio::test]
async fn a_command_that_cannot_be_done_says_why() {
    let world = World::start().await;
    for (arguments, expected) in [
        (&["disable", "nobody"][..], "there is no user nobody"),
        (&["enable", "nobody"], "there is no user nobody"),
        (&["remove", "nobody", "--yes"], "there is no user nobody"),
        (&["end-sessions", "nobody"], "there is no user nobody"),
        (&["remove-phone", "nobody"], "there is no user nobody"),
        (&["show", "nobody"], "there is no user nobody"),
        (&["groups", "nobody", "--add", "x"], "there is no user nobody"),
        (&["groups", "carol", "--add", "a b"], "a group is 1 to 64"),
        (&["groups", "carol", "--set", "é"], "a group is 1 to 64"),
        (&["groups", "carol"], "--add"),
        (&["groups", "carol", "--add", "x", "--set", "y"], "cannot be used with"),
        (&["add", "dave", "--group", "a b"], "a group is 1 to 64"),
    ] {
        let (is_done, said) = world.user(arguments, PASSWORD);
        assert!(!is_done && said.contains(expected), "{arguments:?}: {said}");
    }
    assert_eq!(world.done(&["groups", "carol", "--set", "b,a"], ""), "carol: groups are now a,b\n");
    assert_eq!(world.done(&["groups", "carol", "--set", ""], ""), "carol: groups are now -\n");
}

#[tokio::test]
async fn a_table_from_a_spreadsheet_is_imported_again_and_again() {
    let world = World::start().await;
    let file = world.folder.path().join("USERS.CSV");
    let path = file.display().to_string();
    let write = |text: &str| std::fs::write(&file, text).expect("a file");
    write(
        "User Name;Phone;Password\r\ncarol;90-5555-6666;\r\ndan;80-1111-2222;a fine password\r\n",
    );
    let (is_done, said) = world.user(&["import", &path], "");
    assert!(!is_done && said.contains("USERS.CSV:line 2, column username: a user with"), "{said}");
    let planned = world.done(&["import", "--update", "--dry-run", &path], "");
    assert!(planned.ends_with("would have imported 1 users, changed 1, left 0 as they are\n"));
    assert!(!world.done(&["list"], "").contains("dan"), "a dry run imports nobody");

    let mut browser = Browser::new(&world.origin).expect("a client");
    let page = reach_code(&mut browser, CAROL).await;
    let code = world.demo.newest_code(CAROL.2).await;
    let said = world.done(&["import", "--update", &path], "");
    assert_eq!(
        said,
        "line 2: the lost 0 of the phone number was put back\n\
         line 3: the lost 0 of the phone number was put back\n\
         carol: phone\n\
         imported 1 users, changed 1, left 0 as they are\n"
    );
    type_code(&mut browser, &page, &code).await;
    assert!(!is_in(&mut browser).await, "a code to the number that was replaced");
    let said = world.done(&["import", "--update", &path], "");
    assert!(said.ends_with("imported 0 users, changed 0, left 2 as they are\n"), "{said}");

    let spreadsheet = world.folder.path().join("users.XLSX").display().to_string();
    let (_, said) = world.user(&["import", &spreadsheet], "");
    assert!(said.contains("save it as CSV"), "{said}");
}

#[tokio::test]
async fn a_hash_from_elsewhere_is_replaced_at_the_first_login() {
    let world = World::start().await;
    let file = world.folder.path().join("users.csv");
    // bcrypt of "correct horse", from libxcrypt.
    let hash = "$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e";
    let row = format!("username,phone,password_hash\nerin,09077778888,{hash}\n");
    std::fs::write(&file, row).expect("a file");
    world.done(&["import", &file.display().to_string()], "");
    for number in 0..2 {
        let mut browser = Browser::new(&world.origin).expect("a client");
        reach_code(&mut browser, ("erin", "correct horse", "09077778888")).await;
        assert_eq!(world.audited("password.hash_replaced").len(), 1, "login {number}");
    }
}

#[tokio::test]
async fn a_pepper_that_hashes_need_cannot_be_left_out() {
    let demo = Demo::start();
    let folder = tempfile::tempdir().expect("a folder");
    let pepper = "[passwords]\npepper_file = \"otp.key\"\n";
    let file = configure(folder.path(), &demo, free_port(), pepper);
    let done = run(&["user", "add", "--config", &file, "carol"], PASSWORD);
    assert!(done.status.success(), "{}", words(&done.stderr));
    configure(folder.path(), &demo, free_port(), "");
    for command in [&["serve", "--config", &file][..], &["user", "list", "--config", &file]] {
        let done = run(command, "");
        assert!(!done.status.success());
        let said = words(&done.stderr);
        assert!(said.contains("the passwords of 1 users were hashed with a pepper"), "{said}");
    }
}

#[tokio::test]
async fn a_password_that_is_tried_first_is_refused_with_the_reason() {
    let world = World::start().await;
    for (password, expected) in [
        ("12345678", "most often in leaks"),
        ("Password", "most often in leaks"),
        ("dave2026!", "the login name"),
        ("localhost-1", "the name of the service"),
        ("xyxyxyxyxyxy", "a few characters repeated"),
        ("seven77", "at least 8 characters"),
    ] {
        let (is_done, said) = world.user(&["add", "dave"], password);
        assert!(!is_done && said.contains(expected) && !said.contains(password), "{said}");
    }
    let (is_done, said) = world.user(&["set-password", CAROL.0], "carol2026!");
    assert!(!is_done && said.contains("the login name"), "{said}");
}
