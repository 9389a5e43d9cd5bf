//! `check-config`, and what else reads a configuration: languages, warnings, secrets by environment.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use testkit::small_disk;

use crate::harness::{BINARY, Process, free_port, run, until_listening, words};

const CONFIG: &str = r#"[gateway]
public_url = "https://login.midori-bank.test"
ops_listen = "127.0.0.1:0"
trusted_proxies = ["127.0.0.1"]
data_dir = "data"
secret = "0123456789abcdef0123456789abcdef"
accepted_warnings = ["disk-size", "temporary-data"]
[application]
url = "http://127.0.0.1:3000"
[[otp.key]]
id = 1
secret = "fedcba9876543210fedcba9876543210"
[sms]
product_name = "Midori"
[sms.karaden_sms]
tenant_id = "6f1c4b9e-27d5-4d0c-9a3e-5b8d7c2f1a04"
service_id = 1
token = "a-token-of-karaden"
"#;

fn write(folder: &Path, text: &str) -> PathBuf {
    let file = folder.join("gateway.toml");
    fs::write(&file, text).expect("a file");
    fs::set_permissions(&file, Permissions::from_mode(0o600)).expect("permissions");
    file
}

/// Runs `check-config` in this environment. Returns the exit status, the standard output and standard error.
fn check(
    file: &Path,
    more: &[&str],
    environment: &[(&str, &str)],
) -> (Option<i32>, String, String) {
    let mut command = Command::new(BINARY);
    command.args(["check-config", "--config"]).arg(file).args(more);
    command.env("LC_ALL", "C").envs(environment.iter().copied());
    let done = command.output().expect("the binary starts");
    (done.status.code(), words(&done.stdout), words(&done.stderr))
}

#[test]
fn warnings_are_printed_and_strict_refuses_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let open = CONFIG.replace("127.0.0.1:0", "0.0.0.0:9090");
    let file = write(folder.path(), &open);
    let (status, out, said) = check(&file, &[], &[]);
    let warning =
        "gateway.toml:3:14: warning [ops-address]: gateway.ops_listen: is open to a network";
    assert_eq!(status, Some(0), "{said}");
    assert!(said.contains(warning) && said.lines().count() == 1, "{said}");
    assert!(out.contains("gateway.toml: OK\n"), "{out}");

    let (status, out, said) = check(&file, &["--strict"], &[]);
    assert_eq!((status, out.as_str()), (Some(1), ""), "{said}");
    assert!(said.contains(warning) && said.contains("--strict refuses warnings (1); "), "{said}");

    let accepted = open.replace("[\"disk-size\"", "[\"ops-address\", \"disk-size\"");
    let (status, _, said) = check(&write(folder.path(), &accepted), &["--strict"], &[]);
    assert_eq!((status, said.as_str()), (Some(0), ""));
}

#[test]
fn problems_and_warnings_are_in_the_language_of_the_operator() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = write(folder.path(), &CONFIG.replace("127.0.0.1:0", "9090"));
    let japanese = "gateway.ops_listen: \"9090\"は、IPアドレスまたはホスト名とポートでも、unix:とパスでもありません。";
    for (more, environment) in [
        (&["--lang", "ja"][..], &[][..]),
        (&[], &[("LC_ALL", "ja_JP.UTF-8")]),
        (&[], &[("LC_ALL", ""), ("LANG", "ja_JP.UTF-8")]),
    ] {
        let (status, _, said) = check(&file, more, environment);
        assert!(status == Some(1) && said.contains(japanese), "{said}");
    }
    let (_, _, said) = check(&file, &["--lang", "en"], &[("LC_ALL", "ja_JP.UTF-8")]);
    assert!(
        said.contains(
            "\"9090\" is neither an IP address nor a host name with a port, nor unix: with a path; "
        ),
        "{said}"
    );

    let file = write(folder.path(), &CONFIG.replace("127.0.0.1:0", "0.0.0.0:9090"));
    let (_, _, said) = check(&file, &["--lang", "ja", "--strict"], &[]);
    assert!(
        said.contains("警告 [ops-address]: ") && said.contains("警告（1件）を誤りとして"),
        "{said}"
    );
    let explained = Command::new(BINARY)
        .args(["--lang", "ja", "check-config", "--explain", "otp.digits"])
        .output()
        .expect("the binary starts");
    let explained = words(&explained.stdout);
    assert!(
        explained.contains("認証コードの桁数です。\n") && explained.contains("既定値：6\n"),
        "{explained}"
    );

    let (_, _, said) = check(&folder.path().join("none.toml"), &["--lang", "ja"], &[]);
    assert!(said.contains("none.toml: 読めません"), "{said}");
}

