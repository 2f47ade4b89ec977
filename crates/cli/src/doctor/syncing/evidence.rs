//! The way out: evidence on the disk and in the outbox.

use super::super::appliance::Appliance;
use super::super::finding::Finding;
use super::{note, rules, wrong};

/// What the state calls a refused receipt.
const RECEIPT: &str = "receipt";

pub fn findings(seen: &Appliance) -> Vec<Finding> {
    let mut found = Vec::new();
    let enforcer = &seen.enforcer;
    if let Some(status) = enforcer.status.as_ref().filter(|_| enforcer.runs) {
        if let Some(trouble) = &status.disk_trouble {
            let waiting = status.evidence.waiting;
            let what = format!("evidence cannot be written ({waiting} bundles wait in memory): {trouble}");
            let next = "make room on the disk of the state folder and the outbox (`df -h`), or mount it writable; nothing is lost yet";
            found.push(wrong("disk-trouble", "disk", what, next));
        }
        if status.outbox.over_budget > 0 {
            let over = status.outbox.over_budget.div_ceil(1 << 20);
            let what = format!("the outbox is {over} MiB over its budget, and nothing more in it may be removed");
            let next = "see why nothing is delivered, or give it more room (`outbox_budget` in enforce.toml)";
            found.push(wrong("outbox-full", "outbox", what, next));
        }
    }
    let state = enforcer.state.as_ref();
    if let Some(state) = state.filter(|state| state.unrecorded > 0) {
        let n = state.unrecorded;
        let what = format!("{n} incidents were healed without a record of their own, while disk and memory were full");
        found.push(note("unrecorded", "evidence", what, "make room; it is told as soon as there is"));
    }
    for refused in state.iter().flat_map(|state| &state.refusals).filter(|refused| refused.what == RECEIPT) {
        let what = format!("receipts do not count (rule {}): their bundles stay in the outbox", refused.rule);
        found.push(wrong("receipts-refused", "outbox", what, rules::advice(&refused.rule)));
    }
    found
}
