//! The challenges of one subject. Most subjects have none or one, which needs no allocation.

use crate::record::challenge::Challenge;

#[derive(Clone, Debug, Default)]
pub(super) enum Challenges {
    #[default]
    None,
    One(Challenge),
    Many(Vec<Challenge>),
}

impl Challenges {
    pub(super) fn as_slice(&self) -> &[Challenge] {
        match self {
            Self::None => &[],
            Self::One(challenge) => std::slice::from_ref(challenge),
            Self::Many(challenges) => challenges,
        }
    }

    pub(super) fn as_mut_slice(&mut self) -> &mut [Challenge] {
        match self {
            Self::None => &mut [],
            Self::One(challenge) => std::slice::from_mut(challenge),
            Self::Many(challenges) => challenges,
        }
    }

    pub(super) fn push(&mut self, challenge: Challenge) {
        *self = match std::mem::take(self) {
            Self::None => Self::One(challenge),
            Self::One(first) => Self::Many(vec![first, challenge]),
            Self::Many(mut challenges) => {
                challenges.push(challenge);
                Self::Many(challenges)
            }
        };
    }

    /// Drops every challenge for which `keep` returns `false`. Returns whether it dropped any.
    pub(super) fn retain(&mut self, keep: impl Fn(&Challenge) -> bool) -> bool {
        if self.as_slice().iter().all(&keep) {
            return false;
        }
        *self = match std::mem::take(self) {
            Self::None | Self::One(_) => Self::None,
            Self::Many(mut challenges) => {
                challenges.retain(keep);
                match challenges.len() {
                    0 | 1 => challenges.pop().map_or(Self::None, Self::One),
                    _ => Self::Many(challenges),
                }
            }
        };
        true
    }
}

impl PartialEq for Challenges {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl Eq for Challenges {}
