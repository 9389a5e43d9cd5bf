//! Counts tests from the closing lines of the test runners.

/// The sum of the counts of all runners so far, and their closing lines as printed.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    /// Tests that a runner skipped or ignored.
    pub(crate) skipped: u64,
    pub(crate) closings: Vec<String>,
}

impl Tally {
    /// Adds the counts of `line` if it is a closing line of libtest or of Node's test runner.
    pub(crate) fn add_line(&mut self, line: &str) {
        let Some(count) = Count::of(line.trim()) else { return };
        self.passed += count.passed;
        self.failed += count.failed;
        self.skipped += count.skipped;
        self.closings.push(line.trim().to_owned());
    }

    /// Whether no runner has reported yet.
    pub(crate) fn is_empty(&self) -> bool {
        self.closings.is_empty()
    }

    /// Adds the counts and lines of `other`.
    pub(crate) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
        self.closings.extend(other.closings);
    }
}

/// The counts in one closing line.
#[derive(Debug, Default, Eq, PartialEq)]
struct Count {
    passed: u64,
    failed: u64,
    skipped: u64,
}

impl Count {
    fn of(line: &str) -> Option<Self> {
        Self::libtest(line).or_else(|| Self::node(line))
    }

    /// Reads `test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured; 3 filtered out; finished in 0.1s`
    fn libtest(line: &str) -> Option<Self> {
        let rest = line.strip_prefix("test result: ")?;
        let (_, counts) = rest.split_once(". ")?;
        let mut count = Self::default();
        for (number, kind) in counts.split(';').filter_map(|pair| pair.trim().split_once(' ')) {
            match kind {
                "passed" => count.passed = number.parse().ok()?,
                "failed" => count.failed = number.parse().ok()?,
                "ignored" => count.skipped = number.parse().ok()?,
                _ => {}
            }
        }
        Some(count)
    }

    /// Reads `ℹ pass 12`, `# fail 0`: one line per kind.
    fn node(line: &str) -> Option<Self> {
        let rest = line.strip_prefix("# ").or_else(|| line.strip_prefix("ℹ "))?;
        let (kind, number) = rest.split_once(' ')?;
        let number = number.parse().ok()?;
        match kind {
            "pass" => Some(Self { passed: number, ..Self::default() }),
            "fail" | "cancelled" => Some(Self { failed: number, ..Self::default() }),
            "skipped" | "todo" => Some(Self { skipped: number, ..Self::default() }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expected: Option<(u64, u64, u64)>) {
        let found = Count::of(line).map(|count| (count.passed, count.failed, count.skipped));
        assert_eq!(found, expected, "{line}");
    }

    #[test]
    fn count_reads_closing_lines_only() {
        check(
            "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.10s",
            Some((12, 0, 1)),
        );
        check(
            "test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out",
            Some((3, 2, 0)),
        );
        check("# pass 7", Some((7, 0, 0)));
        check("ℹ fail 2", Some((0, 2, 0)));
        check("ℹ skipped 1", Some((0, 0, 1)));
        check("# duration_ms 12", None);
        check("test store::opens ... ok", None);
        check("", None);
    }

    #[test]
    fn tally_adds_counts_and_keeps_closing_lines() {
        let mut tally = Tally::default();
        tally.add_line("test result: ok. 2 passed; 0 failed; 0 ignored");
        tally.add_line("running 3 tests");
        tally.add_line("  # fail 1");
        assert_eq!((tally.passed, tally.failed, tally.skipped), (2, 1, 0));
        assert_eq!(tally.closings, ["test result: ok. 2 passed; 0 failed; 0 ignored", "# fail 1"]);
    }
}
