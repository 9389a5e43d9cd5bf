-- Counts the changes of password hashes, by whatever process, so that their costs are counted again only after one.

CREATE TABLE password_hash_changes (count INTEGER NOT NULL) STRICT;

INSERT INTO password_hash_changes VALUES (0);

CREATE TRIGGER password_hash_added AFTER INSERT ON users
WHEN NEW.password_hash IS NOT NULL
BEGIN
    UPDATE password_hash_changes SET count = count + 1;
END;

CREATE TRIGGER password_hash_changed AFTER UPDATE OF password_hash ON users
BEGIN
    UPDATE password_hash_changes SET count = count + 1;
END;

CREATE TRIGGER password_hash_removed AFTER DELETE ON users
WHEN OLD.password_hash IS NOT NULL
BEGIN
    UPDATE password_hash_changes SET count = count + 1;
END;
