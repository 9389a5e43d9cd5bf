//! Running other programs: nothing on standard input, every line shown as it comes and handed to a
//! listener, and in unattended runs an end after a time limit.

use std::{
    io::{BufRead, BufReader, Read},
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{self, RecvTimeoutError, Sender},
    thread,
    time::Duration,
};

use anyhow::{Context, Result, bail};

use crate::machine::{self, Stopwatch};

/// Runs `command` to its end, shows what it says, and calls `listener` with each line.
///
/// # Errors
///
/// When the program cannot be started, ends with anything but success, or (unattended runs only) is
/// still running after `limit`; it is then killed with all its children.
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

/// As [`run`], but shows what the program says on standard error.
///
/// # Errors
///
/// The same.
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
/// When the program cannot be started, fails, or says something that is not UTF-8.
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
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let stopwatch = Stopwatch::start();
    let (sender, lines) = mpsc::channel();
    for pipe in
        [child.stdout.take().map(erase), child.stderr.take().map(erase)].into_iter().flatten()
    {
        let sender = sender.clone();
        thread::spawn(move || read_lines(pipe, &sender));
    }
    drop(sender);
    loop {
        match lines.recv_timeout(PATIENCE) {
            Ok(line) => listener(&line),
            Err(RecvTimeoutError::Disconnected) => return Ok(child.wait()?),
            // Both ends of the pipes are still open although the program is gone and nothing comes any more.
            Err(RecvTimeoutError::Timeout) if child.try_wait()?.is_some() => {
                kill(&mut child, limit);
                bail!("it ended but left a program behind that holds its output");
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
        if limit.is_some_and(|limit| stopwatch.elapsed() > limit) {
            kill(&mut child, limit);
            bail!("still running after {} s, so it was killed", stopwatch.elapsed().as_secs());
        }
    }
}

/// How long to wait for the next line before looking whether the program still runs.
const PATIENCE: Duration = Duration::from_secs(3);

fn erase(pipe: impl Read + Send + 'static) -> Box<dyn Read + Send> {
    Box::new(pipe)
}

fn read_lines(pipe: Box<dyn Read + Send>, sender: &Sender<String>) {
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

/// Ends the program, and with a limit its whole process group, so that a hanging test does not outlive its
/// runner.
fn kill(child: &mut Child, limit: Option<Duration>) {
    if limit.is_some() {
        let group = format!("-{}", child.id());
        let _gone = Command::new("kill").args(["-KILL", "--", &group]).status();
    }
    let _killed = child.kill();
    let _reaped = child.wait();
}

/// The command line, for messages; the program without its folder.
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
    fn every_line_of_both_streams_reaches_the_listener() {
        let mut seen = Vec::new();
        let mut command = Command::new("sh");
        command.args(["-c", "echo one; echo two >&2; printf three"]);
        run(&mut command, MINUTE, &mut |line| seen.push(line.to_owned())).unwrap();
        seen.sort();
        assert_eq!(seen, ["one", "three", "two"]);
    }

    #[test]
    fn a_failing_program_is_named_with_its_status() {
        let error =
            run(Command::new("sh").args(["-c", "exit 3"]), MINUTE, &mut |_| {}).unwrap_err();
        assert_eq!(format!("{error:#}"), "`sh -c exit 3` ended with exit status: 3");
    }

    #[test]
    fn a_missing_program_is_an_error() {
        let error =
            run(&mut Command::new("no-such-program-here"), MINUTE, &mut |_| {}).unwrap_err();
        assert!(format!("{error:#}").starts_with("no-such-program-here: "), "{error:#}");
    }

    #[test]
    fn a_program_past_its_limit_is_killed_with_its_children() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo started; sleep 600 & echo $!; wait"]);
        let mut lines = Vec::new();
        let limit = Some(Duration::from_millis(1));
        let error =
            watch(&mut command, limit, &mut |line| lines.push(line.to_owned())).unwrap_err();
        assert!(format!("{error}").starts_with("still running after "), "{error}");
    }

    #[test]
    fn a_program_that_leaves_another_behind_is_found() {
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 600 & echo done"]);
        let error = watch(&mut command, Some(MINUTE), &mut |_| {}).unwrap_err();
        assert_eq!(format!("{error}"), "it ended but left a program behind that holds its output");
    }
}
