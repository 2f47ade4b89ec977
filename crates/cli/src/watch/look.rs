//! One look at a depot: roots, log, release, heartbeats, in the order in which each vouches for the next.

use writ_trust::release::Release;
use writ_trust::time::Time;

use super::findings::{Code, Findings};
use super::report::{LogSeen, ReleaseSeen, Report, TrustSeen};
use super::state::State;
use super::{Watch, beats, keys, log, outside, release, roots};
use crate::failure::Outcome;

/// What was seen.
pub struct Looked {
    /// What it came to.
    pub report: Report,
    /// The newest release, where there is one that holds.
    pub release: Option<Release>,
}

impl Watch<'_> {
    /// Looks, and remembers what was seen.
    pub fn look(&self, pinned: &[u8], state: &mut State, now: Time) -> Outcome<Looked> {
        let (client, site, limits) = (&self.client, self.site, self.limits);
        let mut findings = Findings::default();
        let chain = roots::walk(client, pinned, state, limits, now, &mut findings)?;
        let newest = chain.newest();
        keys::judge(newest, site, limits, now, &mut findings);
        let mut report = Report {
            schema: "writ.watch.v1",
            at: now,
            site: site.clone(),
            depot: client.depot().to_owned(),
            trust: TrustSeen { version: newest.version.get(), expires_at: newest.expires_at },
            log: None,
            release: None,
            appliances: Vec::new(),
            findings: Vec::new(),
        };
        let mut held = None;
        let reached = |findings: &Findings| !findings.0.iter().any(|finding| finding.code == Code::Unreachable);
        if reached(&findings) {
            let head = log::look(client, &chain, site, state, limits, now, &mut findings)?;
            report.log = head.as_ref().map(|head| LogSeen {
                number: head.number,
                origin: head.signed.checkpoint.origin.clone(),
                size: head.signed.checkpoint.size,
                fresh_at: head.signed.fresh_at,
                external: Vec::new(),
            });
            if let (Some(head), Some(log)) = (&head, &mut report.log) {
                log.external = outside::judge(client, &chain, site, head, limits, now, &mut findings);
            }
            // A release of a log that does not hold would only be believed by accident.
            let logged = !newest.origins(site).is_empty();
            if reached(&findings) && (head.is_some() || !logged) {
                let head = head.as_ref();
                let active = release::judge(client, &chain, site, state, head, limits, now, &mut findings)?;
                if let Some(active) = active {
                    let release = &active.past.release;
                    report.release = Some(ReleaseSeen {
                        point: format!("{}-{}", release.epoch, release.serial),
                        digest: active.past.digest,
                        expires_at: release.expires_at,
                    });
                    let head = active.head.as_ref().or(head);
                    report.appliances = beats::judge(client, site, release, head, state, limits, now, &mut findings)?;
                    held = Some(active.past.release);
                }
            }
        }
        report.findings = findings.0;
        Ok(Looked { report, release: held })
    }
}
