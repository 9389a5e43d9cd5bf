//! Writing JSON objects straight into a buffer: no tree, no intermediate strings.

use std::fmt::{Display, Write as _};

use crate::config::Absent;

/// One JSON object being written.
pub(crate) struct Object<'a> {
    out: &'a mut String,
    first: bool,
    absent: Absent,
}

impl<'a> Object<'a> {
    pub(crate) fn begin(out: &'a mut String, absent: Absent) -> Self {
        out.push('{');
        Self { out, first: true, absent }
    }

    pub(crate) fn end(self) {
        self.out.push('}');
    }

    /// Writes the key and hands out the buffer for its value.
    pub(crate) fn key(&mut self, name: &str) -> &mut String {
        if !std::mem::take(&mut self.first) {
            self.out.push(',');
        }
        quoted(self.out, name);
        self.out.push(':');
        self.out
    }

    pub(crate) fn string(&mut self, name: &str, value: &str) {
        quoted(self.key(name), value);
    }

    /// A string whose text needs no escapes: numbers, ids, date-times.
    pub(crate) fn plain(&mut self, name: &str, value: impl Display) {
        let out = self.key(name);
        let _ = write!(out, "\"{value}\"");
    }

    /// A value that is JSON as it displays: numbers and booleans.
    pub(crate) fn raw(&mut self, name: &str, value: impl Display) {
        let out = self.key(name);
        let _ = write!(out, "{value}");
    }

    pub(crate) fn plain_or_absent(&mut self, name: &str, value: Option<impl Display>) {
        match value {
            Some(value) => self.plain(name, value),
            None => self.absent(name),
        }
    }

    pub(crate) fn absent(&mut self, name: &str) {
        if self.absent == Absent::Null {
            self.raw(name, "null");
        }
    }

    pub(crate) fn strings<'s>(&mut self, name: &str, values: impl Iterator<Item = &'s str>) {
        let out = self.key(name);
        out.push('[');
        for (index, value) in values.enumerate() {
            if index > 0 {
                out.push(',');
            }
            quoted(out, value);
        }
        out.push(']');
    }
}

/// Appends `value` as a JSON string.
pub(crate) fn quoted(out: &mut String, value: &str) {
    out.push('"');
    let mut rest = value;
    while let Some(at) = rest.find(|c: char| c == '"' || c == '\\' || c < ' ') {
        let (plain, tail) = rest.split_at(at);
        out.push_str(plain);
        match tail.as_bytes()[0] {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            control => {
                let _ = write!(out, "\\u{control:04x}");
            }
        }
        rest = &tail[1..];
    }
    out.push_str(rest);
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_text_survives(text in ".*") {
            let mut out = String::new();
            quoted(&mut out, &text);
            prop_assert_eq!(serde_json::from_str::<String>(&out).ok(), Some(text));
        }
    }

    #[test]
    fn what_is_absent_is_null_or_left_out() {
        for (absent, expected) in
            [(Absent::Null, r#"{"a":null,"b":1}"#), (Absent::Omit, r#"{"b":1}"#)]
        {
            let mut out = String::new();
            let mut object = Object::begin(&mut out, absent);
            object.plain_or_absent("a", None::<u8>);
            object.raw("b", 1);
            object.end();
            assert_eq!(out, expected);
        }
    }
}
