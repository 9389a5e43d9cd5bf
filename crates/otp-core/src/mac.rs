//! HMAC-SHA-256 (RFC 2104, FIPS 198-1) with the key's two blocks worked in beforehand.
//!
//! The `hmac` crate's general machinery costs as much as the hash itself on inputs as short as ours.
//! Here the padded message is laid out once and the compression function runs over it in one go.
//! The tests compare it with the `hmac` crate for every length around the block boundaries.

use sha2::block_api::compress256;
use sha2::{Digest as _, Sha256};
use zeroize::{Zeroize, ZeroizeOnDrop};

const BLOCK: usize = 64;

/// The first state of SHA-256 (FIPS 180-4, 5.3.3).
const INITIAL: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

/// A key of HMAC-SHA-256, ready for use; wiped when dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub(crate) struct HmacKey {
    inner: [u32; 8],
    outer: [u32; 8],
}

impl HmacKey {
    pub(crate) fn new(key: &[u8]) -> Self {
        let mut block = [0; BLOCK];
        if key.len() > BLOCK {
            block[..32].copy_from_slice(&Sha256::digest(key));
        } else {
            block[..key.len()].copy_from_slice(key);
        }
        let mut ready = Self { inner: INITIAL, outer: INITIAL };
        block = block.map(|b| b ^ 0x36);
        compress256(&mut ready.inner, &[block]);
        block = block.map(|b| b ^ 0x36 ^ 0x5c);
        compress256(&mut ready.outer, &[block]);
        block.zeroize();
        ready
    }

    /// The tag over `message`, as eight big-endian words.
    pub(crate) fn tag(&self, message: &[u8]) -> [u32; 8] {
        let mut state = self.inner;
        let (blocks, rest) = message.as_chunks::<BLOCK>();
        if !blocks.is_empty() {
            compress256(&mut state, blocks);
        }
        let mut tail = [[0; BLOCK]; 2];
        let tail_blocks = if rest.len() < BLOCK - 8 { 1 } else { 2 };
        tail[0][..rest.len()].copy_from_slice(rest);
        tail[0][rest.len()] = 0x80;
        tail[tail_blocks - 1][BLOCK - 8..].copy_from_slice(&bits(BLOCK + message.len()));
        compress256(&mut state, &tail[..tail_blocks]);
        self.finish(&state)
    }

    /// The outer hash over the inner one, which always fits one block.
    fn finish(&self, inner: &[u32; 8]) -> [u32; 8] {
        let mut block = [0; BLOCK];
        for (bytes, word) in block.as_chunks_mut::<4>().0.iter_mut().zip(inner) {
            *bytes = word.to_be_bytes();
        }
        block[32] = 0x80;
        block[BLOCK - 8..].copy_from_slice(&bits(BLOCK + 32));
        let mut state = self.outer;
        compress256(&mut state, &[block]);
        state
    }
}

const fn bits(bytes: usize) -> [u8; 8] {
    (bytes as u64 * 8).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use hmac::{Hmac, KeyInit as _, Mac as _};

    use super::*;

    fn reference(key: &[u8], message: &[u8]) -> Vec<u8> {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
        mac.update(message);
        mac.finalize().into_bytes().to_vec()
    }

    fn ours(key: &[u8], message: &[u8]) -> Vec<u8> {
        HmacKey::new(key).tag(message).iter().flat_map(|word| word.to_be_bytes()).collect()
    }

    #[test]
    fn agrees_with_the_hmac_crate_at_every_length() {
        let bytes: Vec<u8> = (0..=255).cycle().take(400).collect();
        for message_len in 0..300 {
            assert_eq!(
                ours(&bytes[..32], &bytes[..message_len]),
                reference(&bytes[..32], &bytes[..message_len])
            );
        }
        for key_len in 0..200 {
            assert_eq!(
                ours(&bytes[..key_len], b"message"),
                reference(&bytes[..key_len], b"message")
            );
        }
    }

    /// RFC 4231, test cases 1, 2 and 6.
    #[test]
    fn agrees_with_rfc_4231() {
        let hex = |tag: Vec<u8>| tag.iter().fold(String::new(), |hex, b| hex + &format!("{b:02x}"));
        assert_eq!(
            hex(ours(&[0x0b; 20], b"Hi There")),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
        );
        assert_eq!(
            hex(ours(b"Jefe", b"what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        assert_eq!(
            hex(ours(&[0xaa; 131], b"Test Using Larger Than Block-Size Key - Hash Key First")),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        );
    }
}
