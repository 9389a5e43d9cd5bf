//! The newest messages: a ring buffer, with linked lists through it by number and by tag.
//!
//! Each entry links to the previous message with the same number and with the same tag; two tables
//! hold the newest message of each list. So adding a message, finding it by id and removing the
//! oldest take constant time, and a search by number or tag visits only the messages of its list.

use std::{
    collections::{HashMap, VecDeque, hash_map::RandomState},
    hash::BuildHasher,
};

use super::{
    message::{Message, SendRequest},
    number::Number,
    outcome::{Carrier, Plan},
    short::ShortKey,
};
use crate::{
    id::{Id, Ids, Sequence},
    time::Instant,
};

/// The memory that all messages together may take. Ordinary messages reach the count of the configuration first.
const MAX_BYTES: usize = 256 * 1024 * 1024;

pub(crate) struct History {
    ids: Ids,
    capacity: usize,
    entries: VecDeque<Entry>,
    /// The memory of all messages, as they estimate it.
    bytes: usize,
    /// The sequence number of the oldest message in the buffer.
    oldest: Sequence,
    newest_by_number: HashMap<u64, Sequence>,
    newest_by_tag: HashMap<u64, Sequence>,
    hasher: RandomState,
}

/// A message and its links to older ones.
struct Entry {
    message: Message,
    /// The previous message to the same number.
    previous_to_number: Option<Sequence>,
    tag_links: Box<[TagLink]>,
}

/// A link to the previous message with the same tag.
struct TagLink {
    hash: u64,
    previous: Option<Sequence>,
}

/// Which messages to list.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Selection<'a> {
    All,
    Number(Number),
    Tag(&'a str),
}

impl History {
    pub(crate) fn new(ids: Ids, capacity: usize) -> Self {
        Self {
            ids,
            capacity: capacity.max(1),
            entries: VecDeque::new(),
            bytes: 0,
            oldest: 0,
            newest_by_number: HashMap::new(),
            newest_by_tag: HashMap::new(),
            hasher: RandomState::new(),
        }
    }

    /// Whether the oldest message must be removed before one of this size is added.
    pub(crate) fn is_full_for(&self, bytes: usize) -> bool {
        self.entries.len() >= self.capacity
            || (self.bytes + bytes > MAX_BYTES && !self.entries.is_empty())
    }

    /// Adds a message. The history must not be full.
    pub(crate) fn push(
        &mut self,
        request: SendRequest,
        short_keys: Box<[ShortKey]>,
        plan: Plan,
        now: Instant,
    ) -> &mut Message {
        let sequence = self.next_sequence();
        self.bytes += request.bytes();
        let tag_links = request.tags.iter().map(|text| self.link_tag(text, sequence)).collect();
        let previous_to_number = self.newest_by_number.insert(request.to.key(), sequence);
        let message = Message {
            id: self.ids.id(sequence),
            sequence,
            carrier: Carrier::of(request.to),
            request,
            short_keys,
            clicks: 0,
            accepted_at: now,
            canceled_at: None,
            plan,
        };
        self.entries.push_back(Entry { message, previous_to_number, tag_links });
        let last = self.entries.len() - 1;
        &mut self.entries[last].message
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn next_sequence(&self) -> Sequence {
        self.oldest + self.entries.len() as Sequence
    }

    pub(crate) fn find(&self, id: Id) -> Option<&Message> {
        self.at(self.ids.sequence(id)?)
    }

    pub(crate) fn find_mut(&mut self, id: Id) -> Option<&mut Message> {
        let sequence = self.ids.sequence(id)?;
        self.at_mut(sequence)
    }

    pub(crate) fn at(&self, sequence: Sequence) -> Option<&Message> {
        self.entry(sequence).map(|entry| &entry.message)
    }

    pub(crate) fn at_mut(&mut self, sequence: Sequence) -> Option<&mut Message> {
        let index = self.index(sequence)?;
        self.entries.get_mut(index).map(|entry| &mut entry.message)
    }

    /// Iterates over the selected messages, newest first.
    pub(crate) fn newest_first<'a>(
        &'a self,
        selection: Selection<'a>,
    ) -> impl Iterator<Item = &'a Message> {
        let hash = match selection {
            Selection::Tag(text) => self.hasher.hash_one(text),
            _ => 0,
        };
        let newest = match selection {
            Selection::All => self.next_sequence().checked_sub(1),
            Selection::Number(number) => self.newest_by_number.get(&number.key()).copied(),
            Selection::Tag(_) => self.newest_by_tag.get(&hash).copied(),
        };
        let previous = move |entry: &&'a Entry| {
            self.entry(match selection {
                Selection::All => entry.message.sequence.checked_sub(1)?,
                Selection::Number(_) => entry.previous_to_number?,
                Selection::Tag(_) => {
                    entry.tag_links.iter().find(|link| link.hash == hash)?.previous?
                }
            })
        };
        std::iter::successors(newest.and_then(|newest| self.entry(newest)), previous)
            .map(|entry| &entry.message)
            // Different tags can have the same hash.
            .filter(
                move |message| !matches!(selection, Selection::Tag(tag) if !message.has_tag(tag)),
            )
    }

    pub(crate) fn clear(&mut self) {
        self.oldest = self.next_sequence();
        self.entries.clear();
        self.bytes = 0;
        self.newest_by_number.clear();
        self.newest_by_tag.clear();
    }

    /// Removes the oldest message and returns it.
    pub(crate) fn drop_oldest(&mut self) -> Option<Message> {
        let Entry { message, tag_links, .. } = self.entries.pop_front()?;
        self.oldest += 1;
        self.bytes -= message.request.bytes();
        remove_if(&mut self.newest_by_number, message.request.to.key(), message.sequence);
        for link in tag_links {
            remove_if(&mut self.newest_by_tag, link.hash, message.sequence);
        }
        Some(message)
    }

    fn entry(&self, sequence: Sequence) -> Option<&Entry> {
        self.entries.get(self.index(sequence)?)
    }

    fn index(&self, sequence: Sequence) -> Option<usize> {
        usize::try_from(sequence.checked_sub(self.oldest)?).ok()
    }

    fn link_tag(&mut self, text: &str, sequence: Sequence) -> TagLink {
        let hash = self.hasher.hash_one(text);
        let previous = self.newest_by_tag.insert(hash, sequence);
        // If a message has a tag twice, it must not link to itself: the iteration would never end.
        TagLink { hash, previous: previous.filter(|previous| *previous != sequence) }
    }
}

