//! The characters that a path spells once every escape is decoded and every look-alike is folded.

use unicode_normalization::{UnicodeNormalization as _, char::is_combining_mark};

/// A character of a path after decoding and folding.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spelt {
    /// The character, or a byte of a character that stays outside ASCII.
    pub(super) byte: u8,
    /// Where its spelling begins in the path.
    pub(super) start: usize,
    /// How the path spells it.
    pub(super) form: Form,
}

/// How a path spells a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// As itself.
    Literal,
    /// As an escape, which every server decodes at some point.
    Escape,
    /// As an escape of an escape or as a look-alike, which only some servers read.
    Hidden,
}

/// Decodes `path` until no escape is left, and replaces what some servers read as ASCII characters:
/// compatibility characters (NFKC), letters with accents, overlong UTF-8 and best-fit mappings of Windows.
/// Characters that some servers drop are dropped.
///
/// Decoding to the end in one pass is the same as decoding again and again: two escapes never overlap.
/// Whatever a server leaves undecoded has a `%` or a character outside ASCII in it.
pub(super) fn spelt(path: &str) -> Vec<Spelt> {
    let mut spelling = Spelling { done: Vec::with_capacity(path.len()), next: Vec::new() };
    for (start, byte) in path.bytes().enumerate() {
        spelling.push(Spelt { byte, start, form: Form::Literal });
    }
    spelling.done
}

struct Spelling {
    done: Vec<Spelt>,
    /// What is pushed next, in reverse. A decoded digit can complete another escape, and so on for the whole
    /// path, so this is a list and not a recursion.
    next: Vec<Spelt>,
}

impl Spelling {
    fn push(&mut self, new: Spelt) {
        self.next.push(new);
        while let Some(new) = self.next.pop() {
            match new.byte {
                // Dropped by some servers, and cut as a blank by others.
                0x01..=0x1f | 0x7f => continue,
                _ => self.done.push(new),
            }
            match new.byte {
                0x80..=0xbf => self.fold_last(),
                byte if byte.is_ascii_hexdigit() => self.decode_last(),
                _ => {}
            }
        }
    }

    fn decode_last(&mut self) {
        let [.., percent, high, low] = self.done.as_slice() else { return };
        if percent.byte != b'%' {
            return;
        }
        let digit = |spelt: &Spelt| char::from(spelt.byte).to_digit(16);
        let (Some(first), Some(second)) = (digit(high), digit(low)) else { return };
        let Ok(byte) = u8::try_from(first * 16 + second) else { return };
        let is_plain = [percent, high, low].iter().all(|spelt| spelt.form == Form::Literal);
        let form = if is_plain { Form::Escape } else { Form::Hidden };
        self.replace_last(3, &[byte], form);
    }

    /// Folds the character that the last byte completes, if some server reads it as ASCII characters.
    fn fold_last(&mut self) {
        let mut value = 0;
        let last = self.done.iter().rev().enumerate().take(4);
        let mut bytes = last.map(|(at, spelt)| (at, u32::from(spelt.byte)));
        // Overlong forms are accepted, as old decoders do.
        let lead = bytes.find_map(|(at, byte)| {
            let (is_lead, bits) = match byte {
                0x80..=0xbf => (false, byte & 0x3f),
                0xc0..=0xdf if at == 1 => (true, byte & 0x1f),
                0xe0..=0xef if at == 2 => (true, byte & 0x0f),
                0xf0..=0xf7 if at == 3 => (true, byte & 0x07),
                _ => return Some(None),
            };
            value |= bits << (6 * at);
            is_lead.then_some(Some(at))
        });
        let Some(Some(lead)) = lead else { return };
        if let Some(folded) = char::from_u32(value).and_then(folded) {
            self.replace_last(lead + 1, folded.as_bytes(), Form::Hidden);
        }
    }

    fn replace_last(&mut self, count: usize, bytes: &[u8], form: Form) {
        let from = self.done.len().saturating_sub(count);
        let Some(start) = self.done.get(from).map(|spelt| spelt.start) else { return };
        self.done.truncate(from);
        self.next.extend(bytes.iter().rev().map(|&byte| Spelt { byte, start, form }));
    }
}

/// Returns what a lenient server may read in place of `c`; `None` if it reads no ASCII characters.
fn folded(c: char) -> Option<String> {
    let best_fit = match c {
        '\u{2044}' | '\u{2215}' => Some("/"),
        // The yen and won signs share a code with the backslash in Japanese and Korean code pages.
        '\u{a5}' | '\u{20a9}' | '\u{2216}' => Some("\\"),
        _ => None,
    };
    if let Some(fit) = best_fit {
        return Some(fit.to_owned());
    }
    let base = c.nfkd().filter(|&c| !is_combining_mark(c) && !is_ignorable(c));
    let base: String = base.flat_map(char::to_uppercase).collect();
    base.is_ascii().then_some(base)
}

/// Whether file systems and browsers may drop `c` (Unicode: default ignorable).
fn is_ignorable(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
    )
}
