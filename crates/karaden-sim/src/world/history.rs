//! The bounded memory of messages: a ring, and chains through it by number and by tag.
//!
//! Each message names the one before it with the same number and with the same tag, and a table
//! holds only the newest of each chain. So taking a message in, finding it by id and dropping the
//! oldest cost the same however many there are, and a look-up walks its own chain alone.

use std::{
    collections::{HashMap, VecDeque, hash_map::RandomState},
    hash::BuildHasher,
};

use super::{
    message::{Draft, Message, Tag},
    number::Number,
};
use crate::id::{Id, Ids, Sequence};

pub(crate) struct History {
    ids: Ids,
    capacity: usize,
    messages: VecDeque<Message>,
    /// The sequence number of the oldest message kept.
    oldest: Sequence,
    newest_by_number: HashMap<u64, Sequence>,
    newest_by_tag: HashMap<u64, Sequence>,
    hasher: RandomState,
}

/// Which messages to walk along.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Along<'a> {
    Everything,
    Number(Number),
    Tag(&'a str),
}

impl History {
    pub(crate) fn new(ids: Ids, capacity: usize) -> Self {
        Self {
            ids,
            capacity: capacity.max(1),
            messages: VecDeque::new(),
            oldest: 0,
            newest_by_number: HashMap::new(),
            newest_by_tag: HashMap::new(),
            hasher: RandomState::new(),
        }
    }

    /// Whether the oldest message has to go before another one comes.
    pub(crate) fn is_full(&self) -> bool {
        self.messages.len() >= self.capacity
    }

    /// Takes a message in.
    pub(crate) fn push(&mut self, mut draft: Draft) -> &mut Message {
        let sequence = self.next_sequence();
        let tags = std::mem::take(&mut draft.tags);
        let tags = tags.into_iter().map(|text| self.link_tag(text, sequence)).collect();
        let mut message = Message::new(self.ids.id(sequence), sequence, draft, tags);
        message.before = self.newest_by_number.insert(message.to.key(), sequence);
        self.messages.push_back(message);
        let last = self.messages.len() - 1;
        &mut self.messages[last]
    }

    pub(crate) fn len(&self) -> usize {
        self.messages.len()
    }

    pub(crate) fn next_sequence(&self) -> Sequence {
        self.oldest + self.messages.len() as Sequence
    }

    pub(crate) fn find(&self, id: Id) -> Option<&Message> {
        self.at(self.ids.sequence(id)?)
    }

    pub(crate) fn find_mut(&mut self, id: Id) -> Option<&mut Message> {
        let sequence = self.ids.sequence(id)?;
        self.at_mut(sequence)
    }

    pub(crate) fn at(&self, sequence: Sequence) -> Option<&Message> {
        self.messages.get(usize::try_from(sequence.checked_sub(self.oldest)?).ok()?)
    }

    pub(crate) fn at_mut(&mut self, sequence: Sequence) -> Option<&mut Message> {
        self.messages.get_mut(usize::try_from(sequence.checked_sub(self.oldest)?).ok()?)
    }

