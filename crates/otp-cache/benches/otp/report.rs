//! Rows, as a table or as JSON.

#![expect(clippy::print_stdout, reason = "printing is what a bench is for")]

use std::fmt::Write as _;

/// What a value has to be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    AtLeast(f64),
    AtMost(f64),
    /// A row beside which others stand.
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

    fn text(self) -> String {
        match self {
            Self::AtLeast(least) => format!(">= {least}"),
            Self::AtMost(most) => format!("<= {most}"),
            Self::None => String::new(),
        }
    }
}

/// The samples of one row: a value from every round.
#[derive(Debug, Default)]
pub(crate) struct Samples(Vec<f64>);

impl Samples {
    pub(crate) fn push(&mut self, sample: f64) {
        self.0.push(sample);
    }

    /// Ours by theirs, round by round: what slowed a whole round slowed both.
    pub(crate) fn to(&self, theirs: &Self) -> Self {
        self.0.iter().zip(&theirs.0).map(|(ours, theirs)| ours / theirs).collect()
    }

    pub(crate) fn scaled(&self, factor: f64) -> Self {
        self.0.iter().map(|sample| sample * factor).collect()
    }

    pub(crate) fn median(&self) -> f64 {
        self.quantile(1, 2)
    }

    /// Between what the middle half of the rounds lies.
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

#[derive(Debug)]
pub(crate) struct Report {
    is_json: bool,
    missed: usize,
}

impl Report {
    pub(crate) fn new(is_json: bool) -> Self {
        if !is_json {
            println!(
                "{:<62} {:>10} {:>21} {:<6} {:<7} met",
                "row", "median", "middle half", "unit", "goal"
            );
        }
        Self { is_json, missed: 0 }
    }

    pub(crate) fn row(&mut self, name: &str, samples: &Samples, unit: &str, goal: Goal) {
        let (value, [low, high]) = (samples.median(), samples.spread());
        let met = goal.is_met(value);
        self.missed += usize::from(met == Some(false));
        let mut line = String::new();
        if self.is_json {
            let goal = match goal.text() {
                text if text.is_empty() => "null".to_owned(),
                text => format!("\"{text}\""),
            };
            let met = met.map_or("null", |met| if met { "true" } else { "false" });
            let _ = write!(
                line,
                "{{\"name\":\"{name}\",\"value\":{value:.4},\"unit\":\"{unit}\",\"goal\":{goal},\"met\":{met},\"spread\":[{low:.4},{high:.4}]}}"
            );
        } else {
            let met = met.map_or("", |met| if met { "yes" } else { "NO" });
            let spread = format!("{low:.3} – {high:.3}");
            let goal = goal.text();
            let _ = write!(line, "{name:<62} {value:>10.3} {spread:>21} {unit:<6} {goal:<7} {met}");
        }
        println!("{line}");
    }

    pub(crate) fn finish(&self) {
        if !self.is_json {
            println!("{} goals missed", self.missed);
        }
    }
}
