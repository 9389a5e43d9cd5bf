//! A log record as one line of JSON. An error is written with its causes: `cannot open the file: permission denied`.

use std::{
    error::Error,
    fmt::{self, Debug},
};

use serde::{Serialize, Serializer};
use serde_json::Value;
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    Layer,
    fmt::{
        self as log, FmtContext, FormatEvent, FormattedFields, MakeWriter,
        format::{JsonFields, Writer},
        time::{FormatTime as _, SystemTime},
    },
    registry::{LookupSpan, Scope},
};

/// Returns the layer that writes JSON lines.
pub(super) fn layer<S, W>(writer: W) -> impl Layer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + 'static,
{
    log::layer().fmt_fields(JsonFields::new()).event_format(JsonLines).with_writer(writer)
}

/// Writes a record with its fields, and the spans that it belongs to.
#[derive(Debug)]
struct JsonLines;

impl<S> FormatEvent<S, JsonFields> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, JsonFields>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut timestamp = String::new();
        SystemTime.format_time(&mut Writer::new(&mut timestamp))?;
        let metadata = event.metadata();
        let mut record = Record::default();
        record.add("timestamp", timestamp);
        record.add("level", metadata.level().as_str());
        event.record(&mut record);
        record.add("target", metadata.target());
        let spans: Vec<Value> = context
            .event_scope()
            .into_iter()
            .flat_map(Scope::from_root)
            .map(|span| {
                let extensions = span.extensions();
                let fields = extensions.get::<FormattedFields<JsonFields>>();
                let fields = fields.and_then(|fields| serde_json::from_str(&fields.fields).ok());
                let mut fields: serde_json::Map<String, Value> = fields.unwrap_or_default();
                fields.insert("name".to_owned(), span.name().into());
                Value::Object(fields)
            })
            .collect();
        if !spans.is_empty() {
            record.add("spans", spans);
        }
        let line = serde_json::to_string(&record).map_err(|_| fmt::Error)?;
        writeln!(writer, "{line}")
    }
}

/// The fields of a record, in their order.
#[derive(Default)]
struct Record(Vec<(&'static str, Value)>);

impl Record {
    fn add(&mut self, name: &'static str, value: impl Into<Value>) {
        self.0.push((name, value.into()));
    }
}

impl Serialize for Record {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl Visit for Record {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field.name(), value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field.name(), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field.name(), value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field.name(), value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field.name(), value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.add(field.name(), with_causes(value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.add(field.name(), format!("{value:?}"));
    }
}

fn with_causes(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::{
        io::{self, Write},
        sync::{Arc, Mutex},
    };

    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    #[derive(Debug, Clone, Default)]
    struct Output(Arc<Mutex<Vec<u8>>>);

    impl Write for Output {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("no panic").write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl MakeWriter<'_> for Output {
        type Writer = Self;

        fn make_writer(&self) -> Self {
            self.clone()
        }
    }

    #[test]
    fn a_record_has_its_fields_its_spans_and_the_causes_of_its_error() {
        let output = Output::default();
        let subscriber = tracing_subscriber::registry().with(layer(output.clone()));
        tracing::subscriber::with_default(subscriber, || {
            let error = anyhow::Error::new(io::Error::other("the disk is full"));
            let error = error.context("cannot open the store");
            let error: &(dyn Error + 'static) = error.as_ref();
            let span = tracing::info_span!("request", request_id = "r1");
            let _entered = span.enter();
            tracing::warn!(event = "store.failed", count = 2, is_up = false, kind = ?io::ErrorKind::Other, error, "a store \"failed\"");
        });
        let written = output.0.lock().expect("no panic").clone();
        let text = String::from_utf8(written).expect("UTF-8");
        assert_eq!(text.lines().count(), 1, "{text}");
        let mut record: Value = serde_json::from_str(&text).expect("JSON");
        let timestamp = record["timestamp"].take();
        assert!(timestamp.as_str().is_some_and(|text| text.ends_with('Z')), "{timestamp}");
        let span = serde_json::json!({ "request_id": "r1", "name": "request" });
        assert_eq!(
            record,
            serde_json::json!({
                "timestamp": null,
                "level": "WARN",
                "event": "store.failed",
                "count": 2,
                "is_up": false,
                "kind": "Other",
                "error": "cannot open the store: the disk is full",
                "message": "a store \"failed\"",
                "target": "mfa_gateway::logging::json::tests",
                "spans": [span],
            })
        );
    }
}
