//! The messages as the provider gets them, for the operator to read.

use sms_otp_plugin::SmsPreview;

/// Writes a message under a line with its length, as the provider counts.
pub(super) fn show(message: &SmsPreview) -> String {
    let SmsPreview { language, text, units, allowed, parts, .. } = message;
    let noun = if *parts == 1 { "part" } else { "parts" };
    let english = format!("{units} of {allowed} characters, {parts} {noun}");
    let japanese = format!("{units}字／{allowed}字、{parts}通");
    let lines: Vec<String> = text.lines().map(|line| format!("  {line}\n")).collect();
    format!("SMS ({language}): {english} ({japanese})\n{}", lines.concat())
}
