//! What appliances told of an order, by their evidence.

use std::path::Path;

use serde::Serialize;
use writ_audit::{Archive, Folder as AuditFolder, Options, Trust};
use writ_evidence::BundleId;
use writ_evidence::records::OrderPhase;
use writ_trust::digest::Digest;
use writ_trust::ids::ApplianceId;
use writ_trust::order::{Audience, Order};
use writ_trust::text::escaped;
use writ_trust::time::Time;

use crate::failure::{Failure, Outcome};
use crate::trust::folder::Folder;
use crate::{clock, screen};

/// What one appliance told.
#[derive(Debug, Clone, Serialize)]
pub struct Told {
    appliance: ApplianceId,
    /// `nothing`, `acknowledged`, `carried-out` or `declined`.
    state: &'static str,
    at: Option<Time>,
    bundle: Option<BundleId>,
    result: Option<String>,
}

impl Told {
    fn nothing(appliance: ApplianceId) -> Self {
        Self { appliance, state: "nothing", at: None, bundle: None, result: None }
    }

    /// The same in one line.
    pub fn line(&self) -> String {
        let Self { appliance, state, at, bundle, result } = self;
        match (at, bundle, result) {
            (Some(at), Some(bundle), Some(result)) => {
                format!("{appliance}: {state} {at} ({bundle}): {}", escaped(result))
            }
            _ => format!("{appliance}: has told nothing of it yet"),
        }
    }
}

/// What the appliances of the site told of an order, in verified evidence; those that it names are all listed.
pub fn of(audit: &Path, folder: &Folder, order: &Order, digest: Digest) -> Outcome<Vec<Told>> {
    let evidence = AuditFolder::open(audit).map_err(|e| {
        Failure::could_not("cannot open the audit folder").caused_by(&e).next("make one with `writ audit fetch`")
    })?;
    let first = folder.roots.first().map(|root| Trust::Root(root.bytes.clone()));
    let options = Options {
        trust: first.unwrap_or(Trust::Folder),
        site: Some(order.site.clone()),
        without_entries: true,
        now: Some(clock::now()),
    };
    let mut told: Vec<Told> = match &order.audience {
        Audience::All => Vec::new(),
        Audience::Appliances(named) => named.iter().cloned().map(Told::nothing).collect(),
    };
    let report = Archive::open(evidence, &options).walk(&mut |stored| {
        let bundle = &stored.bundle;
        let Some(record) = bundle.order.as_ref().filter(|record| record.digest == digest) else { return };
        let state = match (record.phase, record.carried_out) {
            (Some(OrderPhase::Acknowledged), _) => "acknowledged",
            (_, true) => "carried-out",
            (_, false) => "declined",
        };
        // They come in the order of the chain: what is told last counts.
        let now = Told {
            appliance: bundle.appliance.clone(),
            state,
            at: Some(bundle.generated_at),
            bundle: Some(bundle.bundle_id),
            result: Some(record.result.clone()),
        };
        match told.iter_mut().find(|told| told.appliance == bundle.appliance) {
            Some(before) => *before = now,
            None => told.push(now),
        }
    });
    if !report.ok {
        screen::warning("not everything in the audit folder verified: see `writ audit verify`");
    }
    told.sort_by(|a, b| a.appliance.cmp(&b.appliance));
    Ok(told)
}
