//! The two catalogues against each other and against the pages.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use mfa_pages::{Language, Texts, japan, without_breaks};
use mfa_plugin_api::{Arg, Message};

use crate::showcase;

/// Key and whole text (attributes and variants included) of every message of a catalogue.
fn messages(language: Language) -> BTreeMap<String, String> {
    let source = Texts::built_in_source(language);
    let mut messages: BTreeMap<String, String> = BTreeMap::new();
    let mut key = String::new();
    for line in source.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        if line.starts_with([' ', '}']) {
            messages.get_mut(&key).unwrap().push_str(line);
        } else {
            let (name, text) = line.split_once(" = ").unwrap();
            name.clone_into(&mut key);
            assert!(messages.insert(key.clone(), text.to_owned()).is_none(), "{key} stands twice");
        }
    }
    messages
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The names of the arguments that a text mentions.
fn arguments(text: &str) -> BTreeSet<&str> {
    text.split('$')
        .skip(1)
        .map(|rest| {
            let is_part = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
            &rest[..rest.find(|c| !is_part(c)).unwrap_or(rest.len())]
        })
        .collect()
}

#[test]
fn both_languages_have_the_same_keys() {
    let [ja, en] = Language::ALL.map(messages);
    assert_eq!(ja.keys().collect::<Vec<_>>(), en.keys().collect::<Vec<_>>());
}

/// Every text between quotation marks in the templates and in the code of the pages.
fn literals() -> BTreeSet<String> {
    let folders = ["templates", "src"].map(|folder| root().join(folder));
    let mut literals = BTreeSet::new();
    for folder in folders {
        for file in fs::read_dir(folder).unwrap() {
            let text = fs::read_to_string(file.unwrap().path()).unwrap();
            literals.extend(text.split('"').map(str::to_owned));
        }
    }
    literals
}

#[test]
fn every_key_that_a_page_uses_has_its_words_and_no_word_is_left_over() {
    let literals = literals();
    let known: BTreeSet<String> = messages(Language::Ja).into_keys().collect();
    let groups: BTreeSet<&str> =
        known.iter().filter_map(|key| key.split_once('-')).map(|(group, _)| group).collect();
    let missing: Vec<&String> = literals
        .iter()
        .filter(|text| {
            text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        })
        .filter(|text| text.split_once('-').is_some_and(|(group, _)| groups.contains(group)))
        .filter(|text| !known.contains(*text))
        .collect();
    assert!(missing.is_empty(), "keys without words: {missing:?}");

    // The SMS plugin's own messages; the gateway's tests hold them against the plugin.
    let is_plugins = |key: &str| key.starts_with("otp-");
    let unused: Vec<&String> = known
        .iter()
        .filter(|key| !literals.contains(*key) && !is_plugins(key))
        .filter(|key| !matches!(key.as_str(), "month" | "weekday"))
        .collect();
    assert!(unused.is_empty(), "words that no page uses: {unused:?}");
}

#[test]
fn every_message_comes_out_whole() {
    let texts = Texts::built_in();
    for language in Language::ALL {
        for (key, text) in messages(language) {
            for count in [0_u64, 1, 2, 11] {
                let message =
                    arguments(&text).into_iter().fold(Message::new(key.clone()), |m, name| {
                        m.with(name.to_owned(), Arg::Count(count))
                    });
                let words = texts.format(language, &message, &japan(), showcase::now());
                assert!(!words.contains(['{', '}', '$']), "{language} {key}: {words}");
                assert!(!words.trim().is_empty() && words != key, "{language} {key}: {words}");
            }
        }
    }
}

#[test]
fn the_wording_keeps_to_the_house_style() {
    for (key, text) in messages(Language::Ja) {
        let text = without_breaks(&text);
        for word in [
            "不正",
            "エラーコード",
            "サインイン",
            "を半角で",
            "当社",
            "管理者",
            "セキュリティコード",
            "確認コード",
            "ユーザー名",
            "セッション",
            "本人確認",
            "お送り",
        ] {
            assert!(!text.contains(word), "{key} says {word}");
        }
        assert!(
            !text.contains(|c: char| ('０'..='９').contains(&c)),
            "{key} has full-width digits"
        );
        // What we do is 送信, what the person does is 受け取る.
        let is_order = text.contains("コードを送信して") && !text.contains("送信しています");
        assert!(!is_order, "{key} tells the reader to send the code");
        // The style sheet draws the gap between Latin and Japanese letters.
        let has_gap = text.replace("Caps Lock", "").replace("{ ", "").replace(" }", "");
        assert!(!has_gap.contains(' ') || text.contains("->"), "{key} has a blank");
    }
    for (key, text) in messages(Language::En) {
        let is_latin = |c: char| c.is_ascii() || "–’“”…".contains(c);
        assert!(key == "language-name" || text.chars().all(is_latin), "{key} is not English");
        for word in [
            "invalid",
            "illegal",
            "error code",
            "Oops",
            "security code",
            "administrator",
            "user name",
        ] {
            assert!(!text.to_lowercase().contains(&word.to_lowercase()), "{key} says {word}");
        }
    }
}

