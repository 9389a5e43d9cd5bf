//! What a code is bound to, and how that enters the derivation.

use std::fmt;

use hmac::{Hmac, Mac as _, digest::CtOutput};
use sha2::Sha256;

use crate::{
    fields::update_with_fields,
    id::{ChallengeId, Nonce, Purpose},
};

/// What a code is bound to, in addition to its challenge. Changing any field changes the code.
///
/// Exhaustive on purpose: whoever derives a code has to say what each field is.
#[derive(Clone, Copy)]
pub struct Binding<'a> {
    /// The tenant (application, realm) of the subject; may be empty.
    pub tenant: &'a str,
    /// The subject: a stable user id within the tenant.
    pub subject: &'a str,
    /// The login or confirmation that the code belongs to. A code that is typed into another one fails.
    pub flow: &'a str,
    /// What the code is for.
    pub purpose: Purpose,
    /// Where the code is sent: a phone number in E.164, an e-mail address, an id of a device. Always write the
    /// same destination in the same bytes.
    pub destination: &'a [u8],
}

impl Binding<'_> {
    /// Returns the tag over the binding, the challenge's id and its nonce. It is wiped when dropped.
    ///
    /// The message is each text with its length before it, then the id and the nonce, then the destination up to
    /// the end.
    ///
    /// With a tenant of up to seven characters, a UUID for a subject, 16 random bytes in base64url for a flow
    /// and a number of twelve digits in E.164, the message of a login takes two blocks of the hash.
    #[inline]
    pub(crate) fn tag(
        &self,
        key: &Hmac<Sha256>,
        id: ChallengeId,
        nonce: &Nonce,
    ) -> CtOutput<Hmac<Sha256>> {
        let texts = [
            self.tenant.as_bytes(),
            self.subject.as_bytes(),
            self.flow.as_bytes(),
            self.purpose.as_bytes(),
        ];
        let mut mac = key.clone();
        update_with_fields(&mut mac, &texts);
        mac.update(id.as_bytes());
        mac.update(nonce.as_bytes());
        mac.update(self.destination);
        mac.finalize()
    }
}

impl fmt::Debug for Binding<'_> {
    /// Leaves out the destination, which is personal data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Binding")
            .field("tenant", &self.tenant)
            .field("subject", &self.subject)
            .field("flow", &self.flow)
            .field("purpose", &self.purpose)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use hmac::KeyInit as _;
    use proptest::prelude::*;

    use super::*;

    const NONCE: Nonce = Nonce::from_bytes([0xb2; 16]);

    /// The authenticated bytes once more, written down from their description.
    fn encoded(binding: &Binding<'_>, id: ChallengeId) -> Vec<u8> {
        let mut message = Vec::new();
        for text in [binding.tenant, binding.subject, binding.flow, binding.purpose.as_str()] {
            let mut len = text.len();
            while len >= 128 {
                message.push(u8::try_from(len % 128 + 128).unwrap());
                len /= 128;
            }
            message.push(u8::try_from(len).unwrap());
            message.extend(text.as_bytes());
        }
        message.extend(id.as_bytes());
        message.extend(NONCE.as_bytes());
        message.extend(binding.destination);
        message
    }

    fn texts(bytes: &[u8]) -> (Vec<&[u8]>, &[u8]) {
        let mut rest = bytes;
        let mut texts = Vec::new();
        for _ in 0..4 {
            let end = rest.iter().position(|b| *b < 128).unwrap();
            let len = rest[..=end].iter().rev().fold(0, |len, b| len * 128 + usize::from(b & 127));
            let (text, behind) = rest[end + 1..].split_at(len);
            texts.push(text);
            rest = behind;
        }
        (texts, rest)
    }

    fn key() -> Hmac<Sha256> {
        Hmac::new_from_slice(&[7; 32]).unwrap()
    }

    fn tag(binding: &Binding<'_>, id: ChallengeId) -> Vec<u8> {
        binding.tag(&key(), id, &NONCE).as_bytes().to_vec()
    }

    fn hmac(message: &[u8]) -> Vec<u8> {
        key().chain_update(message).finalize().as_bytes().to_vec()
    }

    proptest! {
        /// What is authenticated can be taken apart again into what went in, so no two bindings or ids
        /// have the same bytes. They are more than the 32 bytes of a tag, which is what a later draw authenticates.
        #[test]
        fn the_authenticated_bytes_name_their_binding(
            tenant in ".{0,20}",
            subject in ".{0,200}",
            flow in ".{0,40}",
            purpose in "[a-z0-9._-]{1,15}",
            destination in proptest::collection::vec(any::<u8>(), 0..40),
            id in any::<[u8; 16]>(),
        ) {
            let purpose = Purpose::new(&purpose).unwrap();
            let binding = Binding {
                tenant: &tenant,
                subject: &subject,
                flow: &flow,
                purpose,
                destination: &destination,
            };
            let id = ChallengeId::from_bytes(id);
            let bytes = encoded(&binding, id);
            prop_assert_eq!(tag(&binding, id), hmac(&bytes));
            prop_assert!(bytes.len() > 32);

            let (texts, rest) = texts(&bytes);
            let put_in = [&tenant, &subject, &flow, purpose.as_str()];
            prop_assert_eq!(texts, put_in.map(str::as_bytes));
            prop_assert_eq!(&rest[..16], id.as_bytes());
            prop_assert_eq!(&rest[16..32], NONCE.as_bytes());
            prop_assert_eq!(&rest[32..], destination);
        }
    }

    /// The padding takes nine bytes, and the limit of what a code costs is two blocks.
    #[test]
    fn a_usual_binding_fits_two_blocks() {
        let binding = Binding {
            tenant: "default",
            subject: "018f3c5e-7d1a-7c3b-9d55-0a1b2c3d4e5f",
            flow: "BwcHBwcHBwcHBwcHBwcHBw",
            purpose: Purpose::LOGIN,
            destination: b"+819012345678",
        };
        let id = ChallengeId::from_bytes([0xa1; 16]);
        let bytes = encoded(&binding, id);
        assert_eq!(tag(&binding, id), hmac(&bytes));
        assert_eq!(bytes.len() + 9, 2 * 64);
    }

    #[test]
    fn no_destination_shows_in_debug() {
        let binding = Binding {
            tenant: "t",
            subject: "alice",
            flow: "f",
            purpose: Purpose::LOGIN,
            destination: b"+819012345678",
        };
        assert_eq!(
            format!("{binding:?}"),
            "Binding { tenant: \"t\", subject: \"alice\", flow: \"f\", purpose: Purpose(login), .. }"
        );
    }
}
