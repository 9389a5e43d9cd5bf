//! The built-in texts against the messages of the SMS plugin.

use std::{collections::BTreeSet, time::SystemTime};

use mfa_pages::{Language, Texts, japan, without_breaks};
use mfa_plugin_api::{Arg, Message};

#[test]
fn every_message_of_the_sms_plugin_has_its_words() {
    let texts = Texts::built_in();
    for language in Language::ALL {
        for (key, arguments) in sms_otp_plugin::MESSAGES {
            assert!(texts.has(language, key), "{language} lacks {key}");
            let message = arguments
                .iter()
                .fold(Message::new(*key), |message, name| message.with(*name, Arg::Count(2)));
            let words = texts.format(language, &message, &japan(), SystemTime::UNIX_EPOCH);
            // What the plugin does not give is shown in braces.
            assert!(!words.contains(['{', '}', '$']), "{language} {key}: {words}");
        }
    }
}

#[test]
fn no_word_of_the_sms_plugin_is_left_over() {
    let known: BTreeSet<&str> = sms_otp_plugin::MESSAGES.iter().map(|(key, _)| *key).collect();
    for language in Language::ALL {
        let left_over: Vec<&str> = Texts::built_in_source(language)
            .lines()
            .filter_map(|line| Some(line.split_once(" = ")?.0))
            .filter(|key| key.starts_with("otp-") && !known.contains(key))
            .collect();
        assert!(left_over.is_empty(), "{language}: {left_over:?}");
    }
}

/// The sentence of `key` in a catalogue as the table for translators writes it: arguments as `{name}`, of
/// several forms the one for every number.
fn sentence(language: Language, key: &str) -> String {
    let source = Texts::built_in_source(language);
    let mut lines = source.lines().skip_while(|line| !line.starts_with(&format!("{key} = ")));
    let first = lines.next().expect("the key is in the catalogue");
    let text = if first.ends_with("->") {
        lines.find_map(|line| line.trim().strip_prefix("*[other] ")).expect("a form for the others")
    } else {
        &first[key.len() + 3..]
    };
    without_breaks(text).replace("{ $", "{").replace(" }", "}")
}

#[test]
fn the_table_for_translators_has_the_sentences_of_the_catalogues() {
    let table = include_str!("../../sms-otp-plugin/MESSAGES.md");
    for (key, _) in sms_otp_plugin::MESSAGES {
        let row = table.lines().find(|line| line.starts_with(&format!("| `{key}` |")));
        let row = row.expect("a test of the plugin finds each key in the table");
        let expected =
            format!(" | {} | {} |", sentence(Language::Ja, key), sentence(Language::En, key));
        assert!(row.ends_with(&expected), "the row of {key} has to end with{expected}");
    }
}
