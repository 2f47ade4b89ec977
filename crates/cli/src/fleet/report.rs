//! What `writ fleet status` tells programs (`writ.fleet.v1`).

use std::collections::BTreeMap;

use serde::Serialize;
use writ_policy::rings::Rings;
use writ_trust::digest::Digest;
use writ_trust::ids::{ApplianceId, SiteId};
use writ_trust::text::one_line;
use writ_trust::time::Time;
use writ_wire::heartbeat::{Heartbeat, NextState};

use super::look::{Heard, Site};
use super::standing::{self, Limits, Offer, Standing};

/// A look at some sites.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Always `writ.fleet.v1`.
    pub schema: &'static str,
    /// When, by this machine's clock.
    pub at: Time,
    /// The depot's address.
    pub depot: String,
    /// The newest trust root.
    pub trust_version: u64,
    /// The sites.
    pub sites: Vec<SiteSeen>,
    /// How many appliances somebody has to look at, and sites of which nothing could be told.
    pub trouble: usize,
}

/// One site.
#[derive(Debug, Serialize)]
pub struct SiteSeen {
    /// Its name.
    pub site: SiteId,
    /// Why nothing could be told of it; null where something could.
    pub problem: Option<String>,
    /// Its newest release; null where there is a problem.
    pub release: Option<ReleaseSeen>,
    /// What should be known besides.
    pub notes: Vec<String>,
    /// Its rings, the first first; empty where it has none, or where no sources were given.
    pub rings: Vec<RingSeen>,
    /// How many appliances stand how; every standing is there.
    pub counts: BTreeMap<&'static str, usize>,
    /// The appliances of the release, ring by ring.
    pub appliances: Vec<ApplianceSeen>,
}

/// A release.
#[derive(Debug, Serialize)]
pub struct ReleaseSeen {
    /// `epoch-serial`.
    pub point: String,
    /// Of its exact bytes.
    pub digest: Digest,
    /// When it was made.
    pub issued_at: Time,
    /// When the site's log took it in; null where there is no log.
    pub logged_at: Option<Time>,
    /// When it ends.
    pub expires_at: Time,
}

/// A ring.
#[derive(Debug, Serialize)]
pub struct RingSeen {
    /// What it is called.
    pub name: String,
    /// How much later it goes: a duration, or `promotion`.
    pub after: String,
    /// How many appliances are in it.
    pub appliances: usize,
}

/// One appliance.
#[derive(Debug, Serialize)]
pub struct ApplianceSeen {
    /// Its name.
    pub appliance: ApplianceId,
    /// Its ring; null where none is known.
    pub ring: Option<String>,
    /// How it stands with the newest release.
    pub standing: Standing,
    /// The same in words.
    pub what: String,
    /// From when on it may take up the newest release.
    pub not_before: Time,
    /// Whether that is not before people promote it.
    pub held: bool,
    /// When it last said something that holds; null when it never did.
    pub heard_at: Option<Time>,
    /// The release that it obeys, `epoch-serial`; null when it obeys none, or is not heard of.
    pub runs: Option<String>,
    /// The version of its program.
    pub agent_version: Option<String>,
    /// The newest trust root that it has accepted.
    pub trust_version: Option<u64>,
    /// How many incidents are open there.
    pub open_incidents: Option<u64>,
    /// How many documents it refused since it started.
    pub refused: Option<u64>,
    /// What it says of the newest release that it knows and does not obey.
    pub next: Option<NextSeen>,
}

/// What an appliance says of a release that it does not obey.
#[derive(Debug, Serialize)]
pub struct NextSeen {
    /// `epoch-serial`.
    pub release: String,
    /// How it stands.
    pub state: NextState,
    /// Until when it waits, or when it ended.
    pub at: Option<Time>,
    /// The rule by which it is refused.
    pub rule: Option<String>,
}

impl SiteSeen {
    /// A site of which nothing could be told.
    pub fn unknown(site: SiteId, problem: String) -> Self {
        Self {
            site,
            problem: Some(problem),
            release: None,
            notes: Vec::new(),
            rings: Vec::new(),
            counts: Standing::ALL.map(|standing| (standing.as_str(), 0)).into(),
            appliances: Vec::new(),
        }
    }

