//! Names that go into forms and catalogues.

use crate::Prompt;

/// Fails unless the names of `prompt` are ASCII letters, digits, `-` and `_`, each once.
#[track_caller]
pub(super) fn check_names(clause: &str, prompt: &Prompt) {
    let is_name = |name: &str| {
        let is_plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        !name.is_empty() && name.bytes().all(is_plain)
    };
    let fields: Vec<&str> = prompt.fields.iter().map(|field| field.name.as_ref()).collect();
    let actions: Vec<&str> = prompt.actions.iter().map(|action| action.id.as_str()).collect();
    for names in [&fields, &actions] {
        for (at, name) in names.iter().enumerate() {
            assert!(is_name(name), "{clause}: {name:?} is no name for a form");
            assert!(!names[..at].contains(name), "{clause}: {name:?} occurs twice");
        }
    }
    let labels = prompt.fields.iter().map(|field| &field.label);
    let buttons = prompt.actions.iter().map(|action| &action.label);
    let others =
        prompt.texts.iter().chain(&prompt.help).chain(&prompt.help_title).chain([&prompt.title]);
    for message in labels.chain(buttons).chain(others) {
        let key = message.key();
        assert!(is_name(key), "{clause}: {key:?} is no key of a catalogue");
    }
}
