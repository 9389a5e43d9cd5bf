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

#[derive(Debug)]
pub(crate) struct Report {
    is_json: bool,
    missed: usize,
}

impl Report {
    pub(crate) fn new(is_json: bool) -> Self {
        if !is_json {
            println!("{:<58} {:>12} {:<10} {:<10} met", "row", "value", "unit", "goal");
        }
        Self { is_json, missed: 0 }
    }

    pub(crate) fn row(&mut self, name: &str, value: f64, unit: &str, goal: Goal) {
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
                "{{\"name\":\"{name}\",\"value\":{value:.4},\"unit\":\"{unit}\",\"goal\":{goal},\"met\":{met}}}"
            );
        } else {
            let met = met.map_or("", |met| if met { "yes" } else { "NO" });
            let _ = write!(line, "{name:<58} {value:>12.3} {unit:<10} {:<10} {met}", goal.text());
        }
        println!("{line}");
    }

    pub(crate) fn finish(&self) {
        if !self.is_json {
            println!("{} goals missed", self.missed);
        }
    }
}

/// The middle one of some samples.
pub(crate) fn median(mut samples: Vec<f64>) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples[samples.len() / 2]
}
