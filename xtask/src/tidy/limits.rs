//! Compares docs/limits.md with the code: the default in each row is that of the key or constant in `set by`, and no
//! key with a range is missing on the page.

use std::{collections::BTreeMap, fmt};

use syn::{BinOp, Expr, Lit};

use super::{
    document::{links, spans, tables},
    proofs::{Tree, resolve},
};

const PAGE: &str = "docs/limits.md";
/// Written by `cargo xtask settings` from the declarations, which a test of the gateway compares.
pub(crate) const SETTINGS: &str = "docs/configuration.md";

/// A number with a unit, in the smallest unit of its kind.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Amount {
    Count(u64),
    Bytes(u64),
    Millis(u64),
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => write!(f, "{count}"),
            Self::Bytes(bytes) => write!(f, "{bytes} bytes"),
            Self::Millis(millis) => write!(f, "{millis} ms"),
        }
    }
}

impl Amount {
    /// Reads the number at the beginning of `text`, with its unit: `10 s`, `"10m"`, `64 KiB` or `8,192`.
    fn read(text: &str) -> Option<Self> {
        let text = text.trim_start_matches(['`', '"', '[']);
        let end = text.find(|c: char| !c.is_ascii_digit() && c != ',').unwrap_or(text.len());
        let number: u64 = text[..end].replace(',', "").parse().ok()?;
        let rest = text[end..].trim_start();
        let unit = rest.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
        Some(match unit {
            "ms" => Self::Millis(number),
            "s" => Self::Millis(number * 1000),
            "m" | "min" => Self::Millis(number * 60_000),
            "h" => Self::Millis(number * 3_600_000),
            "d" | "days" => Self::Millis(number * 86_400_000),
            "KiB" => Self::Bytes(number << 10),
            "MiB" => Self::Bytes(number << 20),
            _ => Self::Count(number),
        })
    }

    /// Reads all amounts of a list: `60 s, 90 s` or `["60s", "90s"]`.
    fn read_all(text: &str) -> Vec<Self> {
        text.split(", ").map_while(Self::read).collect()
    }

    /// Whether both say the same. A count may be one of bytes.
    fn is(self, other: Self) -> bool {
        match (self, other) {
            (Self::Bytes(a), Self::Count(b)) | (Self::Count(a), Self::Bytes(b)) => a == b,
            (a, b) => a == b,
        }
    }
}

/// Finds differences between the page and the code.
pub(crate) fn check(tree: &Tree) -> Vec<String> {
    let (Some(page), Some(settings)) = (tree.text(PAGE), tree.text(SETTINGS)) else {
        return vec![format!("{PAGE} or {SETTINGS} does not exist")];
    };
    let keys = declared(settings);
    let mut findings = check_rows(tree, page, &keys);
    let named: Vec<&str> = spans(page).collect();
    let unnamed =
        keys.iter().filter(|(key, setting)| setting.has_range && !named.contains(&key.as_str()));
    findings.extend(unnamed.map(|(key, _)| {
        format!(
            "{PAGE} lacks the key `{key}`; give it a row, or name it among those that limit nothing"
        )
    }));
    findings
}

fn check_rows(tree: &Tree, page: &str, keys: &BTreeMap<String, Setting>) -> Vec<String> {
    let mut findings = Vec::new();
    for table in tables(page) {
        for row in &table.rows {
            let Some(source) = table.cell(row, "set by") else { continue };
            let shown = table.cell(row, "default").unwrap_or_default();
            let problem = match links(source).first() {
                Some((name, target)) => check_code(tree, name.trim_matches('`'), target, shown),
                None => check_key(keys, spans(source).next(), shown),
            };
            findings.extend(problem.map(|problem| format!("{PAGE}:{}: {problem}", row.line)));
        }
    }
    findings
}

/// One row of the reference of all settings.
#[derive(Debug)]
pub(crate) struct Setting {
    defaults: Vec<Amount>,
    /// Whether the key is a number or a duration with a range.
    has_range: bool,
}

/// Returns the settings by their keys.
pub(crate) fn declared(settings: &str) -> BTreeMap<String, Setting> {
    let mut section = "";
    let mut keys = BTreeMap::new();
    for line in settings.lines() {
        if let Some(header) = line.strip_prefix("## `") {
            section = header.trim_end_matches('`').trim_matches(['[', ']']);
        }
        let Some((name, rest)) = line.strip_prefix("| `").and_then(|r| r.split_once("` | ")) else {
            continue;
        };
        let mut cells = rest.split(" | ");
        let (default, allowed) =
            (cells.next().unwrap_or_default(), cells.next().unwrap_or_default());
        let is_mib = name.ends_with("_mib");
        let in_unit = |amount| match amount {
            Amount::Count(count) if is_mib => Amount::Bytes(count << 20),
            amount => amount,
        };
        let defaults = Amount::read_all(default).into_iter().map(in_unit).collect();
        let is_number = |c: &str| c.starts_with(|c: char| c.is_ascii_digit() || c == '"');
        let has_range = is_number(allowed) && allowed.contains(" to ");
        keys.insert(format!("{section}.{name}"), Setting { defaults, has_range });
    }
    keys
}

fn check_key(keys: &BTreeMap<String, Setting>, key: Option<&str>, shown: &str) -> Option<String> {
    let Some(key) = key else { return Some("`set by` names neither key nor constant".to_owned()) };
    let Some(setting) = keys.get(key) else { return Some(format!("there is no key `{key}`")) };
    let shown = Amount::read_all(shown);
    let (shown, declared) = (shown.get(..setting.defaults.len()), &setting.defaults[..]);
    let is_equal = shown.is_some_and(|shown| shown.iter().zip(declared).all(|(a, b)| a.is(*b)));
    let list = || declared.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    (!is_equal).then(|| format!("the default of `{key}` is {}", list()))
}

