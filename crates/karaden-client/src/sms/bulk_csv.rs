//! Writing the file of a bulk send.

use std::{collections::HashSet, fmt};

use bytes::Bytes;
use csv::{Terminator, WriterBuilder};

use super::{
    bulk_column::BulkColumn,
    new_message::{NewMessage, ServiceId},
};
use crate::{
    invalid::{Found, Invalid, Rule},
    recipient::Recipient,
};

/// The most rows of one file.
const MAX_ROWS: usize = 10_000;

/// Writes the CSV file of a bulk send, in UTF-8 with a header line.
///
/// The vendor does not publish the layout of the file. The default columns are inferred from the
/// fields of a message, and are those of this project's simulator:
/// `service_id,to,body,tags,is_shorten,limited_at`. Compare them with the documents of your contract, and
/// change them with [`with_columns`](Self::with_columns). That a file has at most 10,000 rows is inferred
/// from the vendor's page about the result file.
///
/// Each row is checked as a [`NewMessage`] is. [`finish`](Self::finish) reports all bad rows together.
///
/// ```
/// use karaden_client::sms::{BulkCsv, ServiceId};
///
/// let mut csv = BulkCsv::new(ServiceId::new(1)?);
/// csv.add_text("090-1234-5678", "本日は18時に閉店します");
/// csv.add_text("080-1234-5678", "本日は18時に閉店します");
/// let file = csv.finish().expect("both rows are good");
/// assert!(file.starts_with(b"service_id,to,body,tags,is_shorten,limited_at\r\n1,09012345678,"));
///
/// let mut csv = BulkCsv::new(ServiceId::new(1)?);
/// csv.add_text("090-1234-5678", "本日は18時に閉店します");
/// csv.add_text("03-1234-5678", "");
/// let invalid = csv.finish().unwrap_err();
/// assert_eq!(invalid.rows()[0].row(), 2);
/// assert_eq!(invalid.rows()[0].invalid().field(), "to");
/// # Ok::<(), karaden_client::Invalid>(())
/// ```
pub struct BulkCsv {
    service_id: ServiceId,
    columns: Vec<(BulkColumn, String)>,
    /// The number of rows that were added, good or not.
    added: usize,
    /// Each with the number of its row.
    messages: Vec<(usize, NewMessage)>,
    invalid: Vec<InvalidRow>,
}

impl BulkCsv {
    /// Starts a file with the default columns. Rows without a service setting of their own get this one.
    pub fn new(service_id: ServiceId) -> Self {
        let columns = BulkColumn::ALL.map(|column| (column, column.as_str().to_owned())).to_vec();
        Self { service_id, columns, added: 0, messages: Vec::new(), invalid: Vec::new() }
    }

    /// Replaces the columns: their order, and the name of each in the header line.
    ///
    /// A value without a column is left out of the file. The columns [`BulkColumn::To`] and
    /// [`BulkColumn::Body`] are needed, and no column or name may occur twice: [`finish`](Self::finish) reports
    /// it.
    #[must_use]
    pub fn with_columns<N: Into<String>>(
        mut self,
        columns: impl IntoIterator<Item = (BulkColumn, N)>,
    ) -> Self {
        self.columns = columns.into_iter().map(|(column, name)| (column, name.into())).collect();
        self
    }

    /// Adds a row with this number and text. A bad one is reported by [`finish`](Self::finish).
    pub fn add_text(&mut self, to: &str, body: &str) {
        self.add(Recipient::new(to).and_then(|to| NewMessage::new(to, body)));
    }

    /// Adds a message as a row, or the reason why it could not be built. Its
    /// [`scheduled_at`](NewMessage::with_scheduled_at) must not be set.
    ///
    /// The message's random tag goes into the file, so that the list can be searched for it. If the file has a
    /// column for tags, two rows with the same tag are refused: a search could not tell them apart. Upper and
    /// lower case count as the same.
    pub fn add(&mut self, message: Result<NewMessage, Invalid>) {
        self.added += 1;
        let checked = message.and_then(|message| {
            if message.is_scheduled() {
                return Err(Invalid::new("scheduled_at", Rule::NotInBulk, Found::Set));
            }
            Ok(message)
        });
        match checked {
            Err(invalid) => self.invalid.push(InvalidRow { row: self.added, invalid }),
            // More rows are an error anyway, so they need no memory.
            Ok(message) if self.added <= MAX_ROWS => self.messages.push((self.added, message)),
            Ok(_) => {}
        }
    }

