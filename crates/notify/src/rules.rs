//! What a site's signed policy says of telling people, as far as the machine needs it. Pure.

use writ_policy::declared::Severity;
use writ_policy::settings::maintenance::LocalMinute;
use writ_policy::settings::{Channel, Contact, NotifyEvent, QuietHours, Role, Settings};
use writ_trust::time::Time;

/// The roles in the order in which people are called where no route says otherwise.
const ROLES: [Role; 7] =
    [Role::Primary, Role::Secondary, Role::Manager, Role::Security, Role::Account, Role::AfterHours, Role::Clinic];

/// Now, and what that is called at the site.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// Now.
    pub now: Time,
    /// The minute of the week in the site's time zone.
    pub local: LocalMinute,
}

/// What a policy says.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'a>(pub &'a Settings);

impl<'a> Rules<'a> {
    /// The contacts whom an incident of a severity reaches, in the order in which they are called.
    pub fn route(&self, severity: Severity) -> Vec<(&'a str, &'a Contact)> {
        let contacts = &self.0.contacts;
        let named = self.0.escalation.route.get(&severity).map(Vec::as_slice).unwrap_or_default();
        if !named.is_empty() {
            let found = named.iter().filter_map(|name| contacts.get_key_value(name));
            return found.map(|(name, contact)| (name.as_str(), contact)).collect();
        }
        let of_role = |role| contacts.iter().filter(move |(_, contact)| contact.role == role);
        ROLES.into_iter().flat_map(of_role).map(|(name, contact)| (name.as_str(), contact)).collect()
    }

    /// Who answers for those who are called: is called of what is critical or high although no route names them.
    pub fn manager(&self, severity: Severity) -> Option<(&'a str, &'a Contact)> {
        let is_manager = |(_, contact): &(&str, &Contact)| contact.role == Role::Manager;
        if let Some(on_route) = self.route(severity).into_iter().find(is_manager) {
            return Some(on_route);
        }
        let all = self.0.contacts.iter().map(|(name, contact)| (name.as_str(), contact));
        all.into_iter().find(is_manager).filter(|_| severity >= Severity::High)
    }

    /// A contact by name.
    pub fn contact(&self, name: &str) -> Option<&'a Contact> {
        self.0.contacts.get(name)
    }

    /// The channels that ask for one of these events of a severity, by name.
    pub fn channels(&self, events: &[NotifyEvent], severity: Severity) -> Vec<(&'a str, &'a Channel)> {
        let asks = |channel: &Channel| {
            let of = channel.severities.is_empty() || channel.severities.contains(&severity);
            of && channel.events.iter().any(|event| events.contains(event))
        };
        let all = self.0.notify.iter().filter(|(_, channel)| asks(channel));
        all.map(|(name, channel)| (name.as_str(), channel)).collect()
    }

    /// Until when calls of this severity wait; none where they do not.
    pub fn waits(&self, severity: Severity, moment: Moment) -> Option<Time> {
        let usual = QuietHours::usual();
        let left = self.0.quiet_hours.as_ref().unwrap_or(&usual).left(severity, moment.local)?;
        Some(moment.now.plus_millis(i64::from(left) * 60_000))
    }

    /// How long a contact has to answer, in milliseconds: as long as they say, and never longer than `no_answer`.
    pub fn patience(&self, contact: &Contact) -> i64 {
        contact.answers_within.millis().min(self.no_answer())
    }

    /// After how long without an answer the manager is called, in milliseconds.
    pub fn no_answer(&self) -> i64 {
        self.0.escalation.no_answer.millis()
    }

    /// How often those who were called hear how it stands, in milliseconds; none where they do not.
    pub fn updates(&self, severity: Severity) -> Option<i64> {
        let updates = &self.0.escalation.updates;
        match severity {
            Severity::Critical => Some(updates.critical.millis()),
            Severity::High => Some(updates.high.millis()),
            Severity::Medium | Severity::Low => None,
        }
    }

    /// When an incident that opened then is to be resolved.
    pub fn due(&self, severity: Severity, opened_at: Time) -> Option<Time> {
        self.0.sla.get(&severity).map(|span| opened_at.plus(span))
    }
}
