//! The built-in texts against the messages of the SMS plugin.

use std::{collections::BTreeSet, time::SystemTime};

use mfa_pages::{Language, Texts, japan};
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
