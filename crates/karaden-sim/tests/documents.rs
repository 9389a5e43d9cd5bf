//! Runs the console blocks of the documents against the program, and compares what they show.
//!
//! A line `$ command` may go on over lines that end with a backslash. What follows up to the next command is its
//! output; `…` stands for any text. The commands of a document run in order and share a folder and their
//! variables. `$ karaden-sim …` starts the program on a free port instead of the one shown.

#![expect(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

use std::{
    io::{BufRead as _, BufReader, Read as _},
    path::Path,
    process::{Child, Command, Stdio},
};

/// The languages of blocks that other tests check: `rust` is a doctest, `python` and `javascript` are run by
/// `vendor_sdks.rs`.
const CHECKED_ELSEWHERE: [&str; 3] = ["rust", "python", "javascript"];
/// The languages of blocks that show a setting. Nothing checks them.
const SHOWN: [&str; 2] = ["toml", "php"];
/// The address in the documents.
const SHOWN_ADDRESS: &str = "127.0.0.1:8090";

#[test]
fn the_readme_shows_what_the_program_does() {
    assert!(run("README.md") >= 4);
}

#[test]
fn the_japanese_readme_shows_what_the_program_does() {
    assert!(run("README.ja.md") >= 3);
}

#[test]
fn the_guide_shows_what_the_program_does() {
    assert!(run("../../docs/testing-against-the-simulator.md") >= 25);
}

/// Runs a document and returns how many commands it has.
fn run(document: &str) -> usize {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(document);
    let text = std::fs::read_to_string(file).unwrap();
    let mut session = Session::default();
    let mut count = 0;
    for (language, block) in blocks(&text) {
        match language {
            "console" => {
                for (command, output) in commands(block) {
                    session.run(&command, &output);
                    count += 1;
                }
            }
            other if CHECKED_ELSEWHERE.contains(&other) || SHOWN.contains(&other) => {}
            other => panic!("{document}: nothing checks a block of `{other}`"),
        }
    }
    count
}

/// Returns language and content of each fenced block.
fn blocks(text: &str) -> Vec<(&str, &str)> {
    let parts: Vec<&str> = text.split("```").collect();
    assert!(parts.len() % 2 == 1, "a block has no end");
    parts.chunks(2).filter_map(|pair| pair.get(1)?.split_once('\n')).collect()
}

/// Returns each command of a block and the output that it shows.
fn commands(block: &str) -> Vec<(String, String)> {
    let mut commands: Vec<(String, String)> = Vec::new();
    let mut goes_on = false;
    for line in block.lines() {
        let command = line.strip_prefix("$ ").or(goes_on.then_some(line));
        let Some(command) = command else {
            let (_, output) = commands.last_mut().expect("a block starts with a command");
            output.push_str(line);
            output.push('\n');
            continue;
        };
        let is_next = goes_on;
        goes_on = command.ends_with('\\');
        let command = command.trim_end_matches('\\').trim();
        if is_next {
            let (whole, _) = commands.last_mut().unwrap();
            whole.push(' ');
            whole.push_str(command);
        } else {
            commands.push((command.to_owned(), String::new()));
        }
    }
    commands
}

/// The state between the commands of one document.
struct Session {
    folder: tempfile::TempDir,
    variables: String,
    program: Option<(Child, String)>,
}

impl Default for Session {
    fn default() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { folder, variables: String::new(), program: None }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Session {
    fn run(&mut self, command: &str, expected: &str) {
        if let Some(package) = command.strip_prefix("cargo install ") {
            assert_eq!((package, expected), (env!("CARGO_PKG_NAME"), ""));
            return;
        }
        if let Some(arguments) = command.strip_prefix("karaden-sim ") {
            self.start(arguments, expected);
            return;
        }
        if let Some((name, _)) = command.split_once('=')
            && name.bytes().all(|byte| byte.is_ascii_uppercase())
        {
            self.variables.push_str(command);
            self.variables.push('\n');
            return;
        }
        let address = &self.program.as_ref().expect("the program runs").1;
        let script = format!("{}{command}", self.variables).replace(SHOWN_ADDRESS, address);
        let mut shell = Command::new("sh");
        shell.args(["-c", &script]).current_dir(self.folder.path());
        // No proxy for the loopback address.
        let output = shell.env("no_proxy", "*").output().unwrap();
        let printed = [output.stdout, output.stderr].concat();
        let printed = String::from_utf8(printed).unwrap().replace(address, SHOWN_ADDRESS);
        assert!(output.status.success(), "$ {command}\n{printed}");
        assert!(
            fits(expected.trim(), printed.trim()),
            "$ {command}\n{printed}\nshown:\n{expected}"
        );
    }

    fn start(&mut self, arguments: &str, expected: &str) {
        self.stop();
        let free = arguments.replace(SHOWN_ADDRESS, "127.0.0.1:0");
        assert_ne!(arguments, free, "the address of the document");
        let mut command = Command::new(env!("CARGO_BIN_EXE_karaden-sim"));
        let mut child = command
            .args(free.split_whitespace())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut printed = String::new();
        for _ in expected.lines() {
            lines.read_line(&mut printed).unwrap();
        }
        let (_, address) = printed.split_once("http://").unwrap();
        let address = address.split_once('/').unwrap().0.to_owned();
        self.program = Some((child, address.clone()));
        assert_eq!(printed.replace(&address, SHOWN_ADDRESS), expected);
    }

    fn stop(&mut self) {
        let Some((mut child, _)) = self.program.take() else { return };
        let _ = child.kill();
        let mut rest = String::new();
        if let Some(output) = &mut child.stdout {
            let _ = output.read_to_string(&mut rest);
        }
        let _ = child.wait();
    }
}

/// Whether `printed` is `shown`, where each `…` stands for any text.
fn fits(shown: &str, printed: &str) -> bool {
    let mut parts = shown.split('…');
    let Some(mut rest) = printed.strip_prefix(parts.next().unwrap_or_default()) else {
        return false;
    };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[test]
fn a_dot_pattern_stands_for_any_text_and_nothing_else_does() {
    for (shown, printed) in [("a", "a"), ("a…c", "abc"), ("…b…", "abc"), ("…", ""), ("a…", "abc")]
    {
        assert!(fits(shown, printed), "{shown} {printed}");
    }
    for (shown, printed) in [("a", "ab"), ("a…c", "abd"), ("…x…", "abc"), ("b…", "abc")] {
        assert!(!fits(shown, printed), "{shown} {printed}");
    }
}

#[test]
fn commands_and_their_output_are_told_apart() {
    let block = "$ a \\\n    b\nout\nmore\n$ c\n";
    let expected = [("a b", "out\nmore\n"), ("c", "")];
    let found = commands(block);
    assert_eq!(found.iter().map(|(a, b)| (&**a, &**b)).collect::<Vec<_>>(), expected);
}
