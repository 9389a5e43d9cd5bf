//! Exit codes: 1 and 3 only if definitely nothing was sent.

use std::path::Path;

use karaden_sim::{Fault, FaultMode, Operation, PushAccount, Quirks, Sim, SimConfig, TrackingRule};

use crate::{NUMBER, TEXT, command, push, run, sim};

fn fault(mode: FaultMode, operation: Operation) -> Vec<Fault> {
    vec![Fault::new(mode).with_operation(operation)]
}

/// Makes a folder with a CSV file of these rows.
fn folder_with(rows: &[&str]) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let csv = folder.path().join("in.csv");
    std::fs::write(&csv, format!("service_id,to,body\r\n{}", rows.concat())).expect("written");
    let csv = csv.to_str().expect("UTF-8").to_owned();
    (folder, csv)
}

const GOOD: &str = "1,09000000001,確認\r\n";
const BAD: &str = "1,0312345678,確認\r\n";

#[tokio::test]
async fn message_that_did_not_arrive_exits_with_5() {
    let sim = sim().await;
    for (number, code) in [("090-0000-0001", 0), ("090-0000-0003", 5)] {
        let (ended, out, err) = run(command(&sim, &["send", number, TEXT, "--wait"])).await;
        assert_eq!(ended, code, "{number} {out} {err}");
    }
    // A message that is out of range may still arrive. The wait ends, and the message was sent.
    for word in ["unconnected", "OutOfRange"] {
        let of_api = |sim: &_, arguments: &[&str]| match word {
            "unconnected" => command(sim, arguments),
            _ => push(sim, arguments),
        };
        let (_, out, _) = run(of_api(&sim, &["--json", "send", "090-0000-0002", TEXT])).await;
        let id = out.split('"').skip_while(|part| *part != "id").nth(2).expect("an id").to_owned();
        let (code, out, err) = run(of_api(&sim, &["wait", &id, "--for", "1s"])).await;
        assert!(code == 5 && out.contains(word), "{code} {out} {err}");
    }
}