/// Compares the default with a constant. A name that is none is a piece of code, which the file has to contain.
fn check_code(tree: &Tree, name: &str, target: &str, shown: &str) -> Option<String> {
    let path = resolve(PAGE, target);
    let text = tree.text(&path).unwrap_or_default();
    let is_constant =
        name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
    if !is_constant {
        return (!text.contains(name)).then(|| format!("`{name}` is not in {path}"));
    }
    let Some(value) = constant(text, name) else {
        return Some(format!("{path} has no constant `{name}` that can be read"));
    };
    let is_equal = Amount::read(shown).is_some_and(|shown| shown.is(value));
    (!is_equal).then(|| format!("`{name}` in {path} is {value}"))
}

/// Returns the value of a constant of the file `text`.
fn constant(text: &str, name: &str) -> Option<Amount> {
    let (_, after) = text.split_once(&format!("const {name}: "))?;
    let (_, value) = after.split_once('=')?;
    let (value, _) = value.split_once(';')?;
    amount(&syn::parse_str(value).ok()?, text)
}

/// Computes an expression of literals, products, sums and durations.
fn amount(expression: &Expr, text: &str) -> Option<Amount> {
    match expression {
        Expr::Lit(literal) => match &literal.lit {
            Lit::Int(number) => Some(Amount::Count(number.base10_parse().ok()?)),
            _ => None,
        },
        Expr::Paren(inner) => amount(&inner.expr, text),
        Expr::Path(path) => constant(text, &path.path.segments.last()?.ident.to_string()),
        Expr::Binary(binary) => {
            let sides = (amount(&binary.left, text)?, amount(&binary.right, text)?);
            let (Amount::Count(a), Amount::Count(b)) = sides else { return None };
            match binary.op {
                BinOp::Add(_) => Some(Amount::Count(a + b)),
                BinOp::Mul(_) => Some(Amount::Count(a * b)),
                BinOp::Sub(_) => Some(Amount::Count(a.checked_sub(b)?)),
                _ => None,
            }
        }
        Expr::Call(call) => {
            let Expr::Path(function) = &*call.func else { return None };
            let Amount::Count(number) = amount(call.args.first()?, text)? else { return None };
            match function.path.segments.last()?.ident.to_string().as_str() {
                "from_millis" => Some(Amount::Millis(number)),
                "from_secs" => Some(Amount::Millis(number * 1000)),
                "minutes" => Some(Amount::Millis(number * 60_000)),
                _ => None,
            }
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODE: &str = "const WAIT: Duration = Duration::from_secs(2 * 30);\nconst KIB: usize = 1024;\npub const MAX: usize = 4 * KIB - 96;\nfn f() { Self { queue: 16 } }\n";
    const KEYS: &str = "## `[a]`\n\n| key | default | allowed | meaning |\n|---|---|---|---|\n| `wait` | `\"10m\"` | \"1m\" to \"1h\" | W. |\n| `max_mib` | `2` | 1 to 9 | M. |\n| `word` | `\"x\"` | \"x\" or \"y\" | X. |\n| `waits` | `[\"60s\", \"90s\"]` | 1 to 8 values, each \"30s\" to \"5m\" | W. |\n";

    fn findings(rows: &str) -> Vec<String> {
        let page = format!(
            "Not limits: `a.wait`, `a.max_mib`, `a.waits`.\n\n| what | default | set by |\n|---|---|---|\n{rows}"
        );
        check(&Tree::of([("a.rs", CODE), (SETTINGS, KEYS), (PAGE, &page)]))
    }

    #[test]
    fn a_page_that_agrees_has_no_finding() {
        let rows = "| a | 1 min in all | [`WAIT`](../a.rs) |\n| b | 4,000, or fewer | [`MAX`](../a.rs) |\n| c | 16 | [`queue: 16`](../a.rs) |\n| d | 10 min | `a.wait` |\n| e | 2 MiB | `a.max_mib` |\n| f | 60 s, 90 s, then refused | `a.waits` |\n";
        assert_eq!(findings(rows), [""; 0]);
    }

    #[test]
    fn each_difference_is_found_with_its_line() {
        for (row, problem) in [
            ("| a | 59 s | [`WAIT`](../a.rs) |", "`WAIT` in a.rs is 60000 ms"),
            ("| a | 4 KiB | [`MAX`](../a.rs) |", "`MAX` in a.rs is 4000"),
            ("| a | 1 | [`GONE`](../a.rs) |", "a.rs has no constant `GONE` that can be read"),
            ("| a | 16 | [`queue: 17`](../a.rs) |", "`queue: 17` is not in a.rs"),
            ("| a | 1 min | `a.wait` |", "the default of `a.wait` is 600000 ms"),
            ("| a | 60 s | `a.waits` |", "the default of `a.waits` is 60000 ms, 90000 ms"),
            ("| a | 1 min | `a.gone` |", "there is no key `a.gone`"),
            ("| a | 1 min | – |", "`set by` names neither key nor constant"),
        ] {
            assert_eq!(findings(row), [format!("{PAGE}:5: {problem}")]);
        }
    }

    #[test]
    fn a_key_with_a_range_is_not_forgotten() {
        let page = "Not limits: `a.wait`, `a.waits`.\n";
        let found = check(&Tree::of([(SETTINGS, KEYS), (PAGE, page)]));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("docs/limits.md lacks the key `a.max_mib`; "), "{found:?}");
    }
}
