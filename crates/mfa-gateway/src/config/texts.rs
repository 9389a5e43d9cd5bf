//! `[texts]`: catalogues that replace texts of the pages.

use mfa_pages::{CatalogueProblem, InvalidCatalogue, Language, Texts, check_replacements};

use super::{
    document::{Reported, Section, correction},
    nearest::nearest,
    problem::Refusal,
};

/// `[texts]`: the catalogues in Fluent syntax, by language.
#[derive(Debug, Clone)]
pub struct Catalogues(pub Vec<(Language, String)>);

/// Returns the built-in texts of a language in Fluent syntax, as a start for texts of your own; `None` for a
/// language other than `ja` and `en`.
pub fn built_in_texts(language: &str) -> Option<&'static str> {
    Language::from_tag(language).map(Texts::built_in_source)
}

pub(super) fn read(section: &Section<'_>) -> Result<Catalogues, Reported> {
    let about = [
        (
            "A file with Japanese texts in Fluent syntax (.ftl). Each replaces the \
             built-in text with its key.",
            "Fluentの構文（.ftl）で日本語の文を書いたファイルです。キーが同じ組み込み\
             の文と置き換わります。",
        ),
        (
            "A file with English texts in Fluent syntax (.ftl). Each replaces the \
             built-in text with its key.",
            "Fluentの構文（.ftl）で英語の文を書いたファイルです。キーが同じ組み込みの\
             文と置き換わります。",
        ),
    ];
    let mut catalogues = Vec::new();
    let mut reported = None;
    for (language, about) in Language::ALL.into_iter().zip(about) {
        match one(section, language, about) {
            Ok(source) => catalogues.extend(source.map(|source| (language, source))),
            Err(problem) => reported = Some(problem),
        }
    }
    reported.map_or(Ok(Catalogues(catalogues)), Err)
}

/// Reads the catalogue of one language.
fn one(
    section: &Section<'_>,
    language: Language,
    about: (&'static str, &'static str),
) -> Result<Option<String>, Reported> {
    let key = language.tag();
    let example = format!("{key}.ftl");
    let name = section.key(key, about).optional(
        &example,
        ("the built-in texts", "組み込みの文"),
        |name| Ok(name.to_owned()),
    )?;
    let Some(name) = name else { return Ok(None) };
    let source = std::fs::read_to_string(section.resolve(&name)).map_err(|error| {
        let kind = error.kind();
        let what = (
            format!("names {name}, which cannot be read ({kind})"),
            format!("{name}を読めません（{kind}）"),
        );
        let remedy = (
            "create the file, in UTF-8, or remove the key",
            "UTF-8でファイルを作るか、キーを削除してください",
        );
        section.problem(key, Refusal::new(what, remedy))
    })?;
    let problems = check_replacements(&source).err().unwrap_or_default();
    let report = |_, problem: &InvalidCatalogue| Err(section.problem(key, refusal(&name, problem)));
    problems.iter().fold(Ok(Some(source)), report)
}

fn refusal(file: &str, InvalidCatalogue { line, problem }: &InvalidCatalogue) -> Refusal {
    let (what, remedy) = match problem {
        CatalogueProblem::Syntax => (
            ("is not in Fluent syntax".to_owned(), "Fluentの構文ではありません".to_owned()),
            ("write key = text".to_owned(), "key = textの形で書いてください".to_owned()),
        ),
        CatalogueProblem::UnknownArgument { key, argument } => (
            (
                format!("{key} has no argument ${argument}"),
                format!("{key}に引数${argument}はありません"),
            ),
            (
                "use the arguments of the built-in text".to_owned(),
                "組み込みの文にある引数を使ってください".to_owned(),
            ),
        ),
        CatalogueProblem::UnknownKey(key) => {
            let built_in = Texts::built_in_keys();
            let near = nearest(key, built_in.iter().map(String::as_str));
            let what = (
                format!("{key} is no key of the built-in texts"),
                format!("組み込みの文に{key}というキーはありません"),
            );
            (what, correction(near))
        }
    };
    let in_file = |what: String| format!("{file}:{line}: {what}");
    Refusal::new((in_file(what.0), in_file(what.1)), remedy)
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;
    use crate::config::{document, environment::Environment};

    fn problems(folder: &Path, text: &str) -> Vec<String> {
        let file = folder.join("gateway.toml");
        let problems = document::read(&file, text, &Environment::default(), read)
            .expect_err("something is wrong");
        problems
            .iter()
            .map(|found| format!("{}: {}; {}", found.key, found.what.en, found.remedy.en))
            .collect()
    }

    #[test]
    fn a_file_is_found_beside_the_configuration_and_each_wrong_line_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("ja.ftl"), "login-title = ようこそ\n").expect("a file");
        let file = folder.path().join("gateway.toml");
        let (read_in, _) =
            document::read(&file, "ja = \"ja.ftl\"\n", &Environment::default(), read)
                .expect("good texts");
        assert_eq!(read_in.0, [(Language::Ja, "login-title = ようこそ\n".to_owned())]);

        let bad = "login-titel = a\notp-hint = { $until }\n";
        fs::write(folder.path().join("en.ftl"), bad).expect("a file");
        assert_eq!(
            problems(folder.path(), "en = \"en.ftl\"\nja = \"none.ftl\"\n"),
            [
                "en: en.ftl:1: login-titel is no key of the built-in texts; did you mean \
                 login-title? Correct or remove it",
                "en: en.ftl:2: otp-hint has no argument $until; use the arguments of the \
                 built-in text",
                "ja: names none.ftl, which cannot be read (entity not found); create the \
                 file, in UTF-8, or remove the key",
            ]
        );
        fs::write(folder.path().join("ja.ftl"), "login-title = ようこそ\n}\n").expect("a file");
        assert_eq!(
            problems(folder.path(), "ja = \"ja.ftl\"\n"),
            ["ja: ja.ftl:2: is not in Fluent syntax; write key = text"]
        );
    }
}