    /// Writes the file, for [`Client::upload_bulk`](super::Client::upload_bulk).
    ///
    /// # Errors
    ///
    /// [`InvalidBulk`] with all bad rows, or if there is no row or more than 10,000, or if the columns are
    /// unusable.
    #[expect(clippy::missing_panics_doc, reason = "memory takes every record")]
    pub fn finish(mut self) -> Result<Bytes, InvalidBulk> {
        let of_the_file = match self.added {
            0 => Some(Invalid::new("rows", Rule::NotEmpty, Found::Empty)),
            rows if rows > MAX_ROWS => {
                Some(Invalid::new("rows", Rule::AtMostRows(MAX_ROWS), Found::Rows(rows)))
            }
            _ => self.check_columns().err(),
        };
        self.refuse_repeated_tags();
        if of_the_file.is_some() || !self.invalid.is_empty() {
            return Err(InvalidBulk { of_the_file, rows: self.invalid });
        }
        let mut writer = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(Vec::new());
        let header = self.columns.iter().map(|(_, name)| name.as_str());
        writer.write_record(header).expect("memory takes a record");
        for (_, message) in &self.messages {
            let cells =
                self.columns.iter().map(|(column, _)| message.cell(*column, self.service_id));
            writer.write_record(cells).expect("memory takes a record of as many cells");
        }
        Ok(Bytes::from(writer.into_inner().expect("memory takes the rest")))
    }

    fn check_columns(&self) -> Result<(), Invalid> {
        for (needed, field) in [(BulkColumn::To, "to"), (BulkColumn::Body, "body")] {
            if !self.has_column(needed) {
                return Err(Invalid::new(field, Rule::NeedsColumn, Found::Missing));
            }
        }
        let (mut columns, mut names) = (HashSet::new(), HashSet::new());
        for (column, name) in &self.columns {
            if name.is_empty() {
                return Err(Invalid::new("columns", Rule::NotEmpty, Found::Empty));
            }
            if !columns.insert(column) || !names.insert(name) {
                return Err(Invalid::new("columns", Rule::Unique, Found::Repeated));
            }
        }
        Ok(())
    }

    fn has_column(&self, wanted: BulkColumn) -> bool {
        self.columns.iter().any(|(column, _)| *column == wanted)
    }

    fn refuse_repeated_tags(&mut self) {
        if !self.has_column(BulkColumn::Tags) {
            return;
        }
        let mut tags = HashSet::new();
        for (row, message) in &self.messages {
            if !tags.insert(message.tag().as_str().to_ascii_lowercase()) {
                let invalid = Invalid::new("tags", Rule::Unique, Found::Repeated);
                self.invalid.push(InvalidRow { row: *row, invalid });
            }
        }
        self.invalid.sort_by_key(InvalidRow::row);
    }
}

impl fmt::Debug for BulkCsv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BulkCsv")
            .field("rows", &self.added)
            .field("invalid_rows", &self.invalid.len())
            .finish_non_exhaustive()
    }
}

/// A bad row: its number and the rule that it breaks, never its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidRow {
    row: usize,
    invalid: Invalid,
}

impl InvalidRow {
    /// Returns the number of the row, from 1. The header line does not count.
    pub fn row(&self) -> usize {
        self.row
    }

    /// Returns the field and the rule.
    pub fn invalid(&self) -> &Invalid {
        &self.invalid
    }
}

impl fmt::Display for InvalidRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "row {}: {}", self.row, self.invalid)
    }
}

/// A file of a bulk send that cannot be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidBulk {
    of_the_file: Option<Invalid>,
    rows: Vec<InvalidRow>,
}

impl InvalidBulk {
    /// Returns what is wrong with the file as a whole: no row, too many, or unusable columns.
    pub fn of_the_file(&self) -> Option<&Invalid> {
        self.of_the_file.as_ref()
    }

    /// Returns all bad rows, in order.
    pub fn rows(&self) -> &[InvalidRow] {
        &self.rows
    }
}

impl fmt::Display for InvalidBulk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.of_the_file, self.rows.first()) {
            (Some(invalid), _) => write!(f, "the bulk file is invalid: {invalid}"),
            (None, Some(first)) => {
                write!(f, "{} rows of the bulk file are invalid, first {first}", self.rows.len())
            }
            (None, None) => f.write_str("the bulk file is invalid"),
        }
    }
}

