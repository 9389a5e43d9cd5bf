//! Children killed at any point.

use std::{
    collections::BTreeMap,
    io::{BufReader, Lines},
    path::{Path, PathBuf},
    process::{Child, ChildStdout},
    time::{Duration, Instant},
};

use otp_cache::sqlite::SqliteStore;

use crate::{block_on, children, script};

/// How many children are killed on one file.
const KILLS: u64 = 300;

/// How many children are killed while they create their file.
const KILLS_DURING_CREATION: u64 = 60;

/// How many steps of each script the children have acknowledged. The store must remember at least these.
#[derive(Default)]
struct Said(BTreeMap<String, u8>);

impl Said {
    fn hear(&mut self, name: String) {
        *self.0.entry(name).or_default() += 1;
    }

    /// Kills the child and reads its last lines. Each line is written in one piece. Returns their number.
    fn kill(&mut self, child: &mut Child, lines: Lines<BufReader<ChildStdout>>) -> usize {
        child.kill().expect("our own child can be killed");
        child.wait().expect("our own child can be awaited");
        lines.map_while(Result::ok).map(|line| self.hear(line)).count()
    }

    /// Checks that the store remembers every acknowledged step, and at most one more: the one in flight.
    async fn check(&self, path: &Path) {
        let store = SqliteStore::open(path).await.expect("opens after any kill");
        for (name, &least) in &self.0 {
            let remembered = script::remembered(&store, name).await;
            assert!(
                remembered.iter().any(|steps| (least..=least + 1).contains(steps)),
                "{name}: {least} steps acknowledged, {remembered:?} remembered"
            );
        }
    }

    fn of(&self, script: &str) -> impl Iterator<Item = u8> {
        self.0.iter().filter(move |(name, _)| name.starts_with(script)).map(|(_, steps)| *steps)
    }
}

/// Returns a repeatable pseudo-random number below `bound`.
fn pseudo_random(seed: u64, bound: u64) -> u64 {
    (seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) % bound
}

/// Measures the shortest time until a child acknowledges its first step, in microseconds.
#[expect(clippy::disallowed_methods, reason = "only chooses when to kill")]
fn time_to_the_first_step(path: impl Fn(u64) -> PathBuf) -> u64 {
    let times = (0..8).map(|number| {
        let start = Instant::now();
        let (mut child, mut lines) = children::spawn("play", &path(number), KILLS + number);
        lines.next().expect("the child goes on").expect("the child speaks");
        let taken = start.elapsed();
        child.kill().expect("our own child can be killed");
        child.wait().expect("our own child can be awaited");
        u64::try_from(taken.as_micros()).expect("less than an age")
    });
    times.min().expect("some")
}

/// Lets the child run for a pseudo-random time.
fn let_it_run(seed: u64, at_most_micros: u64) {
    std::thread::sleep(Duration::from_micros(pseudo_random(seed, at_most_micros)));
}

pub(crate) fn hundreds() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("otp.db");
    let first_step = time_to_the_first_step(|_| path.clone());
    let mut said = Said::default();
    let mut silent = 0;
    for kill in 0..KILLS {
        let (mut child, mut lines) = children::spawn("play", &path, kill);
        if kill % 3 == 0 {
            // Before its first line: at its start, while it recovers the log of the child before.
            let_it_run(kill, first_step + first_step / 2);
        } else {
            // After up to 97 steps, wherever the child is by then.
            for _ in 0..=pseudo_random(kill, 96) {
                said.hear(lines.next().expect("the child goes on").expect("the child speaks"));
            }
        }
        let before = said.0.len();
        let heard = said.kill(&mut child, lines);
        silent += u64::from(kill % 3 == 0 && heard == 0 && said.0.len() == before);
        if kill % 50 == 49 {
            block_on(said.check(&path));
        }
    }
    assert!(silent > KILLS / 10, "killed before the first step: {silent}");
    for (script, steps) in
        [("count", 4), ("win", 6), ("lock", 12), ("resend", 3), ("revoke", 3), ("quota", 6)]
    {
        let whole = said.of(script).filter(|said| *said == steps).count();
        let cut_off = said.of(script).filter(|said| *said < steps).count();
        assert!(whole > 10, "{script}: the children got somewhere: {whole} to the end");
        assert!(cut_off > 10, "{script}: kills came in between: {cut_off}");
    }
}

pub(crate) fn during_creation() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let first_step =
        time_to_the_first_step(|number| folder.path().join(format!("try-{number}.db")));
    let mut half_made = 0;
    for kill in 0..KILLS_DURING_CREATION {
        let path = folder.path().join(format!("{kill}.db"));
        let (mut child, lines) = children::spawn("play", &path, kill);
        let_it_run(kill, first_step + first_step / 4);
        let mut said = Said::default();
        said.kill(&mut child, lines);
        half_made += u64::from(said.0.is_empty() && path.exists());
        block_on(said.check(&path));
        // The file that it left can be written to.
        let (mut child, mut lines) = children::spawn("play", &path, kill + KILLS_DURING_CREATION);
        said.hear(lines.next().expect("the child goes on").expect("the child speaks"));
        said.kill(&mut child, lines);
        block_on(said.check(&path));
    }
    assert!(half_made > 0, "some were killed between the file's beginning and its first row");
}