#[tokio::test]
async fn error_after_the_acceptance_exits_with_5() {
    let sim = sim().await;
    sim.set_faults(fault(FaultMode::Malformed, Operation::Get));
    let (code, out, err) = run(command(&sim, &["--json", "send", NUMBER, TEXT, "--wait"])).await;
    assert!(code == 5 && out.contains(r#""id""#), "{code} {out} {err}");
    assert!(err.contains("do not send it again"), "{err}");
    assert_eq!(sim.inbox(None).len(), 1);
    let id = out.split('"').skip_while(|part| *part != "id").nth(2).expect("an id").to_owned();
    let (code, ..) = run(command(&sim, &["wait", &id])).await;
    assert_eq!(code, 5, "a message with an id was accepted");
    sim.set_faults(Vec::new());
    let (code, ..) = run(command(&sim, &["wait", "00000000-0000-4000-8000-000000000000"])).await;
    assert_eq!(code, 3);
}

#[tokio::test]
async fn bulk_with_an_unwritable_folder_sends_nothing() {
    let sim = sim().await;
    let (_folder, csv) = folder_with(&[GOOD]);
    for out in ["/nowhere/at-all", csv.as_str()] {
        let (code, shown, err) = run(command(&sim, &["bulk", &csv, "--out", out])).await;
        assert!(code == 1 && err.contains("--out"), "{code} {shown} {err}");
    }
    assert!(sim.inbox(None).is_empty());
}

#[tokio::test]
async fn errors_after_a_bulk_start_exit_with_5() {
    for (operation, mode) in [
        (Operation::BulkGet, FaultMode::Malformed),
        (Operation::BulkGet, FaultMode::Status(401)),
        (Operation::BulkResult, FaultMode::Status(404)),
        (Operation::Download, FaultMode::Status(403)),
        (Operation::Download, FaultMode::Malformed),
    ] {
        let sim = sim().await;
        sim.set_faults(fault(mode, operation));
        let (folder, csv) = folder_with(&[GOOD]);
        let out = folder.path().to_str().expect("UTF-8");
        let (code, shown, err) = run(command(&sim, &["--json", "bulk", &csv, "--out", out])).await;
        assert_eq!(code, 5, "{operation:?} {mode:?} {shown} {err}");
        assert!(shown.contains(r#""outcome":"accepted""#), "the id first: {shown}");
        assert_eq!(sim.inbox(None).len(), 1);
    }
}

#[tokio::test]
async fn bulk_start_with_a_lost_response_exits_with_5() {
    let sim = sim().await;
    sim.set_faults(vec![
        Fault::new(FaultMode::AcceptThenDrop).with_operation(Operation::BulkStart).times(1),
    ]);
    let (folder, csv) = folder_with(&[GOOD]);
    let out = folder.path().to_str().expect("UTF-8");
    let (code, shown, err) = run(command(&sim, &["bulk", &csv, "--out", out])).await;
    assert!(code == 5 && shown.contains("karaden list"), "{code} {shown} {err}");
    assert_eq!(sim.inbox(None).len(), 1);
}

#[tokio::test]
async fn bulk_with_some_bad_rows_exits_with_5() {
    let sim = sim().await;
    for (rows, code) in [(&[GOOD, BAD, GOOD][..], 5), (&[BAD, BAD], 3), (&[GOOD, GOOD], 0)] {
        let (folder, csv) = folder_with(rows);
        let out = folder.path().to_str().expect("UTF-8");
        let (ended, shown, err) = run(command(&sim, &["bulk", &csv, "--out", out])).await;
        assert_eq!(ended, code, "{rows:?} {shown} {err}");
    }
}

fn saved(folder: &Path) -> usize {
    std::fs::read_dir(folder).expect("readable").count() - 1
}

#[tokio::test]
async fn bulk_never_overwrites_a_result_file() {
    let start = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_800_000_000);
    let clock = karaden_sim::ClockMode::Manual(start);
    let sim = Sim::start(SimConfig::default().with_clock(clock)).await.expect("a simulator");
    let (folder, csv) = folder_with(&[GOOD]);
    let out = folder.path().to_str().expect("UTF-8");
    // The clock stands still, so both results have the same name.
    for at in 1..=2 {
        let (code, shown, err) = run(command(&sim, &["bulk", &csv, "--out", out])).await;
        assert_eq!((code, saved(folder.path())), (0, at), "{shown} {err}");
    }
    let quirks = Quirks::default().with_hostile_file_name(true);
    sim.set_quirks(quirks);
    let (code, ..) = run(command(&sim, &["bulk", &csv, "--out", out])).await;
    assert_eq!((code, saved(folder.path())), (0, 3));
}

#[tokio::test]
async fn refused_tracking_code_is_left_out_only_if_it_was_generated() {
    let account = PushAccount::default().with_tracking(TrackingRule::Refused);
    let config = SimConfig::default().with_push_accounts([account]);
    let sim = Sim::start(config).await.expect("a simulator");
    let (code, out, err) = run(push(&sim, &["--json", "send", NUMBER, TEXT])).await;
    assert!(code == 0 && out.contains(r#""tag":null"#), "{code} {out} {err}");
    assert!(err.contains("without a tracking code"), "{err}");
    let (code, out, err) = run(push(&sim, &["send", NUMBER, TEXT, "--no-tag"])).await;
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    let (code, ..) = run(push(&sim, &["send", NUMBER, TEXT, "--tag", "20270115"])).await;
    assert_eq!(code, 3);
    assert_eq!(sim.inbox(None).len(), 2);
    assert_eq!(run(push(&sim, &["send", NUMBER, TEXT, "--no-tag", "--tag", "1"])).await.0, 2);
}

#[tokio::test]
async fn generated_tracking_code_has_eight_digits_and_a_lost_response_without_one_is_unknown() {
    let sim = sim().await;
    let (code, ..) = run(push(&sim, &["send", NUMBER, TEXT])).await;
    let tags = sim.inbox(None).remove(0).tags;
    assert!(code == 0 && tags[0].len() == 8, "{tags:?}");
    sim.set_faults(fault(FaultMode::AcceptThenDrop, Operation::Queue));
    let (code, out, err) = run(push(&sim, &["send", NUMBER, TEXT, "--no-tag"])).await;
    assert_eq!(code, 4, "{out} {err}");
}

#[tokio::test]
async fn configured_carrier_fields_are_sent() {
    let account = PushAccount::default().with_required_texts(["RakutenMessage"]);
    let config = SimConfig::default().with_push_accounts([account]);
    let sim = Sim::start(config).await.expect("a simulator");
    let (code, _, err) = run(push(&sim, &["send", NUMBER, TEXT])).await;
    assert!(code == 3 && err.contains("with_carrier_fields"), "{code} {err}");
    for (fields, expected) in [("docomo, rakuten", 0), ("docomo", 3), ("willcom", 1)] {
        let mut command = push(&sim, &["send", NUMBER, TEXT]);
        command.env("KARADEN_CARRIER_FIELDS", fields);
        assert_eq!(run(command).await.0, expected, "{fields}");
    }
}

#[tokio::test]
async fn list_with_an_unknown_status_exits_with_2() {
    let sim = sim().await;
    for (status, expected) in [("waiting", 0), ("processing_error", 2)] {
        assert_eq!(run(command(&sim, &["list", "--status", status])).await.0, expected, "{status}");
    }
}
