//! Catalogues in Fluent syntax: the built-in ones, and the check of one that replaces their texts.

use std::collections::{BTreeMap, BTreeSet};

use fluent_bundle::FluentResource;
use fluent_syntax::ast::{Entry, Expression, InlineExpression, Pattern, PatternElement};

use crate::language::Language;

const JA: &str = include_str!("../locales/ja.ftl");
const EN: &str = include_str!("../locales/en.ftl");

/// Returns the built-in catalogue of `language`.
pub(crate) const fn built_in_source(language: Language) -> &'static str {
    match language {
        Language::Ja => JA,
        Language::En => EN,
    }
}

/// A catalogue that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the catalogue {problem}")]
pub struct InvalidCatalogue {
    /// The line of the problem, counted from 1.
    pub line: usize,
    /// What is wrong there.
    pub problem: CatalogueProblem,
}

/// What is wrong with a line of a catalogue.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CatalogueProblem {
    /// The line is not in Fluent syntax.
    #[error("is not in fluent syntax")]
    Syntax,
    /// The sentence uses an argument that this text never gets.
    #[error("uses ${argument} in {key}, which has no such argument")]
    UnknownArgument {
        /// The key.
        key: String,
        /// The argument.
        argument: String,
    },
    /// No built-in text has this key, so nothing would show the sentence.
    #[error("has {0}, which is no key of the texts")]
    UnknownKey(String),
}

/// Checks that `source` only replaces built-in texts, with the arguments that they have.
///
/// # Errors
///
/// Every problem, in the order of the lines. After a syntax error there is no other problem.
pub fn check_replacements(source: &str) -> Result<(), Vec<InvalidCatalogue>> {
    let resource = parse(source).map_err(|problem| vec![problem])?;
    let known = built_in_arguments();
    let mut problems = Vec::new();
    for (key, arguments) in messages(&resource) {
        let line = line_of(source, key);
        let Some(expected) = known.get(key) else {
            let problem = CatalogueProblem::UnknownKey(key.to_owned());
            problems.push(InvalidCatalogue { line, problem });
            continue;
        };
        let foreign = arguments.iter().filter(|name| !expected.contains(**name));
        problems.extend(foreign.map(|name| {
            let (key, argument) = (key.to_owned(), (*name).to_owned());
            InvalidCatalogue { line, problem: CatalogueProblem::UnknownArgument { key, argument } }
        }));
    }
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

/// Returns the keys of the built-in texts.
pub(crate) fn built_in_keys() -> Vec<String> {
    built_in_arguments().into_keys().collect()
}

/// Reads Fluent syntax.
pub(crate) fn parse(source: &str) -> Result<FluentResource, InvalidCatalogue> {
    FluentResource::try_new(source.to_owned()).map_err(|(_, problems)| {
        let at = problems.first().map_or(0, |problem| problem.pos.start);
        let line = 1 + source.bytes().take(at).filter(|byte| *byte == b'\n').count();
        InvalidCatalogue { line, problem: CatalogueProblem::Syntax }
    })
}

/// Returns the arguments of each built-in text, over both languages.
fn built_in_arguments() -> BTreeMap<String, BTreeSet<String>> {
    let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for language in Language::ALL {
        let resource = parse(built_in_source(language));
        let resource = resource.expect("a test parses the catalogues of the program");
        for (key, arguments) in messages(&resource) {
            let known = all.entry(key.to_owned()).or_default();
            known.extend(arguments.into_iter().map(str::to_owned));
        }
    }
    all
}

/// Returns each key with the names of the arguments that its text uses.
fn messages(resource: &FluentResource) -> impl Iterator<Item = (&str, BTreeSet<&str>)> {
    resource.entries().filter_map(|entry| {
        let Entry::Message(message) = entry else { return None };
        let mut arguments = BTreeSet::new();
        if let Some(pattern) = &message.value {
            collect(pattern, &mut arguments);
        }
        Some((message.id.name, arguments))
    })
}

fn collect<'s>(pattern: &Pattern<&'s str>, into: &mut BTreeSet<&'s str>) {
    for element in &pattern.elements {
        let PatternElement::Placeable { expression } = element else { continue };
        collect_expression(expression, into);
    }
}

fn collect_expression<'s>(expression: &Expression<&'s str>, into: &mut BTreeSet<&'s str>) {
    let inline = match expression {
        Expression::Inline(inline) => inline,
        Expression::Select { selector, variants } => {
            for variant in variants {
                collect(&variant.value, into);
            }
            selector
        }
    };
    match inline {
        InlineExpression::VariableReference { id } => {
            into.insert(id.name);
        }
        InlineExpression::Placeable { expression } => collect_expression(expression, into),
        _ => {}
    }
}

/// Returns the line where the text of `key` begins. The parser does not keep it.
fn line_of(source: &str, key: &str) -> usize {
    let begins =
        |line: &str| line.strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with('='));
    source.lines().position(begins).map_or(1, |at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_problem_is_named_with_its_line() {
        let source = "# our words\nlogin-title = ようこそ\notp-titel = コード\n\
                      otp-hint = { $until }まで\notp-wrong = { $attempts_left ->\n   \
                      *[other] { $left }回\n}\n";
        let found = check_replacements(source).expect_err("three problems");
        let shown: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(
            shown,
            [
                "line 3 of the catalogue has otp-titel, which is no key of the texts",
                "line 4 of the catalogue uses $until in otp-hint, which has no such argument",
                "line 5 of the catalogue uses $left in otp-wrong, which has no such argument",
            ]
        );
        let broken = check_replacements("login-title = Hi\n\nbroken = {\n").expect_err("a brace");
        assert_eq!((broken.len(), &broken[0].problem), (1, &CatalogueProblem::Syntax));
        assert!((3..=4).contains(&broken[0].line), "{broken:?}");
    }

    #[test]
    fn every_built_in_text_can_be_replaced_by_itself() {
        for language in Language::ALL {
            assert_eq!(check_replacements(built_in_source(language)), Ok(()));
        }
    }
}