impl std::error::Error for InvalidBulk {}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    fn csv() -> BulkCsv {
        BulkCsv::new(ServiceId::new(7).expect("positive"))
    }

    fn message(body: &str) -> Result<NewMessage, Invalid> {
        NewMessage::new(Recipient::new("09012345678")?, body)
    }

    #[test]
    fn values_are_quoted_and_columns_can_be_renamed() {
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let tag = super::super::Tag::new("t-1").expect("a tag");
        let full = message("a,\"b\"\nc").map(|message| message.with_tag(tag).without_short_urls());
        let full = full.and_then(|message| message.with_limited_at(at, SystemTime::UNIX_EPOCH));
        let mut csv = csv();
        csv.add(full);
        let columns = BulkColumn::ALL.into_iter().rev().map(|column| (column, column.as_str()));
        let mut renamed = csv.with_columns(columns);
        renamed.columns[5].1 = "サービス".to_owned();
        let file = renamed.finish().expect("a good row");
        let expected = "limited_at,is_shorten,tags,body,to,サービス\r\n\
            2027-01-15T17:00:00+09:00,false,t-1,\"a,\"\"b\"\"\nc\",09012345678,7\r\n";
        assert_eq!(String::from_utf8_lossy(&file), expected);
    }

    #[test]
    fn all_bad_rows_are_reported_without_their_values() {
        let mut csv = csv();
        let now = SystemTime::UNIX_EPOCH;
        csv.add_text("090-1234-5678", "good");
        csv.add_text("03-1234-5678", "bad number");
        csv.add_text("090-1234-5678", "");
        csv.add(
            message("later").and_then(|m| m.with_scheduled_at(now + Duration::from_secs(60), now)),
        );
        csv.add_text("080-1234-5678", "good");
        assert!(!format!("{csv:?}").contains("good"));
        let invalid = csv.finish().expect_err("three bad rows");
        let found: Vec<_> =
            invalid.rows().iter().map(|row| (row.row(), row.invalid().field())).collect();
        assert_eq!(found, [(2, "to"), (3, "body"), (4, "scheduled_at")]);
        let shown = format!("{invalid} {invalid:?}");
        assert!(!shown.contains("1234") && !shown.contains("bad number"), "{shown}");
    }

    #[test]
    fn unusable_columns_are_refused() {
        use BulkColumn::{Body, ServiceId, Tags, To};
        let finish = |columns: &[(BulkColumn, &'static str)]| {
            let mut csv = csv().with_columns(columns.iter().copied());
            csv.add_text("090-1234-5678", "x");
            let of_the_file = |invalid: InvalidBulk| invalid.of_the_file().cloned();
            let finished = csv.finish().map(|_| ()).map_err(of_the_file);
            finished.map_err(|invalid| invalid.map(|invalid| (invalid.field(), invalid.rule())))
        };
        let needs = |field| Err(Some((field, Rule::NeedsColumn)));
        assert_eq!(finish(&[]), needs("to"));
        assert_eq!(finish(&[(ServiceId, "a"), (To, "b"), (Tags, "c")]), needs("body"));
        assert_eq!(finish(&[(ServiceId, "a"), (Body, "b"), (Tags, "c")]), needs("to"));
        let repeated = Err(Some(("columns", Rule::Unique)));
        assert_eq!(finish(&[(To, "a"), (Body, "b"), (To, "c")]), repeated);
        assert_eq!(finish(&[(To, "a"), (Body, "a")]), repeated);
        let empty = Err(Some(("columns", Rule::NotEmpty)));
        assert_eq!(finish(&[(To, "a"), (Body, "")]), empty);
        assert_eq!(finish(&[(Body, "a"), (To, "b")]), Ok(()));
    }

    #[test]
    fn rows_with_the_same_tag_are_refused() {
        let tagged = |tag| {
            let tag = super::super::Tag::new(tag).expect("a tag");
            message("x").map(|message| message.with_tag(tag))
        };
        let with_tags = || {
            let mut csv = csv();
            csv.add(tagged("job-1"));
            csv.add(tagged("job-2"));
            csv.add(tagged("JOB-1"));
            csv.add_text("03-1234-5678", "bad number");
            csv.add(tagged("job-2"));
            csv
        };
        let invalid = with_tags().finish().expect_err("repeated tags");
        let found: Vec<_> =
            invalid.rows().iter().map(|row| (row.row(), row.invalid().rule())).collect();
        let (unique, number) = (Rule::Unique, Rule::MobileNumber);
        assert_eq!(found, [(3, unique), (4, number), (5, unique)]);
        assert!(!format!("{invalid} {invalid:?}").to_lowercase().contains("job"));

        // Without the column no tag is in the file.
        let columns = [BulkColumn::To, BulkColumn::Body].map(|column| (column, column.as_str()));
        let invalid = with_tags().with_columns(columns).finish().expect_err("the number");
        assert_eq!(invalid.rows().len(), 1);
    }

    #[test]
    fn a_file_has_one_to_ten_thousand_rows() {
        let rows = |count| {
            let mut csv = csv();
            (0..count).for_each(|_| csv.add_text("090-1234-5678", "x"));
            csv.finish()
        };
        let rule = |file: Result<Bytes, InvalidBulk>| {
            file.expect_err("refused").of_the_file().map(Invalid::rule)
        };
        assert_eq!(rule(rows(0)), Some(Rule::NotEmpty));
        let file = rows(10_000).expect("as many as allowed");
        assert_eq!(String::from_utf8_lossy(&file).lines().count(), 10_001);
        assert_eq!(rule(rows(10_001)), Some(Rule::AtMostRows(10_000)));
    }
}
