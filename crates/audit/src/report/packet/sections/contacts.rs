//! Whom an incident reaches, out of the signed policies.

use writ_policy::declared::Severity;
use writ_policy::settings::{Contact, Role};

use super::super::model::{Section, Shape, Table, maybe, text};
use super::super::site::Site;

/// The section.
pub fn section(site: &Site<'_>) -> Section {
    let mut section = Section::new("contact-list", "Contact list");
    let policies = site.policies();
    let mut table = Table::new(
        "contacts",
        "People whom an incident reaches",
        &[
            ("Contact", Shape::Words),
            ("Person", Shape::Words),
            ("Called for", Shape::Words),
            ("Mail", Shape::Words),
            ("Telephone", Shape::Words),
            ("Answers within", Shape::Words),
        ],
    );
    let mut listed: Vec<(&String, &Contact)> = Vec::new();
    for contact in policies.iter().flat_map(|(_, policy)| &policy.settings.contacts) {
        if !listed.contains(&contact) {
            listed.push(contact);
        }
    }
    listed.sort_by_key(|(name, contact)| (contact.role, *name));
    for (name, contact) in listed {
        table.row(vec![
            text(name),
            text(&contact.person),
            text(role(contact.role)),
            maybe(contact.email.as_ref()),
            maybe(contact.phone.as_ref()),
            text(&contact.answers_within),
        ]);
    }
    section.table(table, "The policies name nobody.");
    let mut routes = Table::new(
        "routes",
        "Whom an incident of each severity reaches, and how soon it is to be resolved",
        &[("Severity", Shape::Words), ("To be resolved within", Shape::Words), ("Reaches", Shape::Words)],
    );
    if let Some((_, policy)) = policies.first() {
        for severity in Severity::ALL.into_iter().rev() {
            let settings = &policy.settings;
            let reached = settings.escalation.route.get(&severity).filter(|names| !names.is_empty());
            let reached = reached.map_or_else(|| "everybody in order of role".to_owned(), |names| names.join(", "));
            routes.row(vec![text(severity), maybe(settings.sla.get(&severity)), text(reached)]);
        }
    }
    section.table(routes, "No policy is known.");
    section
}

fn role(role: Role) -> &'static str {
    match role {
        Role::Primary => "first",
        Role::Secondary => "when the first does not answer",
        Role::Manager => "answers for those who are called",
        Role::Security => "security incidents",
        Role::Account => "speaks with the clinic",
        Role::AfterHours => "outside of business hours",
        Role::Clinic => "at the clinic",
    }
}
