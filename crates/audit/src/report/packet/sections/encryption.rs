//! What is encrypted, by what, and whether that was seen.

use super::super::model::{Section, Shape, Table, number, text};
use super::super::site::Site;
use super::access::asked;

/// Probes that look at what is encrypted.
const PROBES: [&str; 9] = [
    "backups",
    "borg",
    "crypto_policy",
    "luks",
    "restic",
    "secure_boot",
    "ssh_host_keys",
    "tls_certificate",
    "wireguard",
];
/// How the controls begin that are about encryption.
const CONTROLS: [&str; 2] = ["164.312(a)(2)(iv)", "164.312(e)"];

/// The section.
pub fn section(site: &Site<'_>) -> Section {
    let mut section = Section::new("encryption-inventory", "Encryption inventory");
    section.say("What signed policies ask of encryption, at rest and on the way, and what was seen of it.");
    let checks = asked(site, "encryption-checks", "What policies ask of encryption", &PROBES, &CONTROLS);
    section.table(checks, "No policy asks anything of it.");
    let mut secrets = Table::new(
        "secrets",
        "Secrets that policies bring, each encrypted to the appliance's own key (age); their values are nowhere here",
        &[("Appliance", Shape::Words), ("Secrets brought", Shape::Numbers), ("Their names", Shape::Words)],
    );
    for (appliance, policy) in site.policies().into_iter().filter(|(_, policy)| !policy.sealed.is_empty()) {
        let names: Vec<&str> = policy.sealed.keys().map(String::as_str).collect();
        secrets.row(vec![text(appliance), number(names.len() as u64), text(names.join(", "))]);
    }
    section.table(secrets, "No policy brings any secret.");
    section
}