/// Removes the newest message of a list from its table, if it is `sequence`.
fn remove_if(newest: &mut HashMap<u64, Sequence>, key: u64, sequence: Sequence) {
    if newest.get(&key) == Some(&sequence) {
        newest.remove(&key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use proptest::prelude::*;

    use crate::{
        config::Delivery,
        operation::Api,
        world::{Owner, Texts},
    };

    const NUMBERS: [&str; 3] = ["09011112222", "08011112222", "07011112222"];
    const TAGS: [&str; 4] = ["a", "b", "c", "d"];

    /// A number and tags, as positions in the lists above.
    type Sample = (usize, Vec<usize>);

    const NOW: Instant = Instant::from_millis(0);

    fn push(history: &mut History, number: usize, tags: &[usize]) {
        let owner = Owner { api: Api::Sms, index: 0 };
        let to = Number::parse(NUMBERS[number]).unwrap();
        let tags = tags.iter().map(|tag| TAGS[*tag].into()).collect();
        let request = SendRequest { tags, ..SendRequest::new(owner, to, Texts::One("x".into())) };
        let plan = Plan::new(to, NOW, None, None, &Delivery::default());
        history.push(request, Box::default(), plan, NOW);
    }

    /// Adds a message that takes about 16 MiB.
    fn push_large(history: &mut History) {
        let owner = Owner { api: Api::Sms, index: 0 };
        let to = Number::parse(NUMBERS[0]).unwrap();
        let text = "x".repeat(16 * 1024 * 1024);
        let request = SendRequest::new(owner, to, Texts::One(text.into()));
        while history.is_full_for(request.bytes()) {
            history.drop_oldest();
        }
        let plan = Plan::new(to, NOW, None, None, &Delivery::default());
        history.push(request, Box::default(), plan, NOW);
    }

    #[test]
    fn many_short_tags_take_memory_too() {
        let owner = Owner { api: Api::Sms, index: 0 };
        let to = Number::parse(NUMBERS[0]).unwrap();
        let tags = (0..4_000).map(|_| "x".into()).collect();
        let request = SendRequest { tags, ..SendRequest::new(owner, to, Texts::One("x".into())) };
        // A box for the text (16 bytes and an allocation of at least 24) and a link of 24 bytes each.
        assert!(request.bytes() >= 4_000 * 64);
    }

    #[test]
    fn large_messages_are_limited_by_their_memory() {
        let mut history = History::new(Ids::new(7), 100_000);
        for _ in 0..40 {
            push_large(&mut history);
        }
        assert_eq!(history.len(), 15, "the sixteenth would pass 256 MiB");
        history.clear();
        assert_eq!(history.bytes, 0);
        push_large(&mut history);
        history.drop_oldest();
        assert_eq!(history.bytes, 0);
    }

    proptest! {
        /// Each selection yields what a search of all messages finds.
        #[test]
        fn selections_agree_with_a_search_of_all_messages(
            capacity in 1_usize..12,
            messages in prop::collection::vec(
                (0_usize..3, prop::collection::vec(0_usize..4, 0..4)), 0..60),
        ) {
            let mut history = History::new(Ids::new(7), capacity);
            for (number, tags) in &messages {
                while history.is_full_for(0) {
                    history.drop_oldest();
                }
                push(&mut history, *number, tags);
            }
            let kept: Vec<_> = messages.iter().enumerate().rev().take(capacity).collect();
            let listed = |selection| -> Vec<u64> {
                history.newest_first(selection).map(|message| message.sequence).collect()
            };
            let searched = |fits: &dyn Fn(&Sample) -> bool| -> Vec<u64> {
                kept.iter().filter(|(_, one)| fits(one)).map(|(at, _)| *at as u64).collect()
            };
            prop_assert_eq!(listed(Selection::All), searched(&|_| true));
            for (index, number) in NUMBERS.iter().enumerate() {
                let selection = Selection::Number(Number::parse(number).unwrap());
                prop_assert_eq!(listed(selection), searched(&|one| one.0 == index));
            }
            for (index, tag) in TAGS.iter().enumerate() {
                prop_assert_eq!(listed(Selection::Tag(tag)), searched(&|one| one.1.contains(&index)));
            }
            prop_assert!(history.newest_by_number.len() <= kept.len());
            prop_assert!(history.newest_by_tag.len() <= 4);
            for message in history.newest_first(Selection::All) {
                prop_assert_eq!(history.find(message.id).map(|m| m.sequence), Some(message.sequence));
            }
        }
    }
}
