//! What a code is bound to, and how that enters the derivation.

use hmac::{Hmac, Mac as _, digest::CtOutput};
use sha2::Sha256;

use crate::{
    fields::update_with_fields,
    id::{ChallengeId, Nonce, Purpose},
    phone::PhoneNumber,
};

/// What a code is bound to, in addition to its challenge. Changing any field changes the code.
#[derive(Clone, Copy, Debug)]
pub struct Binding<'a> {
    /// The tenant (application, realm) of the subject; may be empty.
    pub tenant: &'a str,
    /// The subject: a stable user id within the tenant.
    pub subject: &'a str,
    /// The login or confirmation that the code belongs to. A code that is typed into another one fails.
    pub flow: &'a str,
    /// What the code is for.
    pub purpose: Purpose,
    /// The number that the code is sent to.
    pub phone: &'a PhoneNumber,
}

impl Binding<'_> {
    /// Returns the tag over the binding, the challenge's id and its nonce.
    ///
    /// The message is each text with its length before it, then the fields of fixed length: the phone
    /// number's digits as one number, the id, the nonce. `again` is empty for the first draw; for a later
    /// one it is the number of the draw in four bytes. The tag is wiped when dropped.
    ///
    /// With a tenant of up to ten characters, a UUID for a subject and 16 random bytes in base64url for a
    /// flow, the message takes two blocks of the hash.
    #[inline]
    pub(crate) fn tag(
        &self,
        key: &Hmac<Sha256>,
        id: ChallengeId,
        nonce: &Nonce,
        again: &[u8],
    ) -> CtOutput<Hmac<Sha256>> {
        let texts = [
            self.tenant.as_bytes(),
            self.subject.as_bytes(),
            self.flow.as_bytes(),
            self.purpose.as_bytes(),
        ];
        let mut mac = key.clone();
        update_with_fields(&mut mac, &texts);
        mac.update(&self.phone.as_number().to_be_bytes());
        mac.update(id.as_bytes());
        mac.update(nonce.as_bytes());
        mac.update(again);
        mac.finalize()
    }
}

#[cfg(test)]
mod tests {
    use hmac::KeyInit as _;
    use proptest::prelude::*;

    use super::*;

    const NONCE: Nonce = Nonce::from_bytes([0xb2; 16]);

    /// The authenticated bytes once more, written down from their description.
    fn encoded(binding: &Binding<'_>, id: ChallengeId, again: &[u8]) -> Vec<u8> {
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
        message.extend(binding.phone.as_e164()[1..].parse::<u64>().unwrap().to_be_bytes());
        message.extend(id.as_bytes());
        message.extend(NONCE.as_bytes());
        message.extend(again);
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

    fn tag(binding: &Binding<'_>, id: ChallengeId, again: &[u8]) -> Vec<u8> {
        binding.tag(&key(), id, &NONCE, again).as_bytes().to_vec()
    }

    fn hmac(message: &[u8]) -> Vec<u8> {
        key().chain_update(message).finalize().as_bytes().to_vec()
    }

    proptest! {
        /// What is authenticated can be taken apart again into what went in, so no two bindings, ids or
        /// draws have the same bytes.
        #[test]
        fn the_authenticated_bytes_name_their_binding(
            tenant in ".{0,20}",
            subject in ".{0,200}",
            flow in ".{0,40}",
            purpose in "[a-z0-9._-]{1,15}",
            national in "0[6-9]0[0-9]{8}",
            id in any::<[u8; 16]>(),
            again in proptest::option::of(1..u32::MAX),
        ) {
            let again = again.map_or_else(Vec::new, |draw| draw.to_be_bytes().to_vec());
            let allowed = crate::AllowedPrefixes::WITH_060;
            let phone = PhoneNumber::from_japanese_with(&national, allowed).unwrap();
            let purpose = Purpose::new(&purpose).unwrap();
            let binding = Binding {
                tenant: &tenant,
                subject: &subject,
                flow: &flow,
                purpose,
                phone: &phone,
            };
            let id = ChallengeId::from_bytes(id);
            let bytes = encoded(&binding, id, &again);
            prop_assert_eq!(tag(&binding, id, &again), hmac(&bytes));

            let (texts, rest) = texts(&bytes);
            let put_in = [&tenant, &subject, &flow, purpose.as_str()];
            prop_assert_eq!(texts, put_in.map(str::as_bytes));
            let number = u64::from_be_bytes(rest[..8].try_into().unwrap());
            prop_assert_eq!(format!("+{number}"), phone.as_e164());
            prop_assert_eq!(&rest[8..24], id.as_bytes());
            prop_assert_eq!(&rest[24..40], NONCE.as_bytes());
            prop_assert_eq!(&rest[40..], again);
        }
    }

    /// The padding takes nine bytes, and the limit of what a code costs is two blocks.
    #[test]
    fn a_usual_binding_fits_two_blocks() {
        let phone = PhoneNumber::from_japanese("09012345678").unwrap();
        let binding = Binding {
            tenant: "ten-char-s",
            subject: "018f3c5e-7d1a-7c3b-9d55-0a1b2c3d4e5f",
            flow: "BwcHBwcHBwcHBwcHBwcHBw",
            purpose: Purpose::STEP_UP,
            phone: &phone,
        };
        let id = ChallengeId::from_bytes([0xa1; 16]);
        let bytes = encoded(&binding, id, &[]);
        assert_eq!(tag(&binding, id, &[]), hmac(&bytes));
        assert_eq!(bytes.len() + 9, 2 * 64);
    }
}
