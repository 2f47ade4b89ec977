//! Every key that ever counted for the site, with its time: old ones stay, so that old evidence keeps verifying.

use super::super::model::{Section, Shape, Table, instant, text};
use super::super::site::Site;

/// The section.
pub fn section(site: &Site<'_>) -> Section {
    let mut section = Section::new("key-register", "Key register");
    let mut table = Table::new(
        "appliance-keys",
        "Keys of appliances, out of signed releases",
        &[
            ("Appliance", Shape::Words),
            ("Key id", Shape::Code),
            ("First release", Shape::Words),
            ("Last release", Shape::Words),
            ("Revoked", Shape::Words),
            ("Why", Shape::Words),
            ("Public key", Shape::Code),
            ("Fingerprint", Shape::Code),
        ],
    );
    let record = site.archive.sites.get(&site.id);
    for key in record.iter().flat_map(|record| record.register.records()) {
        let revoked = record.and_then(|record| record.register.revocation(&site.id, &key.public_key));
        table.row(vec![
            text(&key.appliance),
            text(key.public_key.key_id()),
            text(format!("{}-{}", key.first.0, key.first.1)),
            text(format!("{}-{}", key.last.0, key.last.1)),
            instant(revoked.map(|revoked| revoked.revoked_at)),
            text(revoked.map_or("–", |revoked| revoked.reason.as_str())),
            text(key.public_key.line()),
            text(key.public_key.fingerprint()),
        ]);
    }
    section.table(table, "No release names a key.");
    let mut table = Table::new(
        "people-keys",
        "Keys of people and services, out of the newest trust root",
        &[
            ("Key", Shape::Words),
            ("Key id", Shape::Code),
            ("Roles", Shape::Words),
            ("From", Shape::Words),
            ("Until", Shape::Words),
            ("Revoked", Shape::Words),
            ("Public key", Shape::Code),
            ("Fingerprint", Shape::Code),
        ],
    );
    for key in site.archive.chain.iter().flat_map(|chain| &chain.newest().keys) {
        let roles: Vec<String> = key.roles.iter().map(ToString::to_string).collect();
        table.row(vec![
            text(&key.name),
            text(key.public_key.key_id()),
            text(roles.join(", ")),
            instant(Some(key.valid_from)),
            instant(Some(key.valid_until)),
            instant(key.revoked_at),
            text(key.public_key.line()),
            text(key.public_key.fingerprint()),
        ]);
    }
    section.table(table, "There is no trust root.");
    section
}
