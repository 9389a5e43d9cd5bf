-- The audit trail is a hash chain. Records from before have no hash.

ALTER TABLE audit_trail ADD COLUMN hash BLOB CHECK (hash IS NULL OR length(hash) = 32);

-- The parts of the chain that have ended.
CREATE TABLE audit_segments (
    number INTEGER NOT NULL PRIMARY KEY,
    first_id INTEGER NOT NULL,
    last_id INTEGER NOT NULL,
    records INTEGER NOT NULL,
    head BLOB NOT NULL CHECK (length(head) = 32),
    seal BLOB NOT NULL CHECK (length(seal) = 32),
    sealed_at INTEGER NOT NULL,
    removed_at INTEGER
) STRICT;

CREATE TRIGGER audit_segments_are_not_changed
BEFORE UPDATE OF number, first_id, last_id, records, head, seal, sealed_at ON audit_segments
BEGIN
    SELECT RAISE(ABORT, 'a sealed segment is not changed');
END;

CREATE TRIGGER audit_segments_are_not_removed BEFORE DELETE ON audit_segments
BEGIN
    SELECT RAISE(ABORT, 'a sealed segment is not removed');
END;

DROP TRIGGER audit_trail_is_not_shortened;

CREATE TRIGGER audit_trail_is_not_shortened BEFORE DELETE ON audit_trail
WHEN NOT EXISTS (
    SELECT 1 FROM audit_segments
    WHERE OLD.id BETWEEN first_id AND last_id AND removed_at IS NOT NULL
)
BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append-only');
END;

-- One row, which the readiness check writes.
CREATE TABLE probe (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    count INTEGER NOT NULL
) STRICT;
