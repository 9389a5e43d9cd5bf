//! The name that was probably meant.

/// The least similarity of a suggestion: at most two of five characters differ.
const MIN_SIMILARITY: f64 = 0.6;

/// Returns the name among `known` that is most like `name`, if one is similar.
pub(super) fn nearest<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    known
        .into_iter()
        .map(|candidate| (strsim::normalized_damerau_levenshtein(name, candidate), candidate))
        .filter(|(similarity, _)| *similarity >= MIN_SIMILARITY)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_name_finds_its_neighbour() {
        let known = ["digits", "lifetime", "lockout_durations"];
        assert_eq!(nearest("lifetme", known), Some("lifetime"));
        assert_eq!(nearest("lockout_duration", known), Some("lockout_durations"));
        assert_eq!(nearest("colour", known), None);
    }
}
