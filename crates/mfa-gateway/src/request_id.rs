//! The id of a request: every line of the log about the request has it, the application gets it, and the
//! response carries it. A page shows a short number instead, for the telephone.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
};

use http::{HeaderMap, HeaderName, HeaderValue};
use mfa_plugin_api::Randomness;
use sha2::{Digest as _, Sha256};

/// The header that carries the id.
pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// A longer id of a proxy is not taken.
const MAX_CHARS: usize = 128;

/// Makes the ids of one process.
///
/// An id has to be unique, not unguessable: it opens nothing. So the random generator is asked once, and not for
/// each request.
#[derive(Debug)]
pub(crate) struct RequestIds {
    /// Tells the ids of this process from those of others.
    process: u64,
    first: u64,
    made: AtomicU64,
}

/// The id of one request.
#[derive(Debug, Clone)]
pub(crate) struct RequestId {
    text: HeaderValue,
    /// `None` if a proxy made the id.
    reference: Option<Reference>,
}

/// A number of twelve digits that a person can read out on the telephone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reference(u64);

impl RequestIds {
    /// Draws what tells this process from others. Without randomness it is zero, and requests are still told apart.
    pub(crate) fn new(randomness: &dyn Randomness) -> Self {
        let draw = || {
            let mut bytes = [0; 8];
            randomness.fill(&mut bytes).map_or(0, |()| u64::from_le_bytes(bytes))
        };
        Self { process: draw(), first: draw() % Reference::COUNT, made: AtomicU64::new(0) }
    }

    /// Returns a new id. It begins with its reference number.
    pub(crate) fn make(&self) -> RequestId {
        let reference = Reference::nth(self.first, self.made.fetch_add(1, Ordering::Relaxed));
        let text = HeaderValue::try_from(format!("{reference}-{:016x}", self.process));
        let text = text.expect("digits and dashes are the value of a header");
        RequestId { text, reference: Some(reference) }
    }
}

impl RequestId {
    /// Returns the id that a proxy in front gave the request: 1 to 128 letters, digits and `._:/+=@-`. `None` if
    /// there is none, more than one, or another one.
    pub(crate) fn of_proxy(headers: &HeaderMap) -> Option<Self> {
        let mut lines = headers.get_all(X_REQUEST_ID).iter();
        let text = lines.next().filter(|_| lines.next().is_none())?;
        let is_valid = (1..=MAX_CHARS).contains(&text.len())
            && text.as_bytes().iter().copied().all(is_allowed);
        is_valid.then(|| Self { text: text.clone(), reference: None })
    }

    /// Returns the id as the value of a header.
    pub(crate) fn as_header(&self) -> &HeaderValue {
        &self.text
    }

    /// Returns the number that stands for the id on a page.
    pub(crate) fn reference(&self) -> Reference {
        self.reference.unwrap_or_else(|| Reference::derived_from(self.text.as_bytes()))
    }
}

fn is_allowed(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._:/+=@-".contains(&byte)
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text.to_str().unwrap_or_default())
    }
}

impl Reference {
    const COUNT: u64 = 1_000_000_000_000;
    /// Shares no divisor with [`COUNT`](Self::COUNT), so that no number comes twice before all have come. It is
    /// large, so that the numbers of two requests in a row differ in most digits.
    const STEP: u64 = 618_033_988_749;

    fn nth(first: u64, n: u64) -> Self {
        let (first, n) = (u128::from(first), u128::from(n));
        let number = (first + n * u128::from(Self::STEP)) % u128::from(Self::COUNT);
        Self(u64::try_from(number).expect("it is less than COUNT"))
    }

    fn derived_from(id: &[u8]) -> Self {
        let digest = Sha256::digest(id);
        let (head, _) = digest.split_first_chunk().expect("a digest of 32 bytes");
        Self(u64::from_be_bytes(*head) % Self::COUNT)
    }
}

impl fmt::Display for Reference {
    /// Writes `4821-7730-5512`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let group = |divisor: u64| self.0 / divisor % 10_000;
        write!(f, "{:04}-{:04}-{:04}", group(100_000_000), group(10_000), group(1))
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeSet,
        sync::atomic::{AtomicUsize, Ordering},
    };

    use mfa_plugin_api::RandomnessUnavailable;

    use super::*;

    #[derive(Debug, Default)]
    struct CountedRandomness(AtomicUsize);

    impl Randomness for CountedRandomness {
        fn fill(&self, out: &mut [u8]) -> Result<(), RandomnessUnavailable> {
            out.fill(0xa7);
            self.0.fetch_add(1, Ordering::Relaxed);
            Ok(())
        }
    }

    #[test]
    fn a_number_has_three_groups_of_four_digits() {
        assert_eq!(Reference(482_177_305_512).to_string(), "4821-7730-5512");
        assert_eq!(Reference(7).to_string(), "0000-0000-0007");
        assert_eq!(Reference(Reference::COUNT - 1).to_string(), "9999-9999-9999");
    }

    #[test]
    fn ids_of_a_process_differ_begin_with_their_number_and_cost_no_randomness() {
        let randomness = CountedRandomness::default();
        let ids = RequestIds::new(&randomness);
        let drawn = randomness.0.load(Ordering::Relaxed);
        let made: BTreeSet<String> = (0..10_000)
            .map(|_| {
                let id = ids.make();
                assert!(id.to_string().starts_with(&format!("{}-", id.reference())), "{id}");
                id.reference().to_string()
            })
            .collect();
        assert_eq!(made.len(), 10_000);
        assert_eq!(randomness.0.load(Ordering::Relaxed), drawn);
    }

    #[test]
    fn the_numbers_come_back_only_after_all_have_come() {
        let (mut a, mut b) = (Reference::STEP, Reference::COUNT);
        while b > 0 {
            (a, b) = (b, a % b);
        }
        assert_eq!(a, 1, "a common divisor");
        assert_eq!(Reference::nth(5, u64::MAX).to_string().len(), 14);
    }

    fn of_proxy(lines: &[&str]) -> Option<String> {
        let lines = lines.iter().map(|line| (X_REQUEST_ID, line.parse().expect("a value")));
        RequestId::of_proxy(&lines.collect()).map(|id| id.to_string())
    }

    #[test]
    fn an_id_of_a_proxy_is_taken_if_it_is_harmless() {
        let longest = "a".repeat(MAX_CHARS);
        for id in
            ["1", "f058ebd6-02f7-4d3f-942e-904344e8cde5", "Root=1-67891233:a/b+c.d_e@f", &longest]
        {
            assert_eq!(of_proxy(&[id]).as_deref(), Some(id));
        }
        for id in ["", "a b", "a\"b", "a,b", "a;b", "{a}", "a<b>", &format!("{longest}a")] {
            assert_eq!(of_proxy(&[id]), None, "{id}");
        }
        assert_eq!(of_proxy(&[]), None);
        assert_eq!(of_proxy(&["a", "a"]), None);
        let mut headers = HeaderMap::new();
        headers.insert(X_REQUEST_ID, HeaderValue::from_bytes("番号".as_bytes()).expect("a value"));
        assert!(RequestId::of_proxy(&headers).is_none());
        headers.insert(X_REQUEST_ID, HeaderValue::from_static("abc"));
        let reference = |headers| RequestId::of_proxy(headers).expect("an id").reference();
        assert_eq!(reference(&headers), reference(&headers), "the same number each time");
        assert_ne!(reference(&headers), Reference(0));
    }
}
