//! A gzip bomb: 1.7 MB that unpack to 256 MiB of spaces. Written bit by bit, because a compressor
//! would need seconds for each response.

/// How often the stream repeats its period.
const PERIODS: u32 = 130_100;
/// How often a match repeats the last byte. A period has eight matches.
const MATCH: u32 = 258;
/// Length of the unpacked bytes.
pub(super) const UNPACKED: u32 = 1 + PERIODS * 8 * MATCH;

/// Makes the gzip stream: one final deflate block with fixed codes (RFC 1951, section 3.2.6), in it one
/// literal space and matches "258 times the last byte".
///
/// The literal ends after 11 bits and eight matches take 104, so from the third byte on the stream
/// repeats every 13 bytes.
pub(super) fn gzip() -> Vec<u8> {
    let mut bits = Bits::default();
    bits.low_first(0b1, 1); // last block
    bits.low_first(0b01, 2); // fixed codes
    bits.high_first(0x30 + u16::from(b' '), 8);
    for _ in 0..16 {
        bits.high_first(0b1100_0101, 8); // length 258
        bits.high_first(0, 5); // distance 1
    }
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    out.extend(&bits.bytes[..2]);
    out.extend(bits.bytes[2..15].repeat(PERIODS as usize));
    // Keep the last three bits of the last match; seven zero bits end the block.
    if let Some(last) = out.last_mut() {
        *last &= 0b111;
    }
    out.push(0);
    out.extend(checksum_of_spaces(UNPACKED).to_le_bytes());
    out.extend(UNPACKED.to_le_bytes());
    out
}

#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    used: usize,
}

impl Bits {
    fn push(&mut self, bit: u16) {
        if self.used.is_multiple_of(8) {
            self.bytes.push(0);
        }
        if let Some(last) = self.bytes.last_mut() {
            *last |= u8::from(bit == 1) << (self.used % 8);
        }
        self.used += 1;
    }

    fn low_first(&mut self, value: u16, width: u32) {
        for position in 0..width {
            self.push(value >> position & 1);
        }
    }

    fn high_first(&mut self, value: u16, width: u32) {
        for position in (0..width).rev() {
            self.push(value >> position & 1);
        }
    }
}

/// What appending spaces does to a CRC-32 register: an affine map over GF(2). Appending twice as many
/// is the map applied to itself, so 256 MiB take 28 steps.
#[derive(Clone, Copy)]
struct Append {
    columns: [u32; 32],
    constant: u32,
}

impl Append {
    fn one_space() -> Self {
        let constant = step(0);
        let mut columns = [0; 32];
        for (bit, column) in columns.iter_mut().enumerate() {
            *column = step(1 << bit) ^ constant;
        }
        Self { columns, constant }
    }

    fn apply(&self, register: u32) -> u32 {
        (0..32)
            .filter(|bit| register >> bit & 1 == 1)
            .fold(self.constant, |sum, bit| sum ^ self.columns[bit])
    }

    fn twice(&self) -> Self {
        let constant = self.apply(self.constant);
        let twice = |column| self.apply(column) ^ self.constant;
        Self { columns: self.columns.map(twice), constant }
    }
}

/// Appends one space to the CRC-32 register of gzip.
fn step(register: u32) -> u32 {
    (0..8).fold(register ^ u32::from(b' '), |register, _| {
        register >> 1 ^ if register & 1 == 1 { 0xEDB8_8320 } else { 0 }
    })
}

fn checksum_of_spaces(count: u32) -> u32 {
    let (mut append, mut register) = (Append::one_space(), u32::MAX);
    for bit in 0..32 {
        if count >> bit & 1 == 1 {
            register = append.apply(register);
        }
        append = append.twice();
    }
    !register
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_gzip() {
        // From `printf ' ' | gzip`; the other value is computed space by space.
        assert_eq!(checksum_of_spaces(1), 0xE96C_CF45);
        let slow = (0..1_000).fold(u32::MAX, |register, _| step(register));
        assert_eq!(checksum_of_spaces(1_000), !slow);
    }
}
