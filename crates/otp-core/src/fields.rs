//! The encoding of texts under a hash: each field with its length before it.

use hmac::digest::Update;

/// Hashes `fields`, each with its length before it, so that no two lists of fields have the same bytes.
///
/// A length is in base 128, low digits first, each digit but the last with its high bit set (LEB128).
#[inline]
pub(crate) fn update_with_fields(hash: &mut impl Update, fields: &[&[u8]]) {
    for field in fields {
        let mut len = field.len();
        while len >= 0x80 {
            hash.update(&[0x80 | u8::try_from(len & 0x7f).unwrap_or_default()]);
            len >>= 7;
        }
        hash.update(&[u8::try_from(len).unwrap_or_default()]);
        hash.update(field);
    }
}

#[cfg(test)]
mod tests {
    use sha2::{Digest as _, Sha256};

    use super::*;

    #[test]
    fn fields_have_their_lengths_before_them() {
        for (len, prefix) in [
            (0, vec![0]),
            (1, vec![1]),
            (127, vec![127]),
            (128, vec![0x80, 1]),
            (300, vec![0xac, 2]),
            (16_383, vec![0xff, 0x7f]),
            (16_384, vec![0x80, 0x80, 1]),
        ] {
            let field = vec![b'x'; len];
            let mut hash = Sha256::new();
            update_with_fields(&mut hash, &[&field, b"end"]);
            let expected = [&prefix, &field, &b"\x03end"[..]].concat();
            assert_eq!(hash.finalize(), Sha256::digest(&expected), "{len}");
        }
    }
}
