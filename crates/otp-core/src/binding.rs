//! What a code is bound to, and how it enters the derivation.

use crate::id::{ChallengeId, Nonce, Purpose};
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

/// The bytes that are authenticated: each field with its length before it, the block counter last.
///
/// On the stack as long as they fit, which they do unless ids run to hundreds of characters.
pub(crate) struct Message {
    stack: [u8; Self::STACK],
    len: usize,
    heap: Vec<u8>,
}

impl Message {
    const STACK: usize = 384;

    pub(crate) fn new(binding: &Binding<'_>, id: ChallengeId, nonce: &Nonce) -> Self {
        let mut message = Self { stack: [0; Self::STACK], len: 0, heap: Vec::new() };
        message.field(DOMAIN);
        message.field(binding.tenant.as_bytes());
        message.field(binding.subject.as_bytes());
        message.field(binding.flow.as_bytes());
        message.field(binding.purpose.as_str().as_bytes());
        message.field(binding.phone.as_e164().as_bytes());
        message.put(id.as_bytes());
        message.put(nonce.as_bytes());
        message.put(&0_u32.to_be_bytes());
        message
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        if self.heap.is_empty() { &self.stack[..self.len] } else { &self.heap }
    }

    pub(crate) fn set_counter(&mut self, counter: u32) {
        let len = self.len;
        let bytes = if self.heap.is_empty() { &mut self.stack[..len] } else { &mut self.heap[..] };
        if let Some(last) = bytes.last_chunk_mut() {
            *last = counter.to_be_bytes();
        }
    }

    fn field(&mut self, bytes: &[u8]) {
        let (prefix, used) = length(bytes.len());
        self.put(&prefix[..used]);
        self.put(bytes);
    }

    fn put(&mut self, bytes: &[u8]) {
        if self.heap.is_empty() {
            if let Some(free) = self.stack.get_mut(self.len..self.len + bytes.len()) {
                free.copy_from_slice(bytes);
                self.len += bytes.len();
                return;
            }
            self.heap.extend_from_slice(&self.stack[..self.len]);
        }
        self.heap.extend_from_slice(bytes);
    }
}

/// Appends `field` with its length before it, so no two lists of fields give the same bytes.
pub(crate) fn length_prefixed(to: &mut Vec<u8>, field: &[u8]) {
    let (prefix, used) = length(field.len());
    to.extend_from_slice(&prefix[..used]);
    to.extend_from_slice(field);
}

/// A length in base 128, low digits first, each but the last with its high bit set (LEB128).
fn length(mut len: usize) -> ([u8; 10], usize) {
    let mut bytes = [0; 10];
    let mut used = 0;
    loop {
        let low = u8::try_from(len & 0x7f).unwrap_or_default();
        len >>= 7;
        bytes[used] = if len == 0 { low } else { low | 0x80 };
        used += 1;
        if len == 0 {
            return (bytes, used);
        }
    }
}
