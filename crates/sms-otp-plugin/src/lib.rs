//! An SMS one-time-code factor composed of otp-core, otp-cache, mfa-plugin-api and karaden-client
