//! Runs the program against karaden-sim.

mod endings;
mod network;

use std::process::Output;

use karaden_sim::{Fault, FaultMode, Operation, Sim, SimConfig};
use tokio::process::Command;

const NUMBER: &str = "090-0000-0001";
const TEXT: &str = "認証コード 482913";

async fn sim() -> Sim {
    Sim::start(SimConfig::default()).await.expect("a simulator")
}

fn command(sim: &Sim, arguments: &[&str]) -> Command {
    command_at(&sim.url(), arguments)
}

fn command_at(url: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_karaden"));
    command
        .args(arguments)
        .env_clear()
        .env("KARADEN_BASE_URL", format!("{url}/api"))
        .env("KARADEN_TENANT", "159bfd33-b9b7-f424-4755-c119b324591d")
        .env("KARADEN_SERVICE_ID", "1")
        .env("KARADEN_TOKEN", "demo-token")
        .stdin(std::process::Stdio::null())
        .kill_on_drop(true);
    command
}

fn push(sim: &Sim, arguments: &[&str]) -> Command {
    let mut command = command(sim, arguments);
    command
        .env("KARADEN_API", "push")
        .env("KARADEN_PUSH_BASE_URL", format!("{}/v2", sim.url()))
        .env("KARADEN_PUSH_TOKEN", "demo-push")
        .env("KARADEN_PUSH_SECURITY_CODE", "demo-code");
    command
}

async fn run(mut command: Command) -> (i32, String, String) {
    let Output { status, stdout, stderr } = command.output().await.expect("the program");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    let (stdout, stderr) = (text(stdout), text(stderr));
    for shown in [&stdout, &stderr] {
        for secret in ["demo-token", "demo-push", "demo-code", "482913", "09000000001"] {
            assert!(!shown.contains(secret), "{secret} is in {shown}");
        }
    }
    (status.code().expect("an exit code"), stdout, stderr)
}

#[tokio::test]
async fn send_status_wait_and_list_succeed() {
    let sim = sim().await;
    let (code, out, err) =
        run(command(&sim, &["--json", "send", NUMBER, TEXT, "--tag", "t-1", "--until", "5m"]))
            .await;
    assert_eq!((code, err.as_str()), (0, ""));
    let id = out.split('"').skip_while(|part| *part != "id").nth(2).expect("an id").to_owned();
    assert_eq!(sim.inbox(Some("09000000001")).len(), 1);

    let (code, out, _) = run(command(&sim, &["status", &id])).await;
    assert!(code == 0 && out.contains(&id) && out.contains("*******0001"), "{code} {out}");
    let (code, out, _) = run(command(&sim, &["wait", &id])).await;
    assert!(code == 0 && out.contains("received"), "{code} {out}");
    let (code, out, _) = run(command(&sim, &["list", "--tag", "t-1", "--since", "1h"])).await;
    assert!(code == 0 && out.lines().count() == 1, "{code} {out}");
    let (code, out, _) = run(command(&sim, &["list", "--tag", "t-2"])).await;
    assert_eq!((code, out.as_str()), (0, ""));
}

#[tokio::test]
async fn cancel_of_a_reserved_message_prevents_the_send() {
    let sim = sim().await;
    let (_, out, _) = run(command(&sim, &["--json", "send", NUMBER, TEXT, "--at", "1h"])).await;
    let id = out.split('"').skip_while(|part| *part != "id").nth(2).expect("an id").to_owned();
    let (code, out, _) = run(command(&sim, &["cancel", &id])).await;
    assert!(code == 0 && out.contains("canceled"), "{code} {out}");
    assert!(sim.inbox(None).is_empty());
}

#[tokio::test]
async fn send_over_the_push_api_succeeds() {
    let sim = sim().await;
    let (code, out, err) = run(push(&sim, &["--json", "send", NUMBER, TEXT])).await;
    assert_eq!((code, err.as_str()), (0, ""));
    let id = out.split('"').skip_while(|part| *part != "id").nth(2).expect("an id").to_owned();
    let (code, out, _) = run(push(&sim, &["wait", &id])).await;
    assert!(code == 0 && out.contains("Received"), "{code} {out}");
    let long = "お知らせ。".repeat(30);
    let (code, ..) = run(push(&sim, &["send", NUMBER, &long])).await;
    assert_eq!(code, 1, "too long for one");
    let (code, ..) = run(push(&sim, &["send", NUMBER, &long, "--long"])).await;
    assert_eq!(code, 0);
    let (code, _, err) = run(push(&sim, &["list"])).await;
    assert!(code == 1 && err.contains("KARADEN_API"), "{err}");
}

