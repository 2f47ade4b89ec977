//! The tables, and every change that they went through.

use rusqlite_migration::{M, Migrations};

/// Every migration, oldest first. One that was ever released does not change.
const ALL: &[M<'static>] = &[M::up(FIRST), M::up(LOGS_AND_NOTICES), M::up(APPEND_ONLY), M::up(ORDERS)];

/// The schema that this program has, as `PRAGMA user_version` says it.
pub(crate) const CURRENT: i64 = ALL.len() as i64;

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

/// What is only ever added refuses everything else, whoever connects and with whatever settings: `INSERT OR REPLACE` deletes
/// without asking the triggers for deletion, unless a connection has `recursive_triggers`, so an insertion that would replace is
/// refused as one. What may go one day is a batch of logs, and that only once `retention` says so, which `gc` writes from the
/// signed policies.
const APPEND_ONLY: &str = r"
CREATE TRIGGER evidence_is_not_replaced BEFORE INSERT ON evidence
    WHEN EXISTS (SELECT 1 FROM evidence WHERE id = NEW.id)
      OR EXISTS (SELECT 1 FROM evidence WHERE key = NEW.key AND sequence = NEW.sequence)
    BEGIN SELECT RAISE(ABORT, 'evidence is not replaced'); END;

CREATE TRIGGER entries_are_not_replaced BEFORE INSERT ON entries
    WHEN EXISTS (SELECT 1 FROM entries WHERE log = NEW.log AND idx = NEW.idx)
    BEGIN SELECT RAISE(ABORT, 'log entries are not replaced'); END;

CREATE TRIGGER keys_are_not_changed BEFORE UPDATE ON keys
    BEGIN SELECT RAISE(ABORT, 'keys are not changed'); END;
CREATE TRIGGER keys_are_not_removed BEFORE DELETE ON keys
    BEGIN SELECT RAISE(ABORT, 'keys are not removed'); END;
CREATE TRIGGER keys_are_not_replaced BEFORE INSERT ON keys
    WHEN EXISTS (SELECT 1 FROM keys WHERE id = NEW.id OR (site = NEW.site AND public_key = NEW.public_key))
    BEGIN SELECT RAISE(ABORT, 'keys are not replaced'); END;

CREATE TRIGGER roots_are_not_changed BEFORE UPDATE ON roots
    BEGIN SELECT RAISE(ABORT, 'trust roots are not changed'); END;
CREATE TRIGGER roots_are_not_removed BEFORE DELETE ON roots
    BEGIN SELECT RAISE(ABORT, 'trust roots are not removed'); END;
CREATE TRIGGER roots_are_not_replaced BEFORE INSERT ON roots
    WHEN EXISTS (SELECT 1 FROM roots WHERE version = NEW.version)
    BEGIN SELECT RAISE(ABORT, 'trust roots are not replaced'); END;

-- A pending release becomes active or goes; nothing else happens to one, and nothing at all to one that is or was active.
CREATE TRIGGER releases_are_not_changed BEFORE UPDATE ON releases
    WHEN OLD.activated_at IS NOT NULL OR NEW.id IS NOT OLD.id OR NEW.site IS NOT OLD.site OR NEW.epoch IS NOT OLD.epoch
      OR NEW.serial IS NOT OLD.serial OR NEW.digest IS NOT OLD.digest OR NEW.envelope IS NOT OLD.envelope
      OR NEW.received_at IS NOT OLD.received_at
      OR (NEW.activated_at IS NOT NULL AND EXISTS (SELECT 1 FROM releases WHERE activated_at IS NOT NULL
          AND site = NEW.site AND epoch = NEW.epoch AND serial = NEW.serial))
    BEGIN SELECT RAISE(ABORT, 'releases are not changed'); END;
CREATE TRIGGER releases_are_not_removed BEFORE DELETE ON releases WHEN OLD.activated_at IS NOT NULL
    BEGIN SELECT RAISE(ABORT, 'releases that were active are not removed'); END;
CREATE TRIGGER releases_are_not_replaced BEFORE INSERT ON releases
    WHEN EXISTS (SELECT 1 FROM releases WHERE activated_at IS NOT NULL
                 AND (id = NEW.id OR (NEW.activated_at IS NOT NULL AND site = NEW.site AND epoch = NEW.epoch
                                      AND serial = NEW.serial)))
    BEGIN SELECT RAISE(ABORT, 'releases that were active are not replaced'); END;

-- A log only grows; of one size there is one root.
CREATE TRIGGER logs_only_grow BEFORE UPDATE ON logs
    WHEN NEW.id IS NOT OLD.id OR NEW.site IS NOT OLD.site OR NEW.number IS NOT OLD.number OR NEW.origin IS NOT OLD.origin
      OR NEW.size < OLD.size OR (NEW.size = OLD.size AND NEW.root IS NOT OLD.root) OR NEW.trust < OLD.trust
    BEGIN SELECT RAISE(ABORT, 'logs only grow'); END;
CREATE TRIGGER logs_are_not_removed BEFORE DELETE ON logs
    BEGIN SELECT RAISE(ABORT, 'logs are not removed'); END;
CREATE TRIGGER logs_are_not_replaced BEFORE INSERT ON logs
    WHEN EXISTS (SELECT 1 FROM logs WHERE id = NEW.id OR (site = NEW.site AND number = NEW.number))
    BEGIN SELECT RAISE(ABORT, 'logs are not replaced'); END;

CREATE TABLE retention (                        -- until when batches of a site's logs may go, by its signed policies
    site        TEXT PRIMARY KEY,
    before      INTEGER NOT NULL,               -- what ended and came before this
    kept_millis INTEGER NOT NULL                -- how long the policies have them kept
) STRICT, WITHOUT ROWID;

CREATE TABLE log_batches_gone (                 -- what went, so that it is known to have been here
    site        TEXT NOT NULL,
    public_key  BLOB NOT NULL,
    digest      BLOB NOT NULL,
    source      TEXT NOT NULL,
    number      INTEGER NOT NULL,
    begins      INTEGER NOT NULL,
    ends        INTEGER NOT NULL,
    bytes       INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    removed_at  INTEGER NOT NULL,
    PRIMARY KEY (site, digest, public_key)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER gone_is_not_changed BEFORE UPDATE ON log_batches_gone
    BEGIN SELECT RAISE(ABORT, 'what went is not changed'); END;
CREATE TRIGGER gone_is_not_removed BEFORE DELETE ON log_batches_gone
    BEGIN SELECT RAISE(ABORT, 'what went is not forgotten'); END;
CREATE TRIGGER gone_is_not_replaced BEFORE INSERT ON log_batches_gone
    WHEN EXISTS (SELECT 1 FROM log_batches_gone WHERE site = NEW.site AND digest = NEW.digest
                 AND public_key = NEW.public_key)
    BEGIN SELECT RAISE(ABORT, 'what went is not replaced'); END;

CREATE TRIGGER log_batches_are_not_changed BEFORE UPDATE ON log_batches
    BEGIN SELECT RAISE(ABORT, 'batches of logs are not changed'); END;
CREATE TRIGGER log_batches_are_kept BEFORE DELETE ON log_batches
    WHEN NOT EXISTS (SELECT 1 FROM retention WHERE site = OLD.site AND OLD.ends < before AND OLD.received_at < before)
      OR NOT EXISTS (SELECT 1 FROM log_batches_gone WHERE site = OLD.site AND digest = OLD.digest
                     AND public_key = OLD.public_key)
    BEGIN SELECT RAISE(ABORT, 'batches of logs are kept as long as the signed policy says'); END;
CREATE TRIGGER log_batches_are_not_replaced BEFORE INSERT ON log_batches
    WHEN EXISTS (SELECT 1 FROM log_batches WHERE site = NEW.site AND digest = NEW.digest AND public_key = NEW.public_key)
    BEGIN SELECT RAISE(ABORT, 'batches of logs are not replaced'); END;

CREATE TABLE free_space (                       -- how much of the disk was free, about once an hour
    at   INTEGER PRIMARY KEY,
    free INTEGER NOT NULL                       -- bytes
) STRICT;
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
pub(in crate::store) fn all() -> Migrations<'static> {
    Migrations::from_slice(ALL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_migrations_apply() {
        all().validate().unwrap();
    }

    /// By a trigger, and not for another reason.
    #[track_caller]
    fn refused(connection: &rusqlite::Connection, sql: &str) {
        let said = connection.execute(sql, []).expect_err(sql).to_string();
        let ours = ["not changed", "not removed", "not replaced", "not forgotten", "only grow", "are kept as long"];
        assert!(ours.iter().any(|ours| said.contains(ours)), "{sql}: {said}");
    }

    /// By a connection without any of our settings, as that of somebody with another tool.
    #[test]
    fn what_is_only_added_refuses_change() {
        let mut connection = rusqlite::Connection::open_in_memory().unwrap();
        all().to_latest(&mut connection).unwrap();
        connection.execute_batch(include_str!("../../../tests/rows.sql")).unwrap();
        let tables = ["roots", "releases", "keys", "evidence", "logs", "entries", "log_batches", "log_batches_gone"];
        let count = |table: &str| {
            let sql = format!("SELECT count(*) FROM {table}");
            connection.query_row(&sql, [], |row| row.get::<_, i64>(0)).unwrap()
        };
        let before = tables.map(count);
        for table in tables {
            let active = if table == "releases" { " WHERE activated_at IS NOT NULL" } else { "" };
            let column = if table == "logs" { "origin = 'other'" } else { "rowid = rowid" };
            let column = match table {
                // Without a rowid.
                "entries" => "entry = entry",
                "log_batches" | "log_batches_gone" => "bytes = bytes",
                _ => column,
            };
            for verb in ["UPDATE", "UPDATE OR REPLACE", "UPDATE OR IGNORE"] {
                refused(&connection, &format!("{verb} {table} SET {column}{active}"));
            }
            refused(&connection, &format!("DELETE FROM {table}{active}"));
            refused(&connection, &format!("INSERT OR REPLACE INTO {table} SELECT * FROM {table}{active}"));
        }
        for forbidden in [
            "UPDATE logs SET size = size - 1",
            "UPDATE logs SET root = x'01'",
            "UPDATE OR REPLACE releases SET activated_at = 9 WHERE activated_at IS NULL",
            "UPDATE releases SET envelope = x'02' WHERE activated_at IS NULL",
            "INSERT OR REPLACE INTO releases VALUES (9, 'clinic-001', 1, 1, x'00', x'01', 0, 1)",
            "INSERT OR REPLACE INTO evidence VALUES (9, 1, 1, x'00', 0, x'00', x'01')",
            "INSERT OR REPLACE INTO evidence VALUES (1, 1, 9, x'00', 0, x'00', x'01')",
        ] {
            refused(&connection, forbidden);
        }
        assert_eq!(tables.map(count), before);
        // What has to happen does.
        for allowed in [
            "UPDATE logs SET size = size + 1, root = x'01', note = 'n'",
            "UPDATE logs SET flushed = 1, note = 'fresher'",
            "DELETE FROM releases WHERE activated_at IS NULL",
        ] {
            assert_eq!(connection.execute(allowed, []).unwrap(), 1, "{allowed}");
        }
    }

    #[test]
    fn a_batch_of_logs_goes_when_the_policy_says_so_and_what_went_is_known() {
        let mut connection = rusqlite::Connection::open_in_memory().unwrap();
        all().to_latest(&mut connection).unwrap();
        connection.execute_batch(include_str!("../../../tests/rows.sql")).unwrap();
        let delete = || connection.execute("DELETE FROM log_batches", []).ok();
        let gone = "INSERT INTO log_batches_gone
            SELECT site, public_key, digest, source, number, begins, ends, bytes, received_at, 9 FROM log_batches";
        assert_eq!(delete(), None, "no retention is known");
        connection.execute("INSERT INTO retention VALUES ('clinic-001', 1000, 1)", []).unwrap();
        assert_eq!(delete(), None, "nobody would know what went");
        connection.execute(gone, []).unwrap();
        for before in [3, 2] {
            connection.execute("UPDATE retention SET before = ?", [before]).unwrap();
            assert_eq!(delete(), None, "it ended or came later");
        }
        connection.execute("UPDATE retention SET before = 5", []).unwrap();
        assert_eq!(delete(), Some(1));
    }
}