#[test]
fn commands_are_in_the_language_of_the_operator() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = write(folder.path(), CONFIG).display().to_string();
    let users = folder.path().join("users.csv");
    fs::write(&users, "username,phone,password\nx y,03-1234-5678,short\n").expect("a file");
    let users = users.display().to_string();
    let password = "correct horse battery\n";
    for (arguments, input, said) in [
        (&["user", "add", "carol"][..], password, "carolを登録しました\n"),
        (&["user", "add", "carol"], password, "carolはすでに使われています\n"),
        (&["user", "add", "dave"], "password\n", "このパスワードは、流出で多く見つかった"),
        (&["user", "add", "d/v"], password, "このユーザーIDは使えません：ユーザーIDは、英数字か"),
        (&["user", "set-phone", "carol", "03-1234-5678"], "", "日本の携帯電話番号ではありません"),
        (&["user", "disable", "carol"], "", "carol：使えないようにし、"),
        (&["user", "list"], "", "ユーザーID "),
        (&["user", "show", "carol"], "", "使用停止       はい\n"),
        (&["user", "unlock", "erin"], "", "erinというユーザーはいません\n"),
        (&["user", "import", &users], "", "2行目、username列：ユーザーIDは、"),
        (&["audit", "verify"], "", "件の記録は、書き込まれたときのままです"),
    ] {
        let all = [&["--lang", "ja"][..], arguments, &["--config", &file]].concat();
        let done = run(&all, input);
        let shown = words(&done.stdout) + &words(&done.stderr);
        assert!(shown.contains(said), "{arguments:?}: {shown}");
    }
}

#[test]
fn the_environment_of_the_process_names_the_file_of_a_secret() {
    let folder = tempfile::tempdir().expect("a folder");
    let key = folder.path().join("master.key");
    fs::write(&key, "0123456789abcdef0123456789abcdef\n").expect("a file");
    fs::set_permissions(&key, Permissions::from_mode(0o600)).expect("permissions");
    let key = key.display().to_string();
    let without = CONFIG.replace("secret = \"0123456789abcdef0123456789abcdef\"\n", "");
    let file = write(folder.path(), &without);
    let (status, _, said) = check(&file, &[], &[("MFA_GATEWAY_SECRET_FILE", &key)]);
    assert_eq!((status, said.as_str()), (Some(0), ""));
    let (status, _, said) = check(&file, &[], &[("MFA_GATEWAY_SECRET_FILES", &key)]);
    assert!(status == Some(1) && said.contains("gateway.secret_file: is missing; "), "{said}");
}

/// As containers mount secrets: mode 0444, and the file system read-only.
#[test]
fn on_a_read_only_mount_everyone_may_read_a_secret() {
    let folder = tempfile::tempdir().expect("a folder");
    let disk = folder.path().join("disk");
    fs::create_dir(&disk).expect("a folder");
    let inline = "token = \"a-token-of-karaden\"";
    let text =
        CONFIG.replace(inline, &format!("token_file = \"{}\"", disk.join("token").display()));
    let file = write(folder.path(), &text);
    let script = "echo a-token-of-karaden > \"$1/token\" && chmod 444 \"$1/token\" || exit
        \"$2\" check-config --config \"$3\"; echo \"writable: $?\"
        mount -o remount,ro \"$1\" || exit
        \"$2\" check-config --config \"$3\" > /dev/null; echo \"read-only: $?\"";
    let mut command = small_disk::command(&disk, "sh");
    command.args(["-c", script, "sh"]).arg(&disk).arg(BINARY).arg(&file).env("LC_ALL", "C");
    let done = command.output().expect("the shell runs");
    assert_eq!(words(&done.stdout), "writable: 1\nread-only: 0\n", "{}", words(&done.stderr));
    assert!(words(&done.stderr).contains("token_file: is kept in "), "{}", words(&done.stderr));
}

#[test]
fn the_databases_are_for_the_gateway_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = write(folder.path(), CONFIG);
    let data = folder.path().join("data");
    fs::create_dir(&data).expect("a folder");
    fs::set_permissions(&data, Permissions::from_mode(0o775)).expect("permissions");
    let (status, _, said) = check(&file, &[], &[]);
    assert!(
        status == Some(1) && said.contains("gateway.data_dir: can be written by other users "),
        "{said}"
    );
    fs::set_permissions(&data, Permissions::from_mode(0o755)).expect("permissions");
    let done = Command::new(BINARY)
        .args(["user", "list", "--config"])
        .arg(&file)
        .output()
        .expect("the binary starts");
    assert!(done.status.success(), "{}", words(&done.stderr));
    let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!(mode(&data), 0o700);
    let files: Vec<PathBuf> =
        fs::read_dir(&data).expect("a folder").map(|entry| entry.expect("a file").path()).collect();
    assert!(!files.is_empty());
    for file in files {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

#[tokio::test]
async fn warnings_are_logged_at_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let port = free_port();
    let listening = format!("listen = \"127.0.0.1:{port}\"\nops_listen");
    let text = CONFIG.replace("ops_listen", &listening).replace("[\"127.0.0.1\"]", "[]");
    let file = write(folder.path(), &text).display().to_string();
    let process = Process::start(&["serve", "--config", &file]);
    until_listening(port).await;
    let (_, log) = process.terminate();
    let line = log.lines().find(|line| line.contains("\"event\":\"config.warning\""));
    let line = line.unwrap_or_else(|| panic!("no warning in {log}"));
    assert!(line.contains("\"kind\":\"client-address\""), "{line}");
    assert!(line.contains("\"key\":\"gateway.trusted_proxies\""), "{line}");
    assert_eq!(log.matches("config.warning").count(), 1, "{log}");
}