/// Returns the longest run of Japanese text without a place where a line may break. Latin words and
/// numbers break anywhere if a line is too short for them.
fn longest_run(text: &str) -> usize {
    let (mut longest, mut run, mut was_latin) = (0, 0, false);
    for c in text.chars() {
        let is_latin = c.is_ascii_graphic();
        match c {
            '\u{200B}' | ' ' => run = 0,
            '（' | '「' => run = 1,
            _ if is_latin && was_latin => {}
            _ => run += 1,
        }
        longest = longest.max(run);
        if "、。）」：・｜".contains(c) {
            run = 0;
        }
        was_latin = is_latin;
    }
    longest
}

#[test]
fn no_japanese_text_has_a_long_run_without_a_place_to_break() {
    let texts = Texts::built_in();
    for (key, text) in messages(Language::Ja) {
        let message = arguments(&text).into_iter().fold(Message::new(key.clone()), |m, name| {
            let value: Arg = match name {
                "until" | "expires" => showcase::later(86_465).into(),
                "length" | "idle" => std::time::Duration::from_secs(178).into(),
                "month" | "day" | "hour" | "minute" | "second" | "weekday" => Arg::Count(12),
                _ => "login.example.jp".into(),
            };
            m.with(name.to_owned(), value)
        });
        let words = texts.format(Language::Ja, &message, &japan(), showcase::now());
        assert!(longest_run(&words) <= 14, "{key} has {}: {words}", longest_run(&words));
    }
}

#[test]
fn counts_and_times_read_naturally() {
    let texts = Texts::built_in();
    let say = |language, message: Message| {
        without_breaks(&texts.format(language, &message, &japan(), showcase::now()))
    };
    let wrong = |left: u64| Message::new("otp-wrong").with("attempts_left", left);
    assert_eq!(say(Language::En, wrong(1)), "That code is not correct. You can try once more.");
    assert_eq!(say(Language::En, wrong(4)), "That code is not correct. You can try 4 more times.");
    assert_eq!(say(Language::Ja, wrong(4)), "認証コードが正しくありません。あと4回入力できます。");
    let limited = |seconds| Message::new("otp-limited").with("until", showcase::later(seconds));
    assert_eq!(
        say(Language::Ja, limited(900)),
        "SMSの送信回数が上限に達しました。14時48分以降にもう一度お試しください。"
    );
    assert_eq!(
        say(Language::En, limited(86_400)),
        "There were too many text messages. Try again after Monday 23 November at 14:33."
    );
    let hint = || Message::new("otp-hint").with("expires", showcase::later(300));
    assert_eq!(
        say(Language::Ja, hint()),
        "14時37分10秒まで有効です。半角・全角どちらの数字でも入力できます。"
    );
    assert_eq!(say(Language::En, hint()), "You can use it until 14:37:10.");
    let date = |language, seconds| {
        let at = showcase::later(seconds);
        without_breaks(&texts.date_time(language, at, &japan(), showcase::now()))
    };
    assert_eq!(date(Language::Ja, 60), "11月22日（日）14時33分");
    assert_eq!(date(Language::Ja, 86_400), "11月23日（月）14時32分");
    assert_eq!(date(Language::Ja, 50 * 86_400), "2027年1月11日（月）14時32分");
    assert_eq!(date(Language::En, 86_400), "Monday 23 November at 14:32");
    let seconds = |n| std::time::Duration::from_secs(n);
    assert_eq!(texts.duration(Language::En, seconds(1)), "1 sec");
    assert_eq!(texts.duration(Language::En, seconds(60)), "1 min");
    assert_eq!(texts.duration(Language::En, seconds(3_600)), "1 hour");
    assert_eq!(texts.duration(Language::Ja, seconds(95)), "1分35秒");
    assert_eq!(texts.duration(Language::En, seconds(178)), "2 min 58 sec");
    let a_bit_more = seconds(25) + std::time::Duration::from_millis(1);
    assert_eq!(texts.duration(Language::Ja, a_bit_more), "26秒");
}
