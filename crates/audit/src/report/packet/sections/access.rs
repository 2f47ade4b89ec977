//! Who may do what: keys of the trust root, approvers, and what the policies ask of accounts and logins.

use writ_policy::check::Check;
use writ_policy::policy::Policy;
use writ_trust::role::Role;

use super::super::model::{Cell, Section, Shape, Table, instant, maybe, text, verdict};
use super::super::site::Site;

/// Probes that look at accounts, rights and logins.
const PROBES: [&str; 14] = [
    "account_activity",
    "authorised_keys",
    "failed_logins",
    "idle_policy",
    "listening_ports",
    "nftables",
    "pam",
    "polkit",
    "privileged_groups",
    "sessions",
    "ssh_host_keys",
    "sshd",
    "sudo",
    "users",
];
/// How the controls begin that are about who may do what.
const CONTROLS: [&str; 4] = ["164.312(a)", "164.312(d)", "164.308(a)(3)", "164.308(a)(4)"];

/// The section.
pub fn section(site: &Site<'_>) -> Section {
    let mut section = Section::new("access-matrix", "Access matrix");
    section.say(
        "Who may sign what, by the newest trust root; and what signed policies ask of accounts, rights and logins.",
    );
    let mut columns = vec![("Key", Shape::Words), ("Key id", Shape::Code)];
    let names: Vec<String> = Role::ALL.iter().map(Role::to_string).collect();
    columns.extend(names.iter().map(|name| (name.as_str(), Shape::Words)));
    columns.extend([
        ("Sites", Shape::Words),
        ("From", Shape::Words),
        ("Until", Shape::Words),
        ("Revoked", Shape::Words),
    ]);
    let mut table = Table::new("access-keys", "Roles by key: what each may sign", &columns);
    for key in site.archive.chain.iter().flat_map(|chain| &chain.newest().keys) {
        let mut cells = vec![text(&key.name), text(key.public_key.key_id())];
        cells.extend(Role::ALL.iter().map(|role| text(if key.roles.contains(role) { "yes" } else { "no" })));
        let sites: Vec<&str> = key.sites.iter().map(|s| s.as_str()).collect();
        cells.extend([
            text(if sites.is_empty() { "all".to_owned() } else { sites.join(", ") }),
            instant(Some(key.valid_from)),
            instant(Some(key.valid_until)),
            instant(key.revoked_at),
        ]);
        table.row(cells);
    }
    section.table(table, "There is no trust root.");
    let mut approvers = Table::new(
        "approvers",
        "Who may approve exceptions",
        &[("Person", Shape::Words), ("By the policies of", Shape::Words)],
    );
    let policies = site.policies();
    let mut people: std::collections::BTreeMap<&str, Vec<&str>> = std::collections::BTreeMap::new();
    for (appliance, policy) in &policies {
        for person in &policy.settings.approvers {
            people.entry(person).or_default().push(appliance.as_str());
        }
    }
    for (person, appliances) in people {
        approvers.row(vec![text(person), text(appliances.join(", "))]);
    }
    section.table(approvers, "Nobody may.");
    let checks = asked(site, "access-checks", "What policies ask of accounts, rights and logins", &PROBES, &CONTROLS);
    section.table(checks, "No policy asks anything of them.");
    section
}

/// The checks that look by some probes or support some controls, with what they come to.
pub fn asked(site: &Site<'_>, id: &'static str, caption: &str, probes: &[&str], controls: &[&str]) -> Table {
    let mut table = Table::new(
        id,
        caption,
        &[
            ("Check", Shape::Words),
            ("Appliance", Shape::Words),
            ("Machine", Shape::Words),
            ("What", Shape::Words),
            ("Looked at by", Shape::Words),
            ("Expected", Shape::Code),
            ("Verdict", Shape::Words),
            ("Controls", Shape::Words),
        ],
    );
    let found = |appliance: &writ_trust::ids::ApplianceId, id: &str| -> Cell {
        let of = |f: &&crate::compare::model::CheckFinding| f.appliance == *appliance && f.check == id;
        site.whole.checks.iter().find(of).map_or_else(|| maybe(None::<&str>), |finding| verdict(finding.verdict))
    };
    let wanted = |policy: &Policy, id: &str, check: &Check| {
        let served = policy.controls_of(id);
        probes.contains(&check.probe.name.as_str())
            || served.iter().any(|control| controls.iter().any(|prefix| control.starts_with(prefix)))
    };
    for (appliance, policy) in site.policies() {
        for (id, check) in policy.checks.iter().filter(|(id, check)| wanted(policy, id, check)) {
            table.row(vec![
                text(id),
                text(appliance),
                text(&check.target),
                text(&check.title),
                text(&check.probe.name),
                text(&check.expect),
                found(appliance, id),
                text(policy.controls_of(id).join(", ")),
            ]);
        }
    }
    table
}
