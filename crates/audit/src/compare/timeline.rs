//! What the evidence of one appliance says, put in order of time.

use std::collections::BTreeMap;

use writ_evidence::bundle::{Kind, ReleaseRef, Vantage};
use writ_evidence::incident::Verification;
use writ_evidence::posture::{Posture, Range, Summary, VectorEntry};
use writ_evidence::records::SwitchState;
use writ_evidence::{Bundle, IncidentId};
use writ_policy::observation::Observation;
use writ_policy::outcome::Outcome;
use writ_trust::digest::Digest;
use writ_trust::time::Time;

use super::model::Link;
use super::series::Series;
use crate::archive::Stored;
use crate::period::{Period, joined};

/// One or several runs of a check.
#[derive(Debug, Clone)]
pub struct Point {
    /// First of the runs.
    pub from: Time,
    /// Last of the runs.
    pub to: Time,
    /// How many runs; null for a single one that a vector may count too.
    pub runs: Option<u64>,
    /// How many of them failed.
    pub failed: u64,
    /// How many of them could not be assessed.
    pub not_assessed: u64,
    /// The longest time between two of them.
    pub gap: Gap,
    /// What the last of them came to.
    pub outcome: Outcome,
    /// Why, where that is said.
    pub reasons: Vec<String>,
    /// Which bundle tells it.
    pub link: usize,
}

/// The longest time between two runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gap {
    /// So many seconds.
    Seconds(u64),
    /// At most twice the time that the check asks for; a summary says no more of steady checks.
    Regular,
}

/// A bundle, and its position among the links.
pub type Told = (Bundle, usize);

/// What the evidence says of one check.
#[derive(Debug, Default)]
pub struct CheckTimeline {
    /// Runs, in order of time after [`Timeline::finish`].
    pub points: Vec<Point>,
    /// Observations, in order of time after [`Timeline::finish`].
    pub seen: Vec<(Time, Observation, usize)>,
    /// Ranges of numbers: when the vector ended, and what it says.
    pub numbers: Vec<(Time, BTreeMap<String, Range>)>,
}

/// What the evidence of one appliance says.
#[derive(Debug)]
pub struct Timeline {
    /// Bundles that something refers to by position.
    pub links: Vec<Link>,
    /// When each bundle was written.
    pub written: Vec<Time>,
    /// How many bytes each of them has, with its signature.
    pub sizes: Vec<u64>,
    /// Which release was obeyed from when on, each different from the one before.
    pub obeyed: Vec<(Time, ReleaseRef)>,
    /// Checks by id.
    pub checks: BTreeMap<String, CheckTimeline>,
    /// The times that vectors sum up.
    pub windows: Vec<(Time, Time)>,
    /// Bundles that tell of incidents: opened and closed.
    pub incidents: BTreeMap<IncidentId, (Option<Told>, Option<Told>)>,
    /// When generations were on trial; in order and joined after [`Timeline::finish`].
    pub trials: Vec<Period>,
    /// Switches and other events.
    pub events: Vec<Told>,
    /// What the next summary builds on.
    series: Option<Series>,
}

impl Default for Timeline {
    fn default() -> Self {
        Self::new()
    }
}

impl Timeline {
    /// One that says nothing.
    pub const fn new() -> Self {
        Self {
            links: Vec::new(),
            written: Vec::new(),
            sizes: Vec::new(),
            obeyed: Vec::new(),
            checks: BTreeMap::new(),
            windows: Vec::new(),
            incidents: BTreeMap::new(),
            trials: Vec::new(),
            events: Vec::new(),
            series: None,
        }
    }

    /// Takes in a verified bundle.
    pub fn take(&mut self, stored: Stored<'_>) {
        let Stored { path, bundle, digest, size, .. } = stored;
        let link = self.links.len();
        self.links.push(Link { bundle_id: bundle.bundle_id, path: path.to_owned() });
        self.written.push(bundle.generated_at);
        self.sizes.push(size);
        self.obeyed.extend(bundle.release.map(|release| (bundle.generated_at, release)));
        match &bundle.posture {
            Some(Posture::Change(change)) => {
                self.single(&change.check, change.at, change.to, &change.reasons, link);
                self.see(&change.check, change.at, &change.observation, link);
            }
            Some(Posture::Vector(vector)) => {
                self.windows.push((vector.from, vector.to));
                for (check, entry) in &vector.checks {
                    self.runs(check, entry, link);
                }
            }
            Some(Posture::Summary(summary)) => {
                self.windows.push((summary.from, summary.to));
                self.steady(summary, &bundle, digest, link);
                for (check, differing) in &summary.changed {
                    self.runs(check, &differing.runs, link);
                    if let (Some(seen), Some(at)) = (&differing.seen, differing.runs.last_at) {
                        self.see(check, at, seen, link);
                    }
                }
            }
            Some(Posture::Snapshot(snapshot)) => {
                // What is seen over the network is told in full each time, and no part of what summaries build on.
                if bundle.vantage == Vantage::Host {
                    self.series = Some(Series::continued(self.series.take(), snapshot, &bundle, digest));
                }
                for (check, seen) in &snapshot.checks {
                    let Some(at) = seen.at else { continue };
                    self.single(check, at, seen.outcome, &seen.reasons, link);
                    self.see(check, at, &seen.observation, link);
                }
            }
            None => {}
        }
        self.take_incident(&bundle, link);
        let event = matches!(
            bundle.kind,
            Kind::Switch
                | Kind::Pause
                | Kind::Refused
                | Kind::Started
                | Kind::Clock
                | Kind::Order
                | Kind::Thinned
                | Kind::RestoreTest
                | Kind::Plan
                | Kind::Attestation
        );
        // A generation that was not kept says nothing about the one that runs: its story is told with the switches.
        if let Some(switch) = bundle.switch.as_ref().filter(|s| s.outcome.adopted()) {
            self.verified(&switch.probation, link);
        }
        let trial = bundle.switch.as_ref().and_then(|s| s.states.iter().find(|at| at.state == SwitchState::Testing));
        self.trials.extend(trial.map(|began| Period { from: began.at, to: bundle.generated_at.plus_millis(1) }));
        if event {
            self.events.push((bundle, link));
        }
    }

