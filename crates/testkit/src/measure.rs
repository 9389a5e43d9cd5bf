//! Result rows for the benchmark programs that `cargo xtask bench` runs.

use serde_json::json;

/// The goal of a measured value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Goal {
    /// The value has to be at least this.
    AtLeast(f64),
    /// The value has to be at most this.
    AtMost(f64),
    /// No goal: a row to compare others with.
    None,
}

impl Goal {
    fn is_met(self, value: f64) -> Option<bool> {
        match self {
            Self::AtLeast(least) => Some(value >= least),
            Self::AtMost(most) => Some(value <= most),
            Self::None => None,
        }
    }

    fn text(self, unit: &str) -> Option<String> {
        match self {
            Self::AtLeast(least) => Some(format!(">= {least} {unit}")),
            Self::AtMost(most) => Some(format!("<= {most} {unit}")),
            Self::None => None,
        }
    }
}

/// The values of all rounds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Samples(Vec<f64>);

impl Samples {
    /// Adds the value of another round.
    pub fn push(&mut self, sample: f64) {
        self.0.push(sample);
    }

    /// Divides by `theirs`, round by round, so that a slow round slows both sides.
    #[must_use]
    pub fn to(&self, theirs: &Self) -> Self {
        self.0.iter().zip(&theirs.0).map(|(ours, theirs)| ours / theirs).collect()
    }

    /// Multiplies each value by `factor`, to convert it into another unit.
    #[must_use]
    pub fn scaled(&self, factor: f64) -> Self {
        self.0.iter().map(|sample| sample * factor).collect()
    }

    /// Returns the median. Of an even number of rounds, that is the lower one of the two in the middle.
    ///
    /// # Panics
    ///
    /// If there was no round.
    pub fn median(&self) -> f64 {
        self.quantile(1, 2)
    }

    /// Returns the interquartile range.
    fn spread(&self) -> [f64; 2] {
        [self.quantile(1, 4), self.quantile(3, 4)]
    }

    fn quantile(&self, part: usize, of: usize) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted[(sorted.len() - 1) * part / of]
    }
}

impl FromIterator<f64> for Samples {
    fn from_iter<I: IntoIterator<Item = f64>>(samples: I) -> Self {
        Self(samples.into_iter().collect())
    }
}

/// Prints rows, as a table or as one JSON object per row.
#[derive(Clone, Copy, Debug)]
pub struct Report {
    is_json: bool,
}

#[expect(clippy::print_stdout, reason = "prints the results of a benchmark program")]
impl Report {
    /// Makes the report of this program: JSON if its arguments contain `--json`.
    pub fn of_this_program() -> Self {
        Self { is_json: std::env::args().any(|argument| argument == "--json") }
    }

    /// Prints a row: the median over the rounds and the interquartile range.
    ///
    /// As JSON: `{"name", "value", "unit", "goal", "met", "spread"}`. `goal` and `met` are null without a goal. `spread`
    /// is null with a single round.
    ///
    /// # Panics
    ///
    /// If there was no round.
    pub fn row(&self, name: &str, samples: &Samples, unit: &str, goal: Goal) {
        println!(
            "{}",
            if self.is_json {
                json(name, samples, unit, goal)
            } else {
                line(name, samples, unit, goal)
            }
        );
    }
}

fn json(name: &str, samples: &Samples, unit: &str, goal: Goal) -> String {
    let value = samples.median();
    let spread = (samples.0.len() > 1).then(|| samples.spread());
    json!({
        "name": name, "value": value, "unit": unit,
        "goal": goal.text(unit), "met": goal.is_met(value), "spread": spread,
    })
    .to_string()
}

fn line(name: &str, samples: &Samples, unit: &str, goal: Goal) -> String {
    let (value, [low, high]) = (samples.median(), samples.spread());
    let goal_text = goal.text(unit).unwrap_or_default();
    let verdict = match goal.is_met(value) {
        Some(true) => "met",
        Some(false) => "MISSED",
        None => "",
    };
    let line = format!(
        "{name:<62} {value:>10.2} {unit:<10} {low:>10.2} – {high:<10.2} {goal_text:<18} {verdict}"
    );
    line.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::float_cmp, reason = "small whole numbers and powers of two")]
    fn median_and_spread_are_quantiles_of_the_rounds() {
        let samples: Samples = [9.0, 1.0, 4.0, 2.0, 3.0].into_iter().collect();
        assert_eq!(samples.median(), 3.0);
        assert_eq!(samples.spread(), [2.0, 4.0]);
        assert_eq!(samples.scaled(2.0).median(), 6.0);
        let twice = samples.scaled(0.5);
        assert_eq!(samples.to(&twice), [2.0; 5].into_iter().collect());
    }

    #[test]
    fn row_shows_whether_its_goal_is_met() {
        let samples: Samples = [1.0, 2.0, 3.0].into_iter().collect();
        assert_eq!(
            json("a \"b\"", &samples, "µs", Goal::AtMost(2.0)),
            r#"{"goal":"<= 2 µs","met":true,"name":"a \"b\"","spread":[1.0,2.0],"unit":"µs","value":2.0}"#
        );
        let one: Samples = [7.0].into_iter().collect();
        assert_eq!(
            json("size", &one, "bytes", Goal::None),
            r#"{"goal":null,"met":null,"name":"size","spread":null,"unit":"bytes","value":7.0}"#
        );
        assert!(line("a", &samples, "x", Goal::AtLeast(2.1)).ends_with("MISSED"));
        assert!(line("a", &samples, "x", Goal::AtLeast(2.0)).ends_with(">= 2 x             met"));
        assert!(!line("a", &samples, "x", Goal::None).ends_with(' '));
    }
}
