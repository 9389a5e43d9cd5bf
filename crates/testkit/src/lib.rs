//! Shared test tools: manual clock, seeded randomness, log capture and leak scanner
