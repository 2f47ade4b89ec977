//! The tables, and every change that they went through.

use rusqlite_migration::{M, Migrations};

/// Every migration, oldest first. One that was ever released does not change.
const ALL: &[M<'static>] = &[M::up(FIRST), M::up(LOGS_AND_NOTICES), M::up(ORDERS)];

const FIRST: &str = r"
CREATE TABLE roots (
    version     INTEGER PRIMARY KEY,
    envelope    BLOB NOT NULL,                  -- the signed document, as writ-wire's envelope
    received_at INTEGER NOT NULL                -- milliseconds since 1970, as all times here
) STRICT;

CREATE TABLE releases (
    id           INTEGER PRIMARY KEY,
    site         TEXT NOT NULL,
    epoch        INTEGER NOT NULL,
    serial       INTEGER NOT NULL,
    digest       BLOB NOT NULL,
    envelope     BLOB NOT NULL,
    received_at  INTEGER NOT NULL,
    activated_at INTEGER                        -- null while it is pending
) STRICT;
CREATE UNIQUE INDEX releases_active ON releases (site, epoch, serial) WHERE activated_at IS NOT NULL;
CREATE UNIQUE INDEX releases_pending ON releases (site) WHERE activated_at IS NULL;

CREATE TABLE logs (
    id        INTEGER PRIMARY KEY,
    site      TEXT NOT NULL,
    number    INTEGER NOT NULL,
    origin    TEXT NOT NULL,
    restart   BLOB,                             -- the envelope of the document that began it; null for the first
    size      INTEGER NOT NULL,
    root      BLOB NOT NULL,
    note      TEXT NOT NULL,                    -- the newest signed checkpoint
    flushed   INTEGER NOT NULL,                 -- tile files up to this size are known to survive a power cut
    trust     INTEGER NOT NULL,                 -- the newest version of the trust root that it has an entry of
    UNIQUE (site, number)
) STRICT;

CREATE TABLE keys (
    id         INTEGER PRIMARY KEY,
    site       TEXT NOT NULL,
    public_key BLOB NOT NULL,
    UNIQUE (site, public_key)
) STRICT;

CREATE TABLE evidence (
    id          INTEGER PRIMARY KEY,
    key         INTEGER NOT NULL REFERENCES keys (id),
    sequence    INTEGER NOT NULL,
    digest      BLOB NOT NULL,
    received_at INTEGER NOT NULL,
    signature   BLOB NOT NULL,                  -- exact bytes
    document    BLOB NOT NULL,                  -- exact bytes
    UNIQUE (key, sequence)
) STRICT;
CREATE TRIGGER evidence_is_not_changed BEFORE UPDATE ON evidence
    BEGIN SELECT RAISE(ABORT, 'evidence is not changed'); END;
CREATE TRIGGER evidence_is_not_removed BEFORE DELETE ON evidence
    BEGIN SELECT RAISE(ABORT, 'evidence is not removed'); END;

CREATE TABLE entries (
    log      INTEGER NOT NULL REFERENCES logs (id),
    idx      INTEGER NOT NULL,
    entry    BLOB NOT NULL,                     -- exact bytes of the leaf
    evidence INTEGER REFERENCES evidence (id),  -- what it names, where that is kept here
    release  INTEGER REFERENCES releases (id),
    PRIMARY KEY (log, idx)
) STRICT, WITHOUT ROWID;
CREATE INDEX entries_of_evidence ON entries (evidence, log) WHERE evidence IS NOT NULL;
CREATE INDEX entries_of_releases ON entries (release, log) WHERE release IS NOT NULL;
CREATE TRIGGER entries_are_not_changed BEFORE UPDATE ON entries
    BEGIN SELECT RAISE(ABORT, 'log entries are not changed'); END;
CREATE TRIGGER entries_are_not_removed BEFORE DELETE ON entries
    BEGIN SELECT RAISE(ABORT, 'log entries are not removed'); END;

CREATE TABLE heartbeats (
    site       TEXT NOT NULL,
    public_key BLOB NOT NULL,
    at         INTEGER NOT NULL,
    envelope   BLOB NOT NULL,
    PRIMARY KEY (site, public_key)
) STRICT, WITHOUT ROWID;
";

const LOGS_AND_NOTICES: &str = r"
CREATE TABLE log_batches (
    site        TEXT NOT NULL,
    public_key  BLOB NOT NULL,                  -- of the appliance
    digest      BLOB NOT NULL,                  -- of the file
    source      TEXT NOT NULL,
    number      INTEGER NOT NULL,
    begins      INTEGER NOT NULL,
    ends        INTEGER NOT NULL,
    lines       INTEGER NOT NULL,
    bytes       INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    PRIMARY KEY (site, digest, public_key)
) STRICT, WITHOUT ROWID;

CREATE TABLE log_newest (                       -- of these the one of each source that ends last
    site        TEXT NOT NULL,
    public_key  BLOB NOT NULL,
    source      TEXT NOT NULL,
    number      INTEGER NOT NULL,
    digest      BLOB NOT NULL,
    ends        INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    PRIMARY KEY (site, public_key, source)
) STRICT, WITHOUT ROWID;

CREATE TABLE notices (
    id          INTEGER PRIMARY KEY,
    site        TEXT NOT NULL,
    public_key  BLOB NOT NULL,
    number      INTEGER NOT NULL,
    digest      BLOB NOT NULL,
    received_at INTEGER NOT NULL,
    envelope    BLOB NOT NULL,
    UNIQUE (site, public_key, digest)
) STRICT;
CREATE INDEX notices_of_site ON notices (site, id);
";

const ORDERS: &str = r"
CREATE TABLE orders (
    id          INTEGER PRIMARY KEY,
    site        TEXT NOT NULL,
    order_id    TEXT NOT NULL,
    digest      BLOB NOT NULL,
    expires_at  INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    envelope    BLOB NOT NULL,                  -- with the signatures that counted when it came
    UNIQUE (site, order_id)
) STRICT;
CREATE INDEX orders_by_end ON orders (expires_at);
";

/// The migrations that a database must have gone through.
pub(super) fn all() -> Migrations<'static> {
    Migrations::from_slice(ALL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_migrations_apply() {
        all().validate().unwrap();
    }

    #[test]
    fn evidence_and_entries_refuse_change() {
        let mut connection = rusqlite::Connection::open_in_memory().unwrap();
        all().to_latest(&mut connection).unwrap();
        connection
            .execute_batch(
                "INSERT INTO keys VALUES (1, 'clinic-001', x'00');
                 INSERT INTO evidence VALUES (1, 1, 1, x'00', 0, x'00', x'00');
                 INSERT INTO logs VALUES (1, 'clinic-001', 1, 'o', NULL, 0, x'00', '', 0, 0);
                 INSERT INTO entries VALUES (1, 0, x'00', 1, NULL);",
            )
            .unwrap();
        for forbidden in [
            "UPDATE evidence SET document = x'01'",
            "DELETE FROM evidence",
            "INSERT OR REPLACE INTO evidence VALUES (1, 1, 1, x'00', 0, x'00', x'01')",
            "UPDATE entries SET entry = x'01'",
            "DELETE FROM entries",
        ] {
            // Replacing deletes without asking triggers unless they are recursive: every connection that writes has that.
            connection.pragma_update(None, "recursive_triggers", "ON").unwrap();
            assert!(connection.execute(forbidden, []).is_err(), "{forbidden}");
        }
    }
}
