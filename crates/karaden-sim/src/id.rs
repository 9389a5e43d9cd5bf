//! Message ids: opaque to clients, but the simulator finds a message by its id without a table.
//!
//! An id is a version 4 UUID. Its last 48 bits are the message's sequence number under a bijection,
//! the rest is a hash of seed and number. A look-up inverts the bijection and compares the whole id.

use std::fmt;

use serde::{Serialize, Serializer};
use uuid::{Builder, Uuid, Variant, Version};

/// A message's place in the order of acceptance, from 0.
pub(crate) type Sequence = u64;

const NODE_BITS: u32 = 48;
const NODE_MASK: u64 = (1 << NODE_BITS) - 1;
/// Odd, so multiplication by it is a bijection of 48-bit numbers.
const FACTOR: u64 = 0x5851_F42D_4C95;

/// The id of a message, a bulk file or a bulk send. Displays as a lower-case UUID.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Id(Uuid);

impl Id {
    /// Parses a UUID in its canonical form, upper or lower case.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        parse_uuid(text).map(Self)
    }

    /// Formats for the push API: with letters, so that a client cannot parse it as a number.
    pub(crate) fn push(self) -> String {
        format!("km{}", self.0.simple())
    }

    /// Parses the format of [`push`](Self::push).
    pub(crate) fn parse_push(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("km").filter(|digits| digits.len() == 32)?;
        Uuid::try_parse(digits).ok().map(Self)
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0.hyphenated(), f)
    }
}

/// Makes ids and finds their sequence numbers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ids {
    seed: u64,
}

impl Ids {
    pub(crate) const fn new(seed: u64) -> Self {
        Self { seed }
    }

    pub(crate) fn id(self, sequence: Sequence) -> Id {
        let node = sequence.wrapping_add(self.seed).wrapping_mul(FACTOR) & NODE_MASK;
        let one = mix(self.seed ^ mix(sequence));
        let two = mix(one);
        let random = u128::from(one) << 64 | u128::from(two << NODE_BITS | node);
        let builder = Builder::from_u128(random);
        let builder = builder.with_version(Version::Random).with_variant(Variant::RFC4122);
        Id(builder.into_uuid())
    }

    /// Returns the sequence number of an id that [`id`](Self::id) made; `None` for any other id.
    pub(crate) fn sequence(self, id: Id) -> Option<Sequence> {
        #[expect(clippy::cast_possible_truncation, reason = "the last 48 bits are wanted")]
        let node = id.0.as_u128() as u64 & NODE_MASK;
        let sequence = node.wrapping_mul(inverse(FACTOR)).wrapping_sub(self.seed) & NODE_MASK;
        (self.id(sequence) == id).then_some(sequence)
    }
}

/// Parses a UUID of any version in its canonical form: 36 characters.
pub(crate) fn parse_uuid(text: &str) -> Option<Uuid> {
    Uuid::try_parse(text).ok().filter(|_| text.len() == 36)
}

/// Returns the multiplicative inverse of the odd number `factor` modulo 2^64, by Newton's method.
const fn inverse(factor: u64) -> u64 {
    let mut inverse = factor;
    // Each round doubles the count of correct bits: 3, 6, …, 96.
    let mut round = 0;
    while round < 5 {
        inverse = inverse.wrapping_mul(2_u64.wrapping_sub(factor.wrapping_mul(inverse)));
        round += 1;
    }
    inverse
}

/// Mixes 64 bits by a bijection, the finaliser of SplitMix64.
pub(crate) const fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let value = (value ^ value >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let value = (value ^ value >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ value >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    use proptest::prelude::*;

    proptest! {
        #[test]
        fn an_id_maps_back_to_its_sequence_number(seed: u64, sequence in 0_u64..1 << 40) {
            let ids = Ids::new(seed);
            let id = ids.id(sequence);
            prop_assert_eq!(ids.sequence(id), Some(sequence));
            prop_assert_eq!(Id::parse(&id.to_string()), Some(id));
            prop_assert_eq!(Id::parse_push(&id.push()), Some(id));
            let text = id.to_string();
            prop_assert_eq!(&text[14..15], "4");
            prop_assert!("89ab".contains(&text[19..20]));
        }

        #[test]
        fn an_id_of_another_seed_has_no_sequence_number(seed: u64, sequence in 0_u64..1 << 40) {
            let foreign = Ids::new(seed.wrapping_add(1)).id(sequence);
            prop_assert_eq!(Ids::new(seed).sequence(foreign), None);
        }
    }

    #[test]
    fn only_canonical_uuids_are_parsed() {
        assert!(parse_uuid("159bfd33-b9b7-f424-4755-c119b324591d").is_some());
        for text in ["", "159bfd33b9b7f4244755c119b324591d", "159bfd33-b9b7-f424-4755-c119b324591g"]
        {
            assert_eq!(parse_uuid(text), None, "{text}");
        }
    }
}