    /// Messages from the newest to the oldest.
    pub(crate) fn newest_first<'a>(
        &'a self,
        along: Along<'a>,
    ) -> impl Iterator<Item = &'a Message> {
        let hash = match along {
            Along::Tag(text) => self.hasher.hash_one(text),
            _ => 0,
        };
        let first = match along {
            Along::Everything => self.next_sequence().checked_sub(1),
            Along::Number(number) => self.newest_by_number.get(&number.key()).copied(),
            Along::Tag(_) => self.newest_by_tag.get(&hash).copied(),
        };
        let before = move |message: &&'a Message| {
            self.at(match along {
                Along::Everything => message.sequence.checked_sub(1)?,
                Along::Number(_) => message.before?,
                Along::Tag(_) => message.tags.iter().find(|tag| tag.hash == hash)?.before?,
            })
        };
        std::iter::successors(first.and_then(|first| self.at(first)), before)
            .filter(move |message| !matches!(along, Along::Tag(text) if !message.has_tag(text)))
    }

    pub(crate) fn clear(&mut self) {
        self.oldest = self.next_sequence();
        self.messages.clear();
        self.newest_by_number.clear();
        self.newest_by_tag.clear();
    }

    fn link_tag(&mut self, text: Box<str>, sequence: Sequence) -> Tag {
        let hash = self.hasher.hash_one(&*text);
        // A tag given twice must not make a message its own predecessor.
        let before = self.newest_by_tag.insert(hash, sequence).filter(|before| *before != sequence);
        Tag { text, hash, before }
    }

    /// Takes the oldest message out.
    pub(crate) fn drop_oldest(&mut self) -> Option<Message> {
        let message = self.messages.pop_front()?;
        self.oldest += 1;
        let key = message.to.key();
        if self.newest_by_number.get(&key) == Some(&message.sequence) {
            self.newest_by_number.remove(&key);
        }
        for tag in &message.tags {
            if self.newest_by_tag.get(&tag.hash) == Some(&message.sequence) {
                self.newest_by_tag.remove(&tag.hash);
            }
        }
        Some(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use proptest::prelude::*;

    use crate::{
        config::Delivery,
        time::Instant,
        world::{Api, Owner, Plan, Texts},
    };

    const NUMBERS: [&str; 3] = ["09011112222", "08011112222", "07011112222"];
    const TAGS: [&str; 4] = ["a", "b", "c", "d"];

    /// A number and tags, as positions in the lists above.
    type Sample = (usize, Vec<usize>);

    fn draft(number: usize, tags: &[usize]) -> Draft {
        let at = Instant::from_millis(0);
        let to = Number::parse(NUMBERS[number]).unwrap();
        Draft {
            owner: Owner { api: Api::Sms, index: 0 },
            to,
            texts: Texts::One("x".into()),
            tags: tags.iter().map(|tag| TAGS[*tag].into()).collect(),
            service_id: 1,
            is_shorten: false,
            short_keys: Box::default(),
            parts: None,
            scheduled_at: None,
            limited_at: None,
            accepted_at: at,
            plan: Plan::new(to, at, None, false, &Delivery::default()),
        }
    }

    proptest! {
        /// Whatever is taken in and dropped, each walk finds what a plain search finds.
        #[test]
        fn chains_agree_with_a_plain_search(
            capacity in 1_usize..12,
            messages in prop::collection::vec(
                (0_usize..3, prop::collection::vec(0_usize..4, 0..4)), 0..60),
        ) {
            let mut history = History::new(Ids::new(7), capacity);
            for (number, tags) in &messages {
                while history.is_full() {
                    history.drop_oldest();
                }
                history.push(draft(*number, tags));
            }
            let kept: Vec<_> = messages.iter().enumerate().rev().take(capacity).collect();
            let walked = |along| -> Vec<u64> {
                history.newest_first(along).map(|message| message.sequence).collect()
            };
            let searched = |fits: &dyn Fn(&Sample) -> bool| -> Vec<u64> {
                kept.iter().filter(|(_, one)| fits(one)).map(|(at, _)| *at as u64).collect()
            };
            prop_assert_eq!(walked(Along::Everything), searched(&|_| true));
            for (index, number) in NUMBERS.iter().enumerate() {
                let along = Along::Number(Number::parse(number).unwrap());
                prop_assert_eq!(walked(along), searched(&|one| one.0 == index));
            }
            for (index, tag) in TAGS.iter().enumerate() {
                prop_assert_eq!(walked(Along::Tag(tag)), searched(&|one| one.1.contains(&index)));
            }
            prop_assert!(history.newest_by_number.len() <= kept.len());
            prop_assert!(history.newest_by_tag.len() <= 4);
            for message in history.newest_first(Along::Everything) {
                prop_assert_eq!(history.find(message.id).map(|m| m.sequence), Some(message.sequence));
            }
        }
    }
}
