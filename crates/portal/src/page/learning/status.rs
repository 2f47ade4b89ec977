//! `GET /learning/status`: how the learning loop stands, for programs (`writ.learning-status.v1`).

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::Uri;
use serde::Serialize;
use writ_audit::costs::Calls;
use writ_audit::learn::State as Come;
use writ_trust::time::Time;

use super::{PROMISED, together, warnings};
use crate::access::users::User;
use crate::fault::Fault;
use crate::page::shape::{Answer, json};
use crate::portal::Portal;

/// How the loop stands at the sites that somebody may see.
#[derive(Serialize)]
struct Status {
    /// Always `writ.learning-status.v1`.
    schema: &'static str,
    /// How many sites that is.
    sites: usize,
    /// When the one was read that was read longest ago; null where none was.
    read_from: Option<Time>,
    /// When the last was.
    read_to: Option<Time>,
    /// Incidents of the period that ended.
    ended: u64,
    /// Those that are open.
    open: u64,
    /// The tiers by name.
    tiers: BTreeMap<&'static str, Tier>,
    /// How many patterns have come how far, by state.
    patterns: BTreeMap<&'static str, u64>,
    /// What language models were asked in the period.
    calls: Calls,
    /// What learned rules saved in the period by the evidence, in milliseconds.
    saved_millis: u64,
    /// The same in millionths of a US dollar.
    saved_microdollars: u64,
    /// What is beyond the figures of the baseline, in words.
    warnings: Vec<String>,
}

#[derive(Serialize)]
struct Tier {
    resolved: u64,
    /// Of those that ended, whole and rounded down; null where none did.
    share_percent: Option<u64>,
    promised_percent: [u64; 2],
    mean_millis: Option<u64>,
    microdollars: u64,
    /// `counted` or `reckoned`.
    cost_is: &'static str,
}

pub async fn get(State(portal): State<Arc<Portal>>, Extension(who): Extension<Arc<User>>, uri: Uri) -> Answer {
    if uri.query().is_some() {
        return Err(Fault::Malformed("it is asked for without anything".to_owned()));
    }
    let learned = together(&portal, &who).await?;
    let fleet = portal.held.fleet();
    let read: Vec<Time> = fleet.worst_first(&who).iter().map(|summary| summary.read_at).collect();
    let tier = |(n, (name, _, low, high)): (usize, (&'static str, &str, u64, u64))| {
        let cost = learned.tiers.get(n).copied().unwrap_or_default();
        let tier = Tier {
            resolved: cost.resolved,
            share_percent: learned.tally.tier_percent(n),
            promised_percent: [low, high],
            mean_millis: cost.mean_millis(),
            microdollars: cost.microdollars,
            cost_is: if n == 2 { "reckoned" } else { "counted" },
        };
        (name, tier)
    };
    json(&Status {
        schema: "writ.learning-status.v1",
        sites: read.len(),
        read_from: read.iter().min().copied(),
        read_to: read.iter().max().copied(),
        ended: learned.tally.closed,
        open: learned.tally.open,
        tiers: PROMISED.into_iter().enumerate().map(tier).collect(),
        patterns: Come::ALL.map(|state| (state.as_str(), learned.with(state))).into(),
        calls: learned.calls,
        saved_millis: learned.saved_millis,
        saved_microdollars: learned.saved_microdollars,
        warnings: warnings(&learned),
    })
}
