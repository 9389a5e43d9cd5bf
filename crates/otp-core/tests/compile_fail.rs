//! What must not compile: showing or comparing a secret, forging or reusing a proof.

#[test]
fn secrets_and_proofs_are_guarded_by_their_types() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
