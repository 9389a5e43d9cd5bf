//! A table with a header, down to one row of texts.

use csv::{ReaderBuilder, StringRecord};
use secrecy::SecretString;

use super::{
    cell,
    header::Header,
    problem::{ImportProblem, ImportRule},
    rows::{ReadRow, Row},
};

const SEPARATORS: [u8; 3] = [b',', b';', b'\t'];

/// Reads the rows of a table. Empty rows are left out.
pub(super) fn read(text: &str) -> Vec<ReadRow> {
    if text.trim().is_empty() {
        return vec![Err(at(1, None, ImportRule::Header("the file is empty")))];
    }
    let (named, body) = named_separator(text);
    let mut lines = Lines::new(text);
    let start = text.len() - body.len();
    let candidates = named.map_or(SEPARATORS.to_vec(), |separator| vec![separator]);
    // Of several, the one by which the first line is a header; if none is, the one that makes most columns.
    let tables = candidates.into_iter().map(|separator| records(body, separator));
    let (header, table) = tables
        .map(|mut table| (table.next(), table))
        .max_by_key(|(header, _)| {
            let record = header.as_ref().and_then(|header| header.as_ref().ok());
            record.map(|record| (Header::read(record.iter()).is_ok(), record.len()))
        })
        .unwrap_or_else(|| (None, records("", b',')));
    let line = lines.line_at(start + body.len() - body.trim_start_matches(['\r', '\n']).len());
    let header = match header.transpose() {
        Ok(Some(record)) => Header::read(record.iter()),
        _ => Err(ImportRule::Header("not CSV")),
    };
    let header = match header {
        Ok(header) => header,
        Err(rule) => return vec![Err(at(line, None, rule))],
    };
    let mut rows = Vec::new();
    for record in table {
        let position = match &record {
            Ok(record) => record.position().map(csv::Position::byte),
            Err(error) => error.position().map(csv::Position::byte),
        };
        let position = position.and_then(|byte| usize::try_from(byte).ok()).unwrap_or(0);
        // The position is that of the line break before the record.
        let blank =
            body[position..].len() - body[position..].trim_start_matches(['\r', '\n']).len();
        let line = lines.line_at(start + position + blank);
        match record {
            Ok(record) if record.iter().all(|cell| cell.trim().is_empty()) => {}
            Ok(record) => rows.push(
                row(&header, &record)
                    .map(|row| (line, row))
                    .map_err(|(column, rule)| at(line, column, rule)),
            ),
            Err(_) => rows.push(Err(at(line, None, ImportRule::NotARow("not CSV")))),
        }
    }
    rows
}

fn at(line: u64, column: Option<&'static str>, rule: ImportRule) -> ImportProblem {
    ImportProblem { line, column, rule }
}

fn records(body: &str, separator: u8) -> csv::StringRecordsIntoIter<&[u8]> {
    ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(separator)
        .from_reader(body.as_bytes())
        .into_records()
}

/// Takes off the line `sep=;`, by which Excel is told the separator.
fn named_separator(text: &str) -> (Option<u8>, &str) {
    let Some(rest) = text.strip_prefix("sep=") else { return (None, text) };
    let separator = rest.bytes().next().filter(|byte| SEPARATORS.contains(byte));
    match rest.get(1..) {
        Some(body) if separator.is_some() && body.starts_with(['\r', '\n']) => (separator, body),
        _ => (None, text),
    }
}

/// Finds the lines of ever later positions in a text. Lines end with LF, CR LF or CR.
struct Lines<'a> {
    text: &'a str,
    position: usize,
    line: u64,
}

impl<'a> Lines<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, position: 0, line: 1 }
    }

    fn line_at(&mut self, position: usize) -> u64 {
        let bytes = self.text.as_bytes();
        while self.position < position {
            let is_end = match bytes[self.position] {
                b'\n' => true,
                b'\r' => bytes.get(self.position + 1) != Some(&b'\n'),
                _ => false,
            };
            self.line += u64::from(is_end);
            self.position += 1;
        }
        self.line
    }
}

fn row(header: &Header, record: &StringRecord) -> Result<Row, (Option<&'static str>, ImportRule)> {
    let nowhere = record.iter().skip(header.0.len()).any(|cell| !cell.trim().is_empty());
    if record.len() < header.0.len() || nowhere {
        return Err((
            None,
            ImportRule::NotARow(
                "not as many fields as the header has columns; one with a separator in it, such as \
                 a password hash, has to stand in double quotes",
            ),
        ));
    }
    let mut row = Row::default();
    for (column, value) in header.0.iter().zip(record) {
        let text = cell::text(value);
        let owned = || text.map(str::to_owned);
        match *column {
            Some("username") => row.username = owned().unwrap_or_default(),
            Some("display_name") => row.display_name = owned(),
            Some("phone") => row.phone = owned(),
            // As it is: its owner types the blanks and apostrophes too.
            Some("password") => row.password = Some(SecretString::from(value)),
            Some("password_hash") => row.password_hash = owned().map(SecretString::from),
            Some("groups") => {
                let groups = text.filter(|text| !cell::is_none(text)).unwrap_or_default();
                let names = groups.split([' ', '\u{3000}', '\t', '\n', '\r', ',', ';']);
                let names = names.filter(|name| !name.is_empty()).map(str::to_owned).collect();
                row.groups = text.map(|_| names);
            }
            Some(column) => {
                let is_so = text.map(cell::truth).transpose();
                row.disabled = is_so.map_err(|rule| (Some(column), rule))?;
            }
            None if text.is_some() => {
                let rule = ImportRule::NotARow("a value is in a column without a name");
                return Err((None, rule));
            }
            None => {}
        }
    }
    Ok(row)
}
