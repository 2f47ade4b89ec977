//! Incidents in sums that can be added up: of a site, of a slice of time, of a fleet.

use crate::compare::model::{IncidentFinding, IncidentStatus};

/// Sums over some incidents.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many.
    pub all: u64,
    /// How many are open.
    pub open: u64,
    /// How many ended.
    pub closed: u64,
    /// Of these, how many were resolved.
    pub resolved: u64,
    /// Of these, how many without people.
    pub automatic: u64,
    /// How many ended without being resolved.
    pub unresolved: u64,
    /// How many needed people.
    pub people: u64,
    /// Of how many it is known whether they kept the time that the site allows itself.
    pub judged: u64,
    /// Of these, how many did.
    pub in_time: u64,
    /// Resolved by rules, by a planner, by people.
    pub tiers: [u64; 3],
    /// Seconds to repair, of all that were resolved.
    pub repair_seconds: u64,
    /// How many these are.
    pub repairs: u64,
}

/// Whether an incident was resolved by the appliance alone.
pub fn is_automatic(incident: &IncidentFinding) -> bool {
    incident.status == IncidentStatus::Resolved && incident.resolution == Some("auto")
}

/// Whether an incident ended, and not by the appliance alone.
pub fn needed_people(incident: &IncidentFinding) -> bool {
    incident.status != IncidentStatus::Open && !is_automatic(incident)
}

/// Which tier resolved an incident: 0 for rules, 1 for a planner, 2 for people.
pub fn tier(incident: &IncidentFinding) -> Option<usize> {
    let resolved = incident.status == IncidentStatus::Resolved;
    ["L1", "L2", "L3"].iter().position(|tier| resolved && incident.tier == Some(tier))
}

impl Tally {
    /// The sums of these incidents.
    pub fn of<'i>(incidents: impl IntoIterator<Item = &'i IncidentFinding>) -> Self {
        let mut tally = Self::default();
        for incident in incidents {
            tally.take(incident);
        }
        tally
    }

    /// Adds one.
    pub fn take(&mut self, incident: &IncidentFinding) {
        let is = |status| u64::from(incident.status == status);
        self.all += 1;
        self.open += is(IncidentStatus::Open);
        self.closed += 1 - is(IncidentStatus::Open);
        self.resolved += is(IncidentStatus::Resolved);
        self.unresolved += is(IncidentStatus::Unresolved);
        self.automatic += u64::from(is_automatic(incident));
        self.people += u64::from(needed_people(incident));
        self.judged += u64::from(incident.sla_met.is_some());
        self.in_time += u64::from(incident.sla_met == Some(true));
        if let Some(tier) = tier(incident) {
            self.tiers[tier] += 1;
        }
        if let Some(seconds) = incident.mttr_seconds.filter(|_| incident.status == IncidentStatus::Resolved) {
            self.repairs += 1;
            self.repair_seconds = self.repair_seconds.saturating_add(seconds);
        }
    }

    /// Adds all of another.
    pub fn add(&mut self, other: &Self) {
        self.all += other.all;
        self.open += other.open;
        self.closed += other.closed;
        self.resolved += other.resolved;
        self.automatic += other.automatic;
        self.unresolved += other.unresolved;
        self.people += other.people;
        self.judged += other.judged;
        self.in_time += other.in_time;
        self.repair_seconds = self.repair_seconds.saturating_add(other.repair_seconds);
        self.repairs += other.repairs;
        for (sum, more) in self.tiers.iter_mut().zip(other.tiers) {
            *sum += more;
        }
    }

    /// Mean seconds to repair.
    pub fn mttr(&self) -> Option<u64> {
        self.repair_seconds.checked_div(self.repairs)
    }

    /// What share kept the time that the site allows itself.
    pub fn in_time_percent(&self) -> Option<u64> {
        (self.in_time * 100).checked_div(self.judged)
    }

    /// What share of those that ended a tier resolved, 0 for rules.
    pub fn tier_percent(&self, tier: usize) -> Option<u64> {
        (self.tiers.get(tier)? * 100).checked_div(self.closed)
    }
}
