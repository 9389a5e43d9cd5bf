-- A user has a generation; a session has a public id and a snapshot of its user. Sessions and pending
-- logins of the former layout end: their users log in again.

ALTER TABLE users ADD COLUMN generation INTEGER NOT NULL DEFAULT 0;

DELETE FROM pending_logins;

DROP TABLE sessions;

CREATE TABLE sessions (
    token_digest BLOB NOT NULL PRIMARY KEY CHECK (length(token_digest) = 32),
    session_id TEXT NOT NULL UNIQUE,
    user_id TEXT NOT NULL,
    opened_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    seen_at INTEGER NOT NULL,
    record TEXT NOT NULL CHECK (json_valid(record))
) STRICT, WITHOUT ROWID;

CREATE INDEX sessions_by_user ON sessions (user_id, opened_at);
CREATE INDEX sessions_by_end ON sessions (expires_at);

CREATE INDEX audit_trail_by_event ON audit_trail (event, id);
