//! Clause 1: whether two prompts ask for the same.

use std::collections::BTreeMap;

use crate::{Arg, Field, FieldKind, Message, Prompt};

/// Whether `repeated` asks for the same as `open`.
///
/// A thief who knows some cells of a card must not reload until those are asked.
pub(super) fn asks_the_same(open: &Prompt, repeated: &Prompt) -> bool {
    let (before, after) = (arguments(open), arguments(repeated));
    constant(&open.title) == constant(&repeated.title)
        && open.fields.iter().map(field).eq(repeated.fields.iter().map(field))
        // A paragraph may come, go or have another key: news about a message.
        && before.iter().all(|(name, values)| after.get(name).is_none_or(|after| after == values))
}

/// A message without its times, which may change while a prompt is open.
type Constant<'p> = (&'p str, Vec<(&'p str, &'p Arg)>);

fn constant(message: &Message) -> Constant<'_> {
    let is_time = |arg: &Arg| matches!(arg, Arg::Duration(_) | Arg::Instant(_));
    (message.key(), message.args().filter(|(_, arg)| !is_time(arg)).collect())
}

fn field(field: &Field) -> (&str, &FieldKind, Constant<'_>, Option<Constant<'_>>) {
    (&field.name, &field.kind, constant(&field.label), field.hint.as_ref().map(constant))
}

/// Returns the arguments of the paragraphs by their names.
fn arguments(prompt: &Prompt) -> BTreeMap<&str, Vec<&Arg>> {
    let mut arguments = BTreeMap::<_, Vec<_>>::new();
    for (name, arg) in prompt.texts.iter().flat_map(|text| constant(text).1) {
        arguments.entry(name).or_default().push(arg);
    }
    arguments
}