#[tokio::test]
async fn exit_codes_distinguish_refused_failed_and_wrong_use() {
    let sim = sim().await;
    let (code, _, err) = run(command(&sim, &["send", "090-0000-0010", TEXT])).await;
    assert!(code == 3 && err.contains("refused"), "{code} {err}");
    let (code, _, err) = run(command(&sim, &["send", "03-1234-5678", TEXT])).await;
    assert!(code == 1 && err.contains("`to`"), "{code} {err}");
    let mut wrong = command(&sim, &["send", NUMBER, TEXT]);
    wrong.env("KARADEN_TOKEN", "wrong");
    assert_eq!(run(wrong).await.0, 3);
    let mut none = command(&sim, &["send", NUMBER, TEXT]);
    none.env_remove("KARADEN_TOKEN");
    let (code, _, err) = run(none).await;
    assert!(code == 1 && err.contains("KARADEN_TOKEN"), "{code} {err}");
    assert_eq!(run(command(&sim, &["send"])).await.0, 2);
    assert!(sim.inbox(None).is_empty());
}

#[tokio::test]
async fn lost_response_is_looked_up_and_the_message_arrives_once() {
    let sim = sim().await;
    let fault = Fault::new(FaultMode::AcceptThenDrop).with_operation(Operation::Send);
    sim.set_faults(vec![fault.times(1)]);
    let (code, out, err) = run(command(&sim, &["send", NUMBER, TEXT, "--tag", "t-1"])).await;
    assert!(code == 0 && !out.is_empty() && err.contains("t-1"), "{code} {out} {err}");
    assert_eq!(sim.inbox(None).len(), 1);
}

#[tokio::test]
async fn token_from_a_file_is_accepted() {
    let sim = sim().await;
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), "demo-token\n").expect("written");
    let mut command = command(&sim, &["send", NUMBER, TEXT]);
    command.env_remove("KARADEN_TOKEN").env("KARADEN_TOKEN_FILE", file.path());
    assert_eq!(run(command).await.0, 0);
}

#[tokio::test]
async fn list_follow_shows_a_later_message() {
    use tokio::io::{AsyncBufReadExt as _, BufReader};

    let sim = sim().await;
    let mut follow = command(&sim, &["list", "--follow", "--every", "50ms"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("the program");
    let mut lines = BufReader::new(follow.stdout.take().expect("a pipe")).lines();
    assert_eq!(run(command(&sim, &["send", NUMBER, TEXT])).await.0, 0);
    let line = lines.next_line().await.expect("readable").expect("a line");
    assert!(line.contains("*******0001"), "{line}");
    follow.kill().await.expect("killed");
}

#[tokio::test]
async fn bulk_sends_the_file_and_saves_one_result() {
    let sim = sim().await;
    let folder = tempfile::tempdir().expect("a folder");
    let csv = folder.path().join("in.csv");
    let rows = "service_id,to,body\r\n1,09000000001,一番目\r\n1,09000000001,二番目\r\n";
    std::fs::write(&csv, rows).expect("written");
    let (csv, out) = (csv.to_str().expect("UTF-8"), folder.path().to_str().expect("UTF-8"));
    let (code, shown, err) = run(command(&sim, &["--json", "bulk", csv, "--out", out])).await;
    assert!(code == 0 && shown.contains(r#""rows":2"#), "{code} {shown} {err}");
    assert_eq!(sim.inbox(None).len(), 2);
    let saved = std::fs::read_dir(folder.path()).expect("readable").count();
    assert_eq!(saved, 2, "the input and one result");

    std::fs::write(folder.path().join("bad.csv"), "to\r\n1\r\n").expect("written");
    let bad = folder.path().join("bad.csv");
    let (code, ..) =
        run(command(&sim, &["bulk", bad.to_str().expect("UTF-8"), "--out", out])).await;
    assert_eq!(code, 5, "the file was accepted, and failed as a whole");
}
