//! Heartbeats: each by the key that the newest release names, none older than before, none too old.

use std::collections::BTreeMap;

use writ_client::Client;
use writ_trust::ids::{ApplianceId, SiteId};
use writ_trust::log::freshness;
use writ_trust::minisign::PublicKey;
use writ_trust::release::Release;
use writ_trust::time::Time;
use writ_wire::Signed;
use writ_wire::courier::SKEW_MILLIS;
use writ_wire::heartbeat::Heartbeat;

use super::findings::{Code, Findings};
use super::report::ApplianceSeen;
use super::state::{BeatKept, State};
use super::{Limits, ago};
use crate::depot::beats::{BeatsError, heartbeats};
use crate::depot::head::Head;
use crate::failure::Outcome;

/// An appliance that has heard of no fresh head of its log for so long says so loudly: 24 h, in milliseconds.
const STALE_MILLIS: i64 = 86_400_000;

/// Asks for the heartbeats and judges those of the appliances that a release names.
#[allow(clippy::too_many_arguments, reason = "what one look knows")]
pub fn judge(
    client: &Client,
    site: &SiteId,
    release: &Release,
    head: Option<&Head>,
    state: &State,
    limits: Limits,
    now: Time,
    findings: &mut Findings,
) -> Outcome<Vec<ApplianceSeen>> {
    let beats = match heartbeats(client, site) {
        Ok(beats) => beats,
        Err(error) => {
            let code = match error {
                BeatsError::Client(_) => Code::Unreachable,
                BeatsError::List(_) => Code::HeartbeatBroken,
            };
            findings.add(code, "depot", error);
            return Ok(Vec::new());
        }
    };
    let mut kept = state.beats()?;
    let mut seen = Vec::new();
    for (appliance, generation) in &release.generations {
        let mut judge = Judge { site, appliance, head, limits, now, findings };
        let signed = beats.get(generation.public_key.ed25519());
        seen.push(judge.one(signed, &generation.public_key, &mut kept));
    }
    state.keep_beats(&kept)?;
    Ok(seen)
}

struct Judge<'a, 'l> {
    site: &'a SiteId,
    appliance: &'a ApplianceId,
    head: Option<&'a Head>,
    limits: Limits<'l>,
    now: Time,
    findings: &'a mut Findings,
}

impl Judge<'_, '_> {
    fn one(
        &mut self,
        signed: Option<&Signed>,
        key: &PublicKey,
        kept: &mut BTreeMap<String, BeatKept>,
    ) -> ApplianceSeen {
        let fingerprint = key.fingerprint();
        let heartbeat = signed.map(|signed| Heartbeat::verify(signed, key));
        let heartbeat = match heartbeat {
            Some(Ok(heartbeat)) if heartbeat.site == *self.site && heartbeat.appliance == *self.appliance => heartbeat,
            Some(Ok(heartbeat)) => {
                self.add(Code::HeartbeatBroken, format!("it speaks for {}/{}", heartbeat.site, heartbeat.appliance));
                return ApplianceSeen::unheard(self.appliance.clone());
            }
            Some(Err(error)) => {
                self.add(Code::HeartbeatBroken, error.to_string());
                return ApplianceSeen::unheard(self.appliance.clone());
            }
            None => {
                let what = match kept.get(&fingerprint) {
                    Some(before) => format!("it was heard of at {} before, and is not now", before.at),
                    None => "it has orders, and was never heard of".to_owned(),
                };
                self.add(Code::NeverHeard, what);
                return ApplianceSeen::unheard(self.appliance.clone());
            }
        };
        match kept.get(&fingerprint) {
            Some(before) if heartbeat.at < before.at || heartbeat.sequence < before.sequence => {
                let what = format!(
                    "one of {} with bundle {} is shown, after one of {} with bundle {}",
                    heartbeat.at, heartbeat.sequence, before.at, before.sequence
                );
                self.add(Code::HeartbeatBack, what);
            }
            _ => {
                kept.insert(fingerprint, BeatKept { at: heartbeat.at, sequence: heartbeat.sequence });
            }
        }
        self.age(&heartbeat);
        self.log(&heartbeat);
        ApplianceSeen {
            appliance: self.appliance.clone(),
            at: Some(heartbeat.at),
            release: heartbeat.release.map(|release| format!("{}-{}", release.epoch, release.serial)),
            sequence: heartbeat.sequence,
            open_incidents: heartbeat.open_incidents,
            refused: heartbeat.refused,
            log_size: heartbeat.log.map(|log| log.size),
            agent_version: Some(heartbeat.agent_version),
        }
    }

    fn age(&mut self, heartbeat: &Heartbeat) {
        let (now, at) = (self.now, heartbeat.at);
        if now.millis_since(at) > self.limits.max_age.millis() {
            self.add(Code::Silent, format!("it was last heard of {} ago, at {at}", ago(now, at)));
        } else if at.millis_since(now) > SKEW_MILLIS {
            self.add(Code::ClockAhead, format!("it says that it is {at}, and here it is {now}"));
        }
    }

    /// An appliance that has seen more of the log than is shown here is shown another log, or the depot was set back.
    fn log(&mut self, heartbeat: &Heartbeat) {
        if let (Some(log), Some(head)) = (&heartbeat.log, self.head) {
            let shown = (head.number, head.signed.checkpoint.size);
            if (log.number, log.size) > shown {
                let what = format!(
                    "it has seen {} entries of log {}, {} of log {} are shown",
                    log.size, log.number, shown.1, shown.0
                );
                self.add(Code::LogShort, what);
            }
        }
        if let Some(at) = heartbeat.log_fresh_at
            && (self.now.millis_since(at) > STALE_MILLIS || freshness::is_future(at, self.now))
        {
            let what = format!("the newest head of the log that it has heard of is of {at}");
            self.add(Code::ApplianceStale, what);
        }
    }

    fn add(&mut self, code: Code, what: String) {
        self.findings.add(code, self.appliance, what);
    }
}