    fn runs(&mut self, check: &str, entry: &VectorEntry, link: usize) {
        let (Some(from), Some(to)) = (entry.first_at, entry.last_at) else { return };
        let timeline = self.checks.entry(check.to_owned()).or_default();
        timeline.numbers.push((to, entry.numbers.clone()));
        timeline.points.push(Point {
            from,
            to,
            runs: Some(entry.runs),
            failed: entry.failed,
            not_assessed: entry.not_assessed,
            gap: Gap::Seconds(entry.longest_gap_seconds),
            outcome: entry.outcome,
            reasons: entry.reasons.clone(),
            link,
        });
    }

    /// The checks that a summary only counts. Without what it builds on nobody knows what they came to, and nothing is said
    /// of them until the next snapshot.
    fn steady(&mut self, summary: &Summary, bundle: &Bundle, digest: Digest, link: usize) {
        let Some(series) = self.series.take().and_then(|series| series.with(summary, bundle, digest)) else { return };
        for ((check, (outcome, reasons)), runs) in series.steady(summary).zip(&summary.steady.runs) {
            let all = |sought: Outcome| if *outcome == sought { *runs } else { 0 };
            self.checks.entry(check.clone()).or_default().points.push(Point {
                from: summary.from,
                to: summary.to,
                runs: Some(*runs),
                failed: all(Outcome::Fail),
                not_assessed: all(Outcome::NotAssessable),
                gap: Gap::Regular,
                outcome: *outcome,
                reasons: reasons.clone(),
                link,
            });
        }
        self.series = Some(series);
    }

    fn take_incident(&mut self, bundle: &Bundle, link: usize) {
        let Some(incident) = &bundle.incident else { return };
        let drift = bundle.drift.clone().unwrap_or_default();
        let ends = self.incidents.entry(incident.incident_id).or_default();
        if bundle.kind == Kind::IncidentOpened {
            ends.0 = Some((bundle.clone(), link));
            self.single(&incident.check, incident.detected_at, Outcome::Fail, &[], link);
            self.see(&incident.check, incident.detected_at, &drift.before.unwrap_or_default(), link);
        } else {
            ends.1 = Some((bundle.clone(), link));
            self.verified(&bundle.verification, link);
            let last = bundle.verification.iter().filter(|v| v.check == incident.check).map(|v| v.at).max();
            if let (Some(at), Some(after)) = (last, drift.after) {
                self.see(&incident.check, at, &after, link);
            }
        }
    }

    fn verified(&mut self, verification: &[Verification], link: usize) {
        for v in verification {
            self.single(&v.check, v.at, v.outcome, &v.reasons, link);
        }
    }

    fn single(&mut self, check: &str, at: Time, outcome: Outcome, reasons: &[String], link: usize) {
        self.checks.entry(check.to_owned()).or_default().points.push(Point {
            from: at,
            to: at,
            runs: None,
            failed: u64::from(outcome == Outcome::Fail),
            not_assessed: u64::from(outcome == Outcome::NotAssessable),
            gap: Gap::Seconds(0),
            outcome,
            reasons: reasons.to_vec(),
            link,
        });
    }

    fn see(&mut self, check: &str, at: Time, observation: &Observation, link: usize) {
        if observation.iter().next().is_some() {
            self.checks.entry(check.to_owned()).or_default().seen.push((at, observation.clone(), link));
        }
    }

    /// Puts everything in order of time. Bundles come key by key, and clocks go back.
    pub fn finish(&mut self) {
        self.obeyed.sort_by_key(|(at, _)| *at);
        self.obeyed.dedup_by_key(|(_, release)| release.digest);
        self.windows.sort();
        self.trials = joined(std::mem::take(&mut self.trials));
        self.events.sort_by_key(|(bundle, _)| bundle.generated_at);
        for check in self.checks.values_mut() {
            check.points.sort_by_key(|p| (p.to, p.from));
            check.seen.sort_by_key(|(at, ..)| *at);
            check.numbers.sort_by_key(|(at, _)| *at);
        }
    }

    /// Whether a vector sums up the runs at an instant.
    pub fn is_summed_up(&self, at: Time) -> bool {
        let after = self.windows.partition_point(|(from, _)| *from <= at);
        // Windows of one appliance hardly overlap: looking at a few before is enough for restarts.
        self.windows[..after].iter().rev().take(4).any(|(_, to)| at <= *to)
    }
}
