//! The database itself, and the signed documents in it: releases and evidence.

use writ_trust::digest::Digest;
use writ_trust::history::verify_release_for_audit;
use writ_trust::ids::SiteId;
use writ_trust::minisign::{PublicKey, Signature};

use super::{Code, Look};
use crate::directory::Directory;
use crate::store::{Row, from_sql, values};
use crate::upkeep::{Outcome, tell};

/// How many bundles are read at a time.
const AT_ONCE: i64 = 64;

impl Look<'_> {
    /// Whether the database can be gone through at all.
    pub(super) fn database(&mut self) -> Outcome<bool> {
        let found = self.connection.findings()?;
        for line in &found {
            self.problems.add(Code::DatabaseDamaged, self.name, line);
        }
        if found.is_empty() {
            self.connection.require_current()?;
            self.schema()?;
        }
        Ok(found.is_empty())
    }

    /// Tables and triggers as this program makes them: what refuses changes must be there.
    fn schema(&mut self) -> Outcome<()> {
        let (expected, found) = (self.connection.expected_schema()?, self.connection.schema()?);
        let database = self.name;
        let path = |name: &str| format!("{database}: {name}");
        for (name, sql) in &expected {
            match found.get(name) {
                Some(there) if there == sql => {}
                Some(_) => self.problems.add(Code::SchemaAltered, path(name), "it is not as it is made"),
                None => self.problems.add(Code::SchemaAltered, path(name), "it is not there"),
            }
        }
        for name in found.keys().filter(|name| !expected.contains_key(*name)) {
            self.problems.add(Code::SchemaAltered, path(name), "nothing of this program made it");
        }
        Ok(())
    }

    /// Every release, by those who signed it.
    pub(super) fn releases(&mut self, directory: &Directory) {
        for (site, published) in directory.sites() {
            for stored in published.releases.iter().chain(&published.pending) {
                self.checked.releases += 1;
                let (document, signatures) = (&stored.signed.document.0, &stored.signed.signatures);
                let signatures: Vec<&[u8]> = signatures.iter().map(|signature| signature.0.as_slice()).collect();
                let verified = verify_release_for_audit(document, &signatures, &directory.chain, site, None);
                if let Err(error) = verified {
                    let (epoch, serial) = stored.release.point();
                    let path = self.in_database(format_args!("release {epoch}-{serial} of {site}"));
                    self.problems.add(Code::ReleaseBroken, path, error);
                }
            }
        }
    }

    /// Every bundle, by its digest and its signature.
    pub(super) fn evidence(&mut self, directory: &Directory) -> Outcome<()> {
        let sql = "SELECT v.id, k.site, k.public_key, v.sequence, v.digest, v.signature, v.document,
            EXISTS (SELECT 1 FROM entries e WHERE e.evidence = v.id) FROM evidence v JOIN keys k ON k.id = v.key
            WHERE v.id > ? ORDER BY v.id LIMIT ?";
        let mut last = 0;
        loop {
            let rows = self.connection.rows(sql, values![last, AT_ONCE])?;
            if rows.is_empty() {
                return Ok(());
            }
            for mut row in rows {
                last = row.get(0)?;
                self.bundle(directory, row)?;
            }
        }
    }

    /// One bundle, of a row that lacks its own number.
    fn bundle(&mut self, directory: &Directory, mut row: Row) -> Outcome<()> {
        self.checked.bundles += 1;
        let (site, key): (String, Vec<u8>) = (row.get(1)?, row.get(2)?);
        let (sequence, digest): (i64, Vec<u8>) = (row.get(3)?, row.get(4)?);
        let (signature, document): (Vec<u8>, Vec<u8>) = (row.get(5)?, row.get(6)?);
        let key = <[u8; 32]>::try_from(key).ok();
        let site: Option<SiteId> = site.parse().ok();
        let known = site.as_ref().zip(key).and_then(|(site, key)| Some(directory.site(site).key(&key)?.key.clone()));
        let of = known.as_ref().map_or_else(|| "of a key that is not known".to_owned(), PublicKey::fingerprint);
        let of_site = site.as_ref().map_or("no site", SiteId::as_str);
        let path = format!("{}: bundle {} of {of_site}/{of}", self.name, from_sql(sequence));
        if Digest::of(&document).as_bytes()[..] != digest[..] {
            self.problems.add(Code::EvidenceAltered, path, "its bytes are not those of its digest");
            return Ok(());
        }
        let Some(known) = known else {
            self.problems.add(Code::EvidenceUnknownKey, path, "no release of the site names the key that it is of");
            return Ok(());
        };
        let verified = Signature::parse(&signature).map_err(|e| e.to_string());
        let verified = verified.and_then(|s| known.verify_strict(&document, &s).map_err(|e| e.to_string()));
        if let Err(why) = verified {
            self.problems.add(Code::EvidenceUnsigned, path, why);
        } else if !row.get::<bool>(7)? {
            let what = format!("no log has it ({})", tell::bytes(document.len() as u64));
            self.problems.add(Code::EvidenceUnlogged, path, what);
        }
        Ok(())
    }
}
