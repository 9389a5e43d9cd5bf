//! The login state machine: drives the password and the factor plugins, and knows none by name
