//! The parts of a Markdown document that checks read: tables, code spans and links.

/// A table with the names of its columns.
#[derive(Debug)]
pub(crate) struct Table<'t> {
    columns: Vec<&'t str>,
    pub(crate) rows: Vec<Row<'t>>,
}

/// A row of a table.
#[derive(Debug)]
pub(crate) struct Row<'t> {
    /// The number of its line, from 1.
    pub(crate) line: usize,
    cells: Vec<&'t str>,
}

impl<'t> Table<'t> {
    /// Returns the cell of `row` in the column `name`; `None` if the table has no such column.
    pub(crate) fn cell(&self, row: &Row<'t>, name: &str) -> Option<&'t str> {
        let column = self.columns.iter().position(|column| *column == name)?;
        Some(row.cells.get(column).copied().unwrap_or_default())
    }
}

/// Returns every table of `document`. A table in a code block counts too; no document here has one.
pub(crate) fn tables(document: &str) -> Vec<Table<'_>> {
    let lines: Vec<&str> = document.lines().collect();
    let mut tables = Vec::new();
    for (at, pair) in lines.windows(2).enumerate() {
        if !(pair[0].starts_with('|') && pair[1].starts_with("|--")) {
            continue;
        }
        let rows = lines.iter().enumerate().skip(at + 2);
        let rows = rows.take_while(|(_, line)| line.starts_with('|'));
        let rows = rows.map(|(at, line)| Row { line: at + 1, cells: cells(line) }).collect();
        tables.push(Table { columns: cells(pair[0]), rows });
    }
    tables
}

fn cells(line: &str) -> Vec<&str> {
    let line = line.trim();
    let inner = line.strip_prefix('|').unwrap_or(line);
    let inner = inner.strip_suffix('|').unwrap_or(inner);
    let mut cells = Vec::new();
    let mut start = 0;
    for (at, _) in inner.match_indices('|') {
        // An escaped bar is part of the cell.
        if !inner[..at].ends_with('\\') {
            cells.push(inner[start..at].trim());
            start = at + 1;
        }
    }
    cells.push(inner[start..].trim());
    cells
}

/// Returns every text in backticks.
pub(crate) fn spans(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// Returns `document` without its code blocks.
pub(crate) fn prose(document: &str) -> String {
    let mut is_code = false;
    let lines = document.split_inclusive('\n').filter(|line| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        !(is_code || is_fence)
    });
    lines.collect()
}

/// Returns text and target of every link.
pub(crate) fn links(text: &str) -> Vec<(&str, &str)> {
    let ends = text.match_indices("](");
    ends.filter_map(|(at, _)| {
        let label = &text[text[..at].rfind('[')? + 1..at];
        let target = &text[at + 2..];
        Some((label, &target[..target.find(')')?]))
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# A\n\n| name | b |\n|---|--:|\n| x \\| y | `one`, `two` |\n| z |\n\nEnd.\n| no | table |\n";

    #[test]
    fn a_table_has_columns_and_rows_with_their_lines() {
        let tables = tables(PAGE);
        let [table] = &tables[..] else { panic!("one table: {tables:?}") };
        let [first, second] = &table.rows[..] else { panic!("two rows: {table:?}") };
        assert_eq!((first.line, second.line), (5, 6));
        assert_eq!(table.cell(first, "name"), Some("x \\| y"));
        assert_eq!(table.cell(second, "b"), Some(""));
        assert_eq!(table.cell(first, "c"), None);
        assert_eq!(spans(table.cell(first, "b").unwrap()).collect::<Vec<_>>(), ["one", "two"]);
    }

    #[test]
    fn prose_has_no_code() {
        assert_eq!(prose("a\n```sh\nb\n```\nc\n"), "a\nc\n");
    }

    #[test]
    fn links_have_text_and_target() {
        let text = "see [`MAX`](../a.rs), [b](c.md#d) and [not a link] (e)";
        assert_eq!(links(text), [("`MAX`", "../a.rs"), ("b", "c.md#d")]);
    }
}
