//! The command line as operators use it.

use std::fmt::Write as _;

use crate::harness::{BINARY, Demo, configure, free_port, run, words};

#[test]
fn the_walk_succeeds_through_both_apis() {
    for sender in ["sms", "push"] {
        let done = run(
            &[
                "demo",
                "--walk",
                "--sender",
                sender,
                "--listen",
                "127.0.0.1:0",
                "--sim-listen",
                "127.0.0.1:0",
                "--ops-listen",
                "127.0.0.1:0",
            ],
            "",
        );
        let said = words(&done.stdout);
        assert!(done.status.success(), "{said}\n{}", words(&done.stderr));
        for step in 1..=11 {
            assert!(said.contains(&format!("\n{step:>2}. ")), "step {step} is missing in {said}");
        }
        assert!(said.contains("Every step succeeded."));
        assert!(!said.contains("alice-demo-pass") && !said.contains("09012345678"), "{said}");
    }
}

#[test]
fn the_demo_does_not_listen_to_the_world() {
    let done = run(&["demo", "--listen", "0.0.0.0:0"], "");
    assert!(!done.status.success());
    assert!(words(&done.stderr).contains("listens on this machine alone"));
}

#[test]
fn a_taken_port_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let done = run(&["demo", "--listen", &address], "");
    assert!(!done.status.success());
    assert!(words(&done.stderr).contains(&address), "{}", words(&done.stderr));
}

#[tokio::test]
async fn a_bad_configuration_is_refused_before_anything_starts() {
    let demo = Demo::start();
    let folder = tempfile::tempdir().expect("a folder");
    let file = configure(folder.path(), &demo, 1, "[log]\ncolour = 1\nformat = \"xml\"\n");
    for command in [["check-config", "--config", &file], ["serve", "--config", &file]] {
        let done = run(&command, "");
        let said = words(&done.stderr);
        assert!(!done.status.success());
        assert!(said.contains("gateway.toml:22:1: log.colour: unknown key"), "{said}");
        assert!(said.contains("gateway.toml:23:10: log.format"), "{said}");
    }
}

#[test]
fn check_config_explains_the_keys_without_a_file() {
    let all = run(&["check-config", "--explain"], "");
    assert!(all.status.success(), "{}", words(&all.stderr));
    let all = words(&all.stdout);
    let one = words(&run(&["check-config", "--explain", "otp.digits"], "").stdout);
    assert!(one.starts_with("otp.digits\n  Digits of a code.\n  Default: 6\n"), "{one}");
    assert!(all.contains("[gateway]\n") && all.contains(&one), "{all}");

    let unknown = run(&["check-config", "--explain", "otp.digit"], "");
    assert!(!unknown.status.success());
    let said = words(&unknown.stderr);
    assert_eq!(said, "unknown key \"otp.digit\"; did you mean otp.digits?\n");

    let neither = run(&["check-config"], "");
    assert!(!neither.status.success());
    assert!(words(&neither.stderr).contains("--config <FILE>"), "{}", words(&neither.stderr));
}

#[tokio::test]
async fn a_rule_whose_factor_no_plugin_provides_is_found_before_the_first_login() {
    let demo = Demo::start();
    let folder = tempfile::tempdir().expect("a folder");
    let rule = "[[rule]]\npath = \"/admin/\"\nfactors = [\"password\", \"totp\"]\n";
    let file = configure(folder.path(), &demo, free_port(), rule);
    for command in [["check-config", "--config", &file], ["serve", "--config", &file]] {
        let done = run(&command, "");
        let said = words(&done.stderr);
        assert!(!done.status.success());
        let expected = "rule \"/admin/\" names the factor \"totp\", which no plugin provides; use ";
        assert!(said.contains(expected), "{said}");
    }
}

#[tokio::test]
async fn users_are_added_listed_and_changed() {
    let demo = Demo::start();
    let folder = tempfile::tempdir().expect("a folder");
    let file = configure(folder.path(), &demo, 1, "");
    let user = |arguments: &[&str], input: &str| {
        let all: Vec<&str> = ["user", arguments[0], "--config", &file]
            .iter()
            .chain(&arguments[1..])
            .copied()
            .collect();
        let done = run(&all, input);
        (done.status.success(), words(&done.stdout), words(&done.stderr))
    };
    assert!(
        user(
            &["add", "carol", "--phone", "090-3333-4444", "--group", "admin"],
            "a-long-password\n"
        )
        .0
    );
    let (is_done, _, said) = user(&["add", "CAROL"], "a-long-password\n");
    assert!(!is_done && said.contains("taken"), "{said}");
    let (is_done, _, said) = user(&["add", "dave"], "short\n");
    assert!(!is_done && said.contains("at least 8"), "{said}");
    let (is_done, _, said) = user(&["add", "dave", "--phone", "0312345678"], "a-long-password\n");
    assert!(!is_done && !said.contains("0312345678"), "{said}");
    let (_, listed, _) = user(&["list"], "");
    assert!(listed.starts_with("USER ID "), "{listed}");
    assert!(
        listed.contains("carol") && listed.contains("4444") && !listed.contains("3333"),
        "{listed}"
    );
    let (_, json, _) = user(&["list", "--json"], "");
    let value: serde_json::Value = serde_json::from_str(json.trim()).expect("JSON");
    assert_eq!((&value["username"], &value["groups"][0]), (&"carol".into(), &"admin".into()));
    assert!(user(&["set-phone", "carol", "08055556666"], "").0);
    assert!(user(&["set-password", "carol"], "another-long-password").0);
    assert!(user(&["unlock", "carol"], "").0);
    let (is_done, _, said) = user(&["unlock", "nobody"], "");
    assert!(!is_done && said.contains("there is no user nobody"), "{said}");
    assert!(user(&["list"], "").1.contains("6666"));
}

#[tokio::test]
async fn an_import_is_all_or_nothing_and_quick() {
    let demo = Demo::start();
    let folder = tempfile::tempdir().expect("a folder");
    let config = configure(folder.path(), &demo, 1, "");
    let csv = folder.path().join("users.csv");
    let path = csv.display().to_string();
    let header = "username,display_name,phone,password_hash\n";
    let hash = "\"$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$k8uqU5bsTv2vHvJrBQqyWkOwcCBkYMSUtZl7GvyHrGI\"";
    let rows = |count: u32| {
        (0..count).fold(header.to_owned(), |mut text, n| {
            writeln!(text, "user{n},User {n},0901{n:07},{hash}").expect("a string");
            text
        })
    };
    std::fs::write(&csv, format!("{}bad name!,X,123,{hash}\n", rows(3))).expect("a file");
    let done = run(&["user", "import", "--config", &config, &path], "");
    let said = words(&done.stderr);
    assert!(
        !done.status.success()
            && said.contains("users.csv:")
            && said.contains("no user was imported"),
        "{said}"
    );
    assert!(
        run(&["user", "list", "--config", &config], "").stdout.is_empty(),
        "half of it was imported"
    );
    std::fs::write(&csv, rows(5000)).expect("a file");
    let done = run(&["user", "import", "--config", &config, &path], "");
    assert!(done.status.success(), "{}", words(&done.stderr));
    assert!(words(&done.stdout).contains("imported 5000 users"));
    let listed = run(&["user", "list", "--config", &config], "");
    assert_eq!(words(&listed.stdout).lines().count(), 5001, "a heading and the users");
}

#[test]
fn help_is_there_for_strangers() {
    let done = run(&["--help"], "");
    let said = words(&done.stdout);
    for command in ["demo", "serve", "check-config", "user"] {
        assert!(said.contains(command), "{BINARY} --help does not name {command}");
    }
}
