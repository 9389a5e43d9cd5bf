//! Durations as the file writes them: `"90s"`, `"10m"`, `"12h"` or `"7d"`.

use std::time::Duration;

use super::problem::Refusal;

const UNITS: [(char, u64); 4] = [('d', 86_400), ('h', 3600), ('m', 60), ('s', 1)];

pub(super) const fn minutes(count: u64) -> Duration {
    Duration::from_secs(count * 60)
}

/// Parses a whole number with its unit.
pub(super) fn parse(text: &str) -> Result<Duration, Refusal> {
    let refusal = || {
        Refusal::new(
            (format!("{text:?} is not a duration"), format!("{text:?}は時間の長さではありません")),
            (
                "write a number and s, m, h or d: \"90s\", \"10m\"",
                "\"90s\"、\"10m\"のように、数字とs、m、h、dのどれかで書いてください",
            ),
        )
    };
    let unit = text.chars().last().ok_or_else(refusal)?;
    let (_, seconds) = UNITS.into_iter().find(|(name, _)| *name == unit).ok_or_else(refusal)?;
    let number = text.strip_suffix(unit).ok_or_else(refusal)?;
    let count: u32 = number.parse().map_err(|_| refusal())?;
    Ok(Duration::from_secs(u64::from(count) * seconds))
}

/// Writes a duration in the largest unit that needs no fraction, and one day as `"24h"`.
pub(super) fn show(duration: Duration) -> String {
    show_all(&[duration]).concat()
}

/// Writes durations in the largest unit that needs no fraction for any of them.
pub(super) fn show_all(durations: &[Duration]) -> Vec<String> {
    let seconds: Vec<u64> = durations.iter().map(Duration::as_secs).collect();
    let longest = seconds.iter().copied().max().unwrap_or_default();
    let fits = |(_, length): &(char, u64)| {
        // A standard that allows 24 hours is easier to recognise if the range says so too.
        let is_readable = *length < UNITS[0].1 || longest > *length;
        longest > 0 && is_readable && seconds.iter().all(|each| each.is_multiple_of(*length))
    };
    let (unit, length) = UNITS.into_iter().find(fits).unwrap_or(('s', 1));
    seconds.iter().map(|each| format!("{}{unit}", each / length)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_shown() {
        for (text, seconds) in [("90s", 90), ("10m", 600), ("12h", 43_200), ("7d", 604_800)] {
            assert_eq!(parse(text), Ok(Duration::from_secs(seconds)));
            assert_eq!(show(Duration::from_secs(seconds)), text);
        }
        assert_eq!(show(Duration::ZERO), "0s");
        assert_eq!(show(minutes(60)), "1h");
        assert_eq!(show(minutes(24 * 60)), "24h");
        assert_eq!(show_all(&[60, 90, 180].map(Duration::from_secs)), ["60s", "90s", "180s"]);
        assert_eq!(show_all(&[minutes(15), minutes(60)]), ["15m", "60m"]);
        assert!(show_all(&[]).is_empty());
        for text in ["", "10", "m", "-1m", "1.5h", "10 m", "10ms", "1h30m", "4294967296s"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
