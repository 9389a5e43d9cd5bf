//! The authentication module: users, passwords, sessions, required factors, lockouts and the OTP cache
