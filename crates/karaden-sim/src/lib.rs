//! A faithful simulator of both Karaden APIs, with a phone inbox page
