//! Reads the fenced blocks of the guides that are not Rust.
//!
//! - A block names its language. Rust blocks are run as documentation tests of this crate.
//! - JSON and TOML parse. TOML with the mark `gateway` after the language is a whole configuration file that the
//!   gateway accepts.
//! - `tests/shell.toml` says for each shell block which step or test runs what it shows, or why none does.

use std::{
    collections::BTreeSet,
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use mfa_gateway::config::Config;
use serde_json::Value as Json;
use toml::{Table, Value};

/// A fenced block.
#[derive(Debug)]
struct Block {
    page: String,
    line: usize,
    language: String,
    marks: Vec<String>,
    text: String,
}

impl Block {
    fn place(&self) -> String {
        format!("{}:{}", self.page, self.line)
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Returns the blocks of every page.
fn blocks() -> Vec<Block> {
    let mut blocks = Vec::new();
    for folder in ["", "docs"] {
        for entry in fs::read_dir(root().join(folder)).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.extension().is_some_and(|extension| extension == "md") {
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                let page = Path::new(folder).join(name).display().to_string();
                blocks.extend(blocks_of(&page, &fs::read_to_string(&path).expect("a page")));
            }
        }
    }
    assert!(!blocks.is_empty(), "no block was found");
    blocks
}

/// Returns the blocks of a page. A block ends at a line with at least as many backticks as its first line.
fn blocks_of(page: &str, text: &str) -> Vec<Block> {
    let ticks = |line: &str| line.trim_start().chars().take_while(|c| *c == '`').count();
    let mut blocks = Vec::new();
    let mut open: Option<(usize, Block)> = None;
    for (index, line) in text.lines().enumerate() {
        match &mut open {
            Some((fence, _)) if ticks(line) >= *fence && line.trim().chars().all(|c| c == '`') => {
                blocks.extend(open.take().map(|(_, block)| block));
            }
            Some((_, block)) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            None if ticks(line) >= 3 => {
                let info = line.trim().trim_start_matches('`');
                let mut words = info.split([' ', ',']).map(str::to_owned);
                let language = words.next().unwrap_or_default();
                let (page, line) = (page.to_owned(), index + 1);
                let block =
                    Block { page, line, language, marks: words.collect(), text: String::new() };
                open = Some((ticks(text.lines().nth(index).unwrap_or_default()), block));
            }
            None => {}
        }
    }
    blocks
}

#[test]
fn a_block_ends_at_its_own_fence() {
    let text = "````md\n```sh\nls\n```\n````\n```toml gateway\na = 1\n```\n";
    let found = blocks_of("a.md", text);
    assert_eq!(found.len(), 2);
    assert_eq!((found[0].language.as_str(), found[0].text.as_str()), ("md", "```sh\nls\n```\n"));
    assert_eq!((found[1].line, found[1].marks.as_slice()), (6, &["gateway".to_owned()][..]));
}

#[test]
fn every_block_names_a_language_that_is_checked() {
    // `text` is for drawings and output. What is written in another language has to be checked by a test here first.
    // Those of the guide of the simulator, other than in Rust, run in the tests of karaden-sim.
    let known = ["console", "javascript", "json", "php", "python", "rust", "sh", "text", "toml"];
    for block in blocks() {
        assert!(
            known.contains(&block.language.as_str()),
            "{}: {:?}",
            block.place(),
            block.language
        );
    }
}

#[test]
fn a_japanese_page_has_the_programs_of_its_english_page() {
    let crates = fs::read_dir(root().join("crates")).expect("a folder");
    let mut folders: Vec<PathBuf> = crates.map(|entry| entry.expect("an entry").path()).collect();
    folders.extend([root(), root().join("docs")]);
    let mut compared = 0;
    for path in folders.iter().flat_map(|folder| fs::read_dir(folder).expect("a folder")) {
        let japanese = path.expect("an entry").path().display().to_string();
        let Some(name) = japanese.strip_suffix(".ja.md") else { continue };
        // The simulator's pages show other messages. Tests of that crate run them.
        if !name.ends_with("karaden-sim/README") {
            assert_eq!(programs_of(&japanese), programs_of(&format!("{name}.md")), "{japanese}");
            compared += 1;
        }
    }
    assert!(compared >= 5, "only {compared} pages were found");
}

/// Returns the programs of a page without their comments, which are in the language of the page.
fn programs_of(page: &str) -> Vec<Vec<String>> {
    let text = fs::read_to_string(page).unwrap_or_else(|error| panic!("{page}: {error}"));
    let mut programs = Vec::new();
    for block in blocks_of(page, &text).into_iter().filter(|block| block.language != "text") {
        let comment = if block.language == "rust" { "// " } else { "# " };
        let code =
            |line: &str| line.split(comment).next().unwrap_or_default().trim_end().to_owned();
        let mut program = vec![format!("{} {}", block.language, block.marks.join(" "))];
        program.extend(block.text.lines().map(code));
        programs.push(program);
    }
    programs
}

#[test]
fn the_store_of_the_guide_is_that_of_the_example() {
    let store = root().join("crates/otp-cache/examples/postgres_store/store.rs");
    let store = fs::read_to_string(store).expect("the example");
    let blocks = blocks().into_iter();
    let mut ours =
        blocks.filter(|block| block.page == "docs/write-a-store.md" && block.language == "rust");
    let shape = ours.next().expect("the first block is the store");
    let items = shape.text.split("\n\n").filter(|item| !item.starts_with("use "));
    for item in items {
        assert!(store.contains(item.trim_end()), "{}: not in store.rs:\n{item}", shape.place());
    }
}

#[test]
fn json_blocks_parse() {
    for block in blocks().iter().filter(|block| block.language == "json") {
        if let Err(error) = serde_json::from_str::<Json>(&block.text) {
            panic!("{}: {error}", block.place());
        }
    }
}

#[test]
fn toml_blocks_parse_and_the_gateway_accepts_those_that_are_its_configuration() {
    for block in blocks().iter().filter(|block| block.language == "toml") {
        let table: Table =
            block.text.parse().unwrap_or_else(|error| panic!("{}: {error}", block.place()));
        if block.marks.iter().any(|mark| mark == "gateway") {
            let problems = problems(&table, &block.text);
            assert_eq!(problems, None, "{}", block.place());
        }
    }
}

/// Reads `text` as the gateway does, in a folder that has each secret file that it names.
fn problems(table: &Table, text: &str) -> Option<String> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for name in secret_files(&Value::Table(table.clone())) {
        let file = folder.path().join(name);
        fs::write(&file, "0123456789abcdef0123456789abcdef\n").expect("a file");
        fs::set_permissions(&file, Permissions::from_mode(0o600)).expect("permissions");
    }
    Config::parse(&folder.path().join("config.toml"), text)
        .err()
        .map(|problems| problems.to_string())
}

/// Returns the values of all keys that end in `_file`.
fn secret_files(value: &Value) -> Vec<String> {
    match value {
        Value::Array(values) => values.iter().flat_map(secret_files).collect(),
        Value::Table(table) => table
            .iter()
            .flat_map(|(key, value)| match value {
                Value::String(name) if key.ends_with("_file") => vec![name.clone()],
                value => secret_files(value),
            })
            .collect(),
        _ => Vec::new(),
    }
}

#[test]
fn the_sample_is_accepted_and_a_mistake_in_it_is_not() {
    let sample = fs::read_to_string(root().join("crates/mfa-gateway/config.sample.toml"))
        .expect("the sample");
    let table: Table = sample.parse().expect("TOML");
    assert_eq!(problems(&table, &sample), None);
    assert!(problems(&table, &format!("{sample}\n[unknown]\n")).is_some());
}

#[test]
fn every_shell_block_is_listed_once() {
    let listed = listed();
    let mut unused: BTreeSet<usize> = (0..listed.len()).collect();
    for block in blocks().iter().filter(|block| block.language == "sh") {
        let here = |entry: &Table| {
            entry["page"].as_str() == Some(&block.page)
                && entry["begins"]
                    .as_str()
                    .is_some_and(|begin| block.text.trim_start().starts_with(begin))
        };
        let place = listed.iter().position(here);
        let place = place.unwrap_or_else(|| panic!("{} is not in tests/shell.toml", block.place()));
        assert!(unused.remove(&place), "{} is listed for another block too", block.place());
    }
    let stale: Vec<&Table> = unused.iter().map(|place| &listed[*place]).collect();
    assert!(stale.is_empty(), "tests/shell.toml lists blocks that do not exist: {stale:?}");
}

#[test]
fn what_runs_a_shell_block_exists() {
    let steps = fs::read_to_string(root().join("xtask/src/test/steps.rs")).expect("the steps");
    for entry in listed() {
        match (entry.get("step"), entry.get("test"), entry.get("not_run")) {
            (Some(Value::String(step)), None, None) => {
                assert!(steps.contains(&format!("name: \"{step}\"")), "no step {step}");
            }
            (None, Some(Value::String(test)), None) => {
                let (file, name) = test.split_once("::").expect("FILE::NAME");
                let text = fs::read_to_string(root().join(file)).expect(file);
                assert!(text.contains(&format!("fn {name}(")), "no test {test}");
            }
            (None, None, Some(Value::String(reason))) => assert!(!reason.is_empty()),
            _ => panic!("needs one of step, test and not_run: {entry:?}"),
        }
    }
}

/// Returns the entries of `tests/shell.toml`.
fn listed() -> Vec<Table> {
    let table: Table = include_str!("shell.toml").parse().expect("TOML");
    let entries = table["block"].as_array().expect("an array of tables");
    entries.iter().map(|entry| entry.as_table().expect("a table").clone()).collect()
}
