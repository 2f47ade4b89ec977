//! Notices: what appliances want people to be told.

use std::collections::{BTreeMap, BTreeSet};

use writ_trust::digest::Digest;
use writ_trust::ids::SiteId;
use writ_trust::time::Time;
use writ_wire::Signed;

use super::{Connection, StoreError, from_sql, to_sql, values};

/// How many are kept of each key: what they told is in the evidence too.
const KEPT: u64 = 1_000;

/// A notice to add.
#[derive(Debug, Clone)]
pub struct Row {
    /// The site.
    pub site: SiteId,
    /// The key that said it.
    pub key: [u8; 32],
    /// Its number.
    pub number: u64,
    /// Its exact bytes and signature.
    pub signed: Signed,
}

/// Adds a notice, unless it is there.
pub fn add(connection: &dyn Connection, row: &Row, now: Time) -> Result<(), StoreError> {
    let Row { site, key, number, signed } = row;
    let digest = Digest::of(&signed.document.0);
    let envelope = serde_json::to_vec(signed).map_err(|e| StoreError::damaged("a notice", e))?;
    let sql = "INSERT INTO notices (site, public_key, number, digest, received_at, envelope) VALUES (?, ?, ?, ?, ?, ?)
        ON CONFLICT DO NOTHING";
    let values = values![site.as_str(), key, to_sql(*number), digest.as_bytes(), now.unix_millis(), &envelope];
    if connection.execute(sql, values)? == 1 {
        let sql = "DELETE FROM notices WHERE site = ?1 AND public_key = ?2 AND id <= (SELECT id FROM notices
            WHERE site = ?1 AND public_key = ?2 ORDER BY id DESC LIMIT 1 OFFSET ?3)";
        connection.execute(sql, values![site.as_str(), key, to_sql(KEPT)])?;
    }
    Ok(())
}

/// The newest notices of a site that fit into so many bytes, oldest first. Each key has its share of them.
pub fn newest(connection: &dyn Connection, site: &SiteId, most: u64) -> Result<Vec<Signed>, StoreError> {
    let sql = "SELECT id, public_key, length(envelope) FROM notices WHERE site = ? ORDER BY id DESC";
    let listed = |mut row: super::Row| Ok((row.get(0)?, row.get(1)?, from_sql(row.get(2)?)));
    let rows = connection.rows(sql, values![site.as_str()])?.into_iter();
    let listed: Vec<(i64, Vec<u8>, u64)> = rows.map(listed).collect::<Result<_, StoreError>>()?;
    let sql = "SELECT envelope FROM notices WHERE id = ?";
    let mut notices = Vec::new();
    for id in shared(&listed, most) {
        // None where it went meanwhile.
        let envelope: Option<Vec<u8>> = connection.row(sql, values![id])?.map(|mut row| row.get(0)).transpose()?;
        let signed = envelope.map(|envelope| Signed::parse(&envelope)).transpose();
        notices.extend(signed.map_err(|_| StoreError::damaged("a notice", "envelope"))?);
    }
    Ok(notices)
}

/// Which of these, the newest first and each with its key and its size, are shown within so many bytes: of each key the newest
/// that fit into its share, so that nobody's notices push out what the others said; then the newest of all for which there is
/// room.
fn shared<K: Ord>(listed: &[(i64, K, u64)], most: u64) -> BTreeSet<i64> {
    let keys: BTreeSet<&K> = listed.iter().map(|(_, key, _)| key).collect();
    let share = most / keys.len().max(1) as u64;
    let (mut shown, mut left, mut of_key) = (BTreeSet::new(), most, BTreeMap::new());
    for (id, key, size) in listed {
        let left_of_key = of_key.entry(key).or_insert(share);
        match left_of_key.checked_sub(*size) {
            Some(less) => {
                *left_of_key = less;
                left -= size;
                shown.insert(*id);
            }
            // No older one in its place: what is shown of a key has no gaps.
            None => *left_of_key = 0,
        }
    }
    for (id, _, size) in listed.iter().filter(|(id, ..)| !shown.contains(id)).collect::<Vec<_>>() {
        let Some(less) = left.checked_sub(*size) else { break };
        left = less;
        shown.insert(*id);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_has_its_share_and_the_rest_is_for_the_newest() {
        // One that says much, after two that said little.
        let listed: Vec<(i64, char, u64)> =
            (3..100).rev().map(|id| (id, 'a', 10)).chain([(2, 'b', 10), (1, 'c', 10)]).collect();
        let shown = |listed: &[(i64, char, u64)], most| shared(listed, most).into_iter().collect::<Vec<_>>();
        assert_eq!(shown(&listed, 60), [1, 2, 96, 97, 98, 99], "what b and c leave is for the newest");
        assert_eq!(shown(&listed, 30), [1, 2, 99]);
        assert_eq!(shown(&listed, 29), [98, 99], "too little for shares");
        assert_eq!(shown(&listed, 10_000).len(), 99);
        assert_eq!(shown(&[(3, 'a', 10), (2, 'a', 500), (1, 'a', 10)], 100), [3], "without gaps");
        assert!(shown(&[], 100).is_empty());
    }
}
