//! Every text of the plugin, as a key and the names of its arguments.

/// Every key that the plugin uses with the names of its arguments, so that a host can test that its
/// catalogue is complete. The same list with proposed sentences is in `MESSAGES.md`.
pub const MESSAGES: &[(&str, &[&str])] = &[
    ("otp-title", &[]),
    ("otp-title-new", &[]),
    ("otp-sent", &["to", "digits"]),
    ("otp-sending", &["to", "digits"]),
    ("otp-warning", &[]),
    ("otp-label", &[]),
    ("otp-hint", &["expires"]),
    ("otp-resend", &[]),
    ("otp-new-code", &[]),
    ("otp-resent", &[]),
    ("otp-resending", &[]),
    ("otp-new-code-sent", &[]),
    ("otp-new-code-sending", &[]),
    ("otp-delivered", &[]),
    ("otp-out-of-range", &[]),
    ("otp-not-delivered", &[]),
    ("otp-empty", &[]),
    ("otp-malformed", &["digits"]),
    ("otp-wrong", &["attempts_left"]),
    ("otp-expired", &[]),
    ("otp-exhausted", &[]),
    ("otp-resend-wait", &["length"]),
    ("otp-resend-exhausted", &[]),
    ("otp-resend-failed", &[]),
    ("otp-limited", &["until"]),
    ("otp-locked", &["until"]),
    ("otp-blocked", &[]),
    ("otp-unavailable", &[]),
    ("otp-changed-hands", &[]),
    ("otp-help-title", &[]),
    ("otp-help-delay", &[]),
    ("otp-help-signal", &[]),
    ("otp-help-filter", &[]),
    ("otp-help-sender", &["number"]),
    ("otp-help-kinds", &[]),
    ("otp-tries-limited", &["until"]),
];

#[cfg(test)]
mod tests {
    use super::MESSAGES;

    #[test]
    fn the_page_for_translators_lists_the_same_keys_and_arguments() {
        let page = include_str!("../MESSAGES.md");
        let rows: Vec<(&str, Vec<&str>)> = page
            .lines()
            .filter_map(|line| line.strip_prefix("| `otp-"))
            .map(|row| {
                let mut cells = row.split('|');
                let key = cells.next().unwrap_or_default().trim().trim_end_matches('`');
                let args = cells.next().unwrap_or_default();
                (key, args.split('`').skip(1).step_by(2).collect())
            })
            .collect();
        let keys: Vec<(&str, Vec<&str>)> = MESSAGES
            .iter()
            .map(|(key, args)| (key.trim_start_matches("otp-"), args.to_vec()))
            .collect();
        assert_eq!(rows, keys);
    }
}
