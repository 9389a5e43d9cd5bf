-- Instants are whole milliseconds since 1970.

CREATE TABLE users (
    id TEXT NOT NULL PRIMARY KEY,
    login_name TEXT NOT NULL UNIQUE,
    display_name TEXT NOT NULL,
    groups TEXT NOT NULL CHECK (json_valid(groups)),
    phone_number TEXT,
    phone_number_changed_at INTEGER,
    password_hash TEXT,
    is_disabled INTEGER NOT NULL CHECK (is_disabled IN (0, 1)),
    created_at INTEGER NOT NULL,
    last_login_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE pending_logins (
    token_digest BLOB NOT NULL PRIMARY KEY CHECK (length(token_digest) = 32),
    user_id TEXT NOT NULL,
    version INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    record TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX pending_logins_by_user ON pending_logins (user_id);
CREATE INDEX pending_logins_by_end ON pending_logins (expires_at);

CREATE TABLE sessions (
    token_digest BLOB NOT NULL PRIMARY KEY CHECK (length(token_digest) = 32),
    user_id TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    seen_at INTEGER NOT NULL,
    record TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX sessions_by_user ON sessions (user_id);
CREATE INDEX sessions_by_end ON sessions (expires_at);

CREATE TABLE audit_trail (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    event TEXT NOT NULL,
    user_id TEXT,
    actor TEXT,
    client TEXT,
    flow TEXT,
    fields TEXT NOT NULL CHECK (json_valid(fields))
) STRICT;

CREATE INDEX audit_trail_by_user ON audit_trail (user_id, id);

CREATE TRIGGER audit_trail_is_not_changed BEFORE UPDATE ON audit_trail
BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append-only');
END;

CREATE TRIGGER audit_trail_is_not_shortened BEFORE DELETE ON audit_trail
BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append-only');
END;
