//! Typed async client of both Karaden SMS APIs that says not sent, refused or unknown
