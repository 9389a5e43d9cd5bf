//! Pure rules of one-time codes: derivation, policy, challenge states, HOTP, TOTP and the SMS text
