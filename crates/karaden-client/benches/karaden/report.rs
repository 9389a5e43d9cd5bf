//! Rows for people and for programs.

/// What a figure should be.
#[derive(Clone, Copy)]
pub(crate) enum Goal {
    AtLeast(f64),
    AtMost(f64),
}

pub(crate) struct Report {
    pub(crate) json: bool,
}

impl Report {
    /// One figure, by what each round said.
    pub(crate) fn row(&self, name: &str, mut rounds: Vec<f64>, unit: &str, goal: Option<Goal>) {
        rounds.sort_by(f64::total_cmp);
        let value = rounds[rounds.len() / 2];
        let spread = [rounds[0], rounds[rounds.len() - 1]];
        let (text, met) = match goal {
            None => (None, None),
            Some(Goal::AtLeast(goal)) => (Some(format!(">= {goal} {unit}")), Some(value >= goal)),
            Some(Goal::AtMost(goal)) => (Some(format!("<= {goal} {unit}")), Some(value <= goal)),
        };
        if self.json {
            let name = format!("karaden-client: {name}");
            let row = serde_json::json!({
                "name": name, "value": value, "unit": unit, "goal": text, "met": met,
                "spread": spread,
            });
            println!("{row}");
        } else {
            let goal = text.map_or_else(String::new, |text| format!("  (goal {text})"));
            let [least, most] = spread;
            println!("{name:<44} {value:>10.1} {unit:<3} {least:>10.1} – {most:<10.1}{goal}");
        }
    }
}