    /// What a look at a site comes to.
    pub fn of(seen: &Site, rings: &Rings, limits: &Limits, now: Time) -> Self {
        let places = rings.places();
        let mut appliances: Vec<(usize, ApplianceSeen)> = Vec::with_capacity(seen.heard.len());
        let mut counts: BTreeMap<&'static str, usize> = Standing::ALL.map(|standing| (standing.as_str(), 0)).into();
        for appliance in seen.heard.keys() {
            let Some((standing, what)) = judged(seen, appliance, limits, now) else { continue };
            *counts.entry(standing.as_str()).or_insert(0) += 1;
            let place = places.get(appliance.as_str()).copied();
            let ring = place.and_then(|place| rings.0.get(place)).map(|ring| ring.name.clone());
            let shown = ApplianceSeen::of(seen, appliance, ring, standing, what);
            appliances.extend(shown.map(|shown| (place.unwrap_or(usize::MAX), shown)));
        }
        // They come by name; within a ring they stay so.
        appliances.sort_by_key(|(place, _)| *place);
        let release = &seen.release;
        Self {
            site: seen.site.clone(),
            problem: None,
            release: Some(ReleaseSeen {
                point: format!("{}-{}", release.epoch, release.serial),
                digest: seen.digest,
                issued_at: release.issued_at,
                logged_at: seen.logged_at,
                expires_at: release.expires_at,
            }),
            notes: seen.notes.clone(),
            rings: rings
                .0
                .iter()
                .map(|ring| RingSeen {
                    name: ring.name.clone(),
                    after: ring.after.to_string(),
                    appliances: ring.appliances.len(),
                })
                .collect(),
            counts,
            appliances: appliances.into_iter().map(|(_, shown)| shown).collect(),
        }
    }

    /// How many appliances somebody has to look at; one where nothing could be told.
    pub fn trouble(&self) -> usize {
        let troubled = self.appliances.iter().filter(|shown| shown.standing.is_trouble()).count();
        troubled + usize::from(self.problem.is_some())
    }
}

/// How one appliance of a site stands, and that in words; none where the release does not name it.
pub fn judged(seen: &Site, appliance: &ApplianceId, limits: &Limits, now: Time) -> Option<(Standing, String)> {
    let (generation, heard) = (seen.release.generations.get(appliance)?, seen.heard.get(appliance)?);
    let runs = beat(heard).and_then(|beat| beat.release);
    let is_same = runs.is_some_and(|runs| seen.is_same(appliance, &runs));
    let offer = Offer { release: &seen.release, generation, logged_at: seen.logged_at, is_same };
    Some(standing::judge(&offer, heard, limits, now))
}

fn beat(heard: &Heard) -> Option<&Heartbeat> {
    match heard {
        Heard::Beat(beat) => Some(beat),
        Heard::Never | Heard::Broken(_) => None,
    }
}

impl ApplianceSeen {
    fn of(
        seen: &Site,
        appliance: &ApplianceId,
        ring: Option<String>,
        standing: Standing,
        what: String,
    ) -> Option<Self> {
        let generation = seen.release.generations.get(appliance)?;
        let beat = seen.heard.get(appliance).and_then(beat);
        // What an appliance writes freely is cut short and kept on its line.
        let short = |text: &str| one_line(text.chars().take(40).collect::<String>());
        Some(Self {
            appliance: appliance.clone(),
            ring,
            standing,
            what,
            not_before: generation.not_before,
            held: seen.release.is_held(generation),
            heard_at: beat.map(|beat| beat.at),
            runs: beat.and_then(|beat| beat.release).map(|runs| format!("{}-{}", runs.epoch, runs.serial)),
            agent_version: beat.map(|beat| short(&beat.agent_version)),
            trust_version: beat.map(|beat| beat.trust_version.get()),
            open_incidents: beat.map(|beat| beat.open_incidents),
            refused: beat.map(|beat| beat.refused),
            next: beat.and_then(|beat| beat.next.as_ref()).map(|next| NextSeen {
                release: format!("{}-{}", next.epoch, next.serial),
                state: next.state,
                at: next.at,
                rule: next.rule.as_deref().map(short),
            }),
        })
    }
}
