//! Runs other programs: with an empty standard input, each line of output printed at once and passed to a
//! listener, and in unattended runs a time limit.

use std::{
    io::{self, BufRead, BufReader, PipeReader},
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{self, RecvTimeoutError, Sender},
    thread,
    time::Duration,
};

use anyhow::{Context, Result, bail};

use crate::machine::{self, Stopwatch};

/// Runs `command` to its end, prints its output, and calls `listener` with each line.
///
/// # Errors
///
/// If the program cannot be started or does not succeed. In unattended runs also if it is still running after
/// `limit`; it is then killed with all its children.
pub(crate) fn run(
    command: &mut Command,
    limit: Duration,
    listener: &mut dyn FnMut(&str),
) -> Result<()> {
    finish(command, limit, &mut |line| {
        println!("{line}");
        listener(line);
    })
}

/// Like [`run`], but prints the output on standard error.
///
/// # Errors
///
/// Like [`run`].
pub(crate) fn run_aside(
    command: &mut Command,
    limit: Duration,
    listener: &mut dyn FnMut(&str),
) -> Result<()> {
    finish(command, limit, &mut |line| {
        eprintln!("{line}");
        listener(line);
    })
}

fn finish(command: &mut Command, limit: Duration, listener: &mut dyn FnMut(&str)) -> Result<()> {
    let name = describe(command);
    let limit = machine::is_unattended().then_some(limit);
    let status = watch(command, limit, listener).with_context(|| name.clone())?;
    if !status.success() {
        bail!("`{name}` ended with {status}");
    }
    Ok(())
}

/// Runs `command` and returns its standard output; its standard error goes to ours.
///
/// # Errors
///
/// If the program cannot be started or fails, or if its output is not UTF-8.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let name = describe(command);
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| name.clone())?;
    if !output.status.success() {
        bail!("`{name}` ended with {}", output.status);
    }
    String::from_utf8(output.stdout).with_context(|| name)
}

fn watch(
    command: &mut Command,
    limit: Option<Duration>,
    listener: &mut dyn FnMut(&str),
) -> Result<ExitStatus> {
    if limit.is_some() {
        command.process_group(0);
    }
    // Both streams share a pipe, so that their lines keep their order.
    let (output, writer) = io::pipe()?;
    command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
    let child = command.spawn();
    // The command would keep its ends of the pipe open, and the output would never end.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = child?;
    let stopwatch = Stopwatch::start();
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || read_lines(output, &sender));
    loop {
        match lines.recv_timeout(LINE_TIMEOUT) {
            Ok(line) => listener(&line),
            Err(RecvTimeoutError::Disconnected) => return Ok(child.wait()?),
            // The program has ended, but a child of its own still holds the pipes open.
            Err(RecvTimeoutError::Timeout) if child.try_wait()?.is_some() => {
                kill(&mut child, limit);
                bail!("it ended, but a program that it started still holds its output");
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
        if limit.is_some_and(|limit| stopwatch.elapsed() > limit) {
            kill(&mut child, limit);
            bail!("still running after {} s, so it was killed", stopwatch.elapsed().as_secs());
        }
    }
}

/// How long to wait for the next line before checking whether the program still runs.
const LINE_TIMEOUT: Duration = Duration::from_secs(3);

fn read_lines(pipe: PipeReader, sender: &Sender<String>) {
    let mut pipe = BufReader::new(pipe);
    let mut line = Vec::new();
    while pipe.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
        let text = String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']).to_owned();
        line.clear();
        if sender.send(text).is_err() {
            return;
        }
    }
}

/// Kills the program, and with a limit its whole process group. So a hanging test does not outlive its runner.
fn kill(child: &mut Child, limit: Option<Duration>) {
    if limit.is_some() {
        let group = format!("-{}", child.id());
        let _signalled = Command::new("kill").args(["-KILL", "--", &group]).status();
    }
    let _killed = child.kill();
    let _reaped = child.wait();
}

/// Returns the command line for messages, the program without its folder.
fn describe(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.file_name().unwrap_or(command.get_program());
    let words = std::iter::once(name).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn run_passes_the_lines_of_both_streams_in_their_order() {
        let mut seen = Vec::new();
        let mut command = Command::new("sh");
        command.args(["-c", "echo one; echo two >&2; printf three"]);
        run(&mut command, MINUTE, &mut |line| seen.push(line.to_owned())).unwrap();
        assert_eq!(seen, ["one", "two", "three"]);
    }

    #[test]
    fn run_of_a_failing_program_names_it_with_its_status() {
        let error =
            run(Command::new("sh").args(["-c", "exit 3"]), MINUTE, &mut |_| {}).unwrap_err();
        assert_eq!(format!("{error:#}"), "`sh -c exit 3` ended with exit status: 3");
    }

    #[test]
    fn run_of_a_missing_program_fails() {
        let error =
            run(&mut Command::new("no-such-program-here"), MINUTE, &mut |_| {}).unwrap_err();
        assert!(format!("{error:#}").starts_with("no-such-program-here: "), "{error:#}");
    }

    #[test]
    fn watch_kills_a_program_past_its_limit_with_its_children() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo started; sleep 600 & echo $!; wait"]);
        let mut lines = Vec::new();
        let limit = Some(Duration::from_millis(1));
        let error =
            watch(&mut command, limit, &mut |line| lines.push(line.to_owned())).unwrap_err();
        assert!(format!("{error}").starts_with("still running after "), "{error}");
    }

    #[test]
    fn watch_finds_a_program_that_leaves_another_running() {
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 600 & echo done"]);
        let error = watch(&mut command, Some(MINUTE), &mut |_| {}).unwrap_err();
        assert_eq!(
            format!("{error}"),
            "it ended, but a program that it started still holds its output"
        );
    }
}
