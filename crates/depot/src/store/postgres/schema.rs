//! What the tables, indices, triggers and functions of a database are, to be held against what this program makes.

use std::collections::BTreeMap;

use super::server::{Role, Server};
use super::{Address, migrations};
use crate::store::{Begin, Connection, StoreError};

/// What is in a schema, by the catalogues (PostgreSQL documentation, chapter 53), without its own name. Triggers that are the
/// server's own belong to the references, which are among the constraints; whether one is switched off is its last letter.
const PARTS: &str = r#"
SELECT 'table ' || c.relname, string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod) || coalesce(' ' || o.collname, '')
        || CASE WHEN a.attnotnull THEN ' not null' ELSE '' END || CAST(a.attidentity AS text), ', ' ORDER BY a.attnum)
        || CASE WHEN c.relrowsecurity THEN ' secured' ELSE '' END || ' ' || CAST(c.relkind AS text)
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid LEFT JOIN pg_collation o ON o.oid = a.attcollation
    WHERE c.relnamespace = CAST(CAST(?1 AS text) AS regnamespace) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
        AND a.attnum > 0 AND NOT a.attisdropped GROUP BY c.oid, c.relname, c.relrowsecurity, c.relkind
UNION ALL
SELECT 'constraint ' || n.conname, c.relname || ' ' || replace(pg_get_constraintdef(n.oid), ?1 || '.', '')
    FROM pg_constraint n JOIN pg_class c ON c.oid = n.conrelid WHERE n.connamespace = CAST(CAST(?1 AS text) AS regnamespace)
UNION ALL
SELECT 'index ' || indexname, replace(indexdef, ?1 || '.', '') FROM pg_indexes WHERE schemaname = ?1
UNION ALL
SELECT 'trigger ' || t.tgname, replace(pg_get_triggerdef(t.oid), ?1 || '.', '') || ' ' || CAST(t.tgenabled AS text)
    FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
    WHERE c.relnamespace = CAST(CAST(?1 AS text) AS regnamespace) AND NOT t.tgisinternal
UNION ALL
SELECT 'rule ' || r.rulename, replace(pg_get_ruledef(r.oid), ?1 || '.', '') FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class
    WHERE c.relnamespace = CAST(CAST(?1 AS text) AS regnamespace)
UNION ALL
SELECT 'function ' || p.proname, p.prosrc || replace(coalesce(array_to_string(p.proconfig, ','), ''), ?1, '')
    FROM pg_proc p WHERE p.pronamespace = CAST(CAST(?1 AS text) AS regnamespace)
"#;
/// Where the tables are made to be looked at, and are never committed.
const EXPECTED: &str = "writ_depot_expected";

/// What is in a schema.
pub(super) fn of(connection: &dyn Connection, schema: &str) -> Result<BTreeMap<String, String>, StoreError> {
    let parts = connection.rows(PARTS, &[schema.into()])?;
    parts.into_iter().map(|mut row| Ok((row.get(0)?, row.get(1)?))).collect()
}

/// What is in a schema that this program made: one is made, looked at and taken back.
pub(super) fn expected(address: &Address) -> Result<BTreeMap<String, String>, StoreError> {
    let server = Server::connect(address, Role::Maker)?;
    let transaction = (&server as &dyn Connection).transaction(Begin::Writing)?;
    transaction.batch(&format!("CREATE SCHEMA {EXPECTED}; SET LOCAL search_path = {EXPECTED}"))?;
    migrations::ALL.iter().try_for_each(|migration| transaction.batch(migration))?;
    of(&*transaction, EXPECTED)
}
