//! What a code is bound to, and how it enters the derivation.

use crate::id::{ChallengeId, Nonce, Purpose};
use crate::mac::{HmacKey, Input};
use crate::phone::PhoneNumber;

/// The first field of every message that is authenticated for a code.
const DOMAIN: &[u8] = b"otp-core/code/1";

/// Everything a code answers for beside its challenge: change one field and the code is another.
#[derive(Clone, Copy, Debug)]
pub struct Binding<'a> {
    /// The tenant (application, realm) of the subject; may be empty.
    pub tenant: &'a str,
    /// The subject: a stable user id within the tenant.
    pub subject: &'a str,
    /// The login or confirmation that the code belongs to, so a code typed into another one fails.
    pub flow: &'a str,
    /// What the code is for.
    pub purpose: Purpose,
    /// The number that the code is sent to.
    pub phone: &'a PhoneNumber,
}

impl Binding<'_> {
    /// The bytes that are authenticated: each field with its length before it, the challenge's id and
    /// nonce, and the block counter.
    #[inline]
    pub(crate) fn message(&self, id: ChallengeId, nonce: &Nonce) -> Input {
        let fields = [
            DOMAIN,
            self.tenant.as_bytes(),
            self.subject.as_bytes(),
            self.flow.as_bytes(),
            self.purpose.as_bytes(),
            self.phone.as_bytes(),
        ];
        Input::new(fields, [id.as_bytes(), nonce.as_bytes(), &0_u32.to_be_bytes()], HmacKey::BLOCK)
    }
}
