//! Every opened incident is closed by exactly one bundle.

use std::collections::BTreeMap;

use writ_evidence::{Bundle, BundleId, IncidentId, Kind};
use writ_trust::ids::ApplianceId;

use crate::problem::Code;
use crate::verify::VerifyReport;

#[derive(Debug, Default)]
struct Ends {
    opened: Vec<(BundleId, String)>,
    closed: Vec<(Option<BundleId>, String)>,
}

/// The incidents of one site, over all keys of its appliances.
#[derive(Debug, Default)]
pub struct Incidents {
    by_id: BTreeMap<(ApplianceId, IncidentId), Ends>,
    /// Whether bundles are missing, so that a missing beginning is no further news.
    pub incomplete: bool,
}

impl Incidents {
    /// Takes in a bundle.
    pub fn take(&mut self, path: &str, bundle: &Bundle) {
        let Some(incident) = &bundle.incident else { return };
        let ends = self.by_id.entry((bundle.appliance.clone(), incident.incident_id)).or_default();
        if bundle.kind == Kind::IncidentOpened {
            ends.opened.push((bundle.bundle_id, path.to_owned()));
        } else {
            ends.closed.push((incident.opened_by, path.to_owned()));
        }
    }

    /// Says what does not fit. An incident that is still open is no problem of the evidence.
    pub fn judge(self, report: &mut VerifyReport) {
        for ((appliance, id), Ends { opened, closed }) in self.by_id {
            let consequence = "the story of this incident cannot be relied on";
            let problems = &mut report.problems;
            if let Some((_, path)) = opened.get(1) {
                problems.bad(
                    Code::Forked,
                    path,
                    format!("incident {id} of {appliance} was opened before"),
                    consequence,
                );
            }
            if let Some((_, path)) = closed.get(1) {
                problems.bad(
                    Code::Forked,
                    path,
                    format!("incident {id} of {appliance} was closed before"),
                    consequence,
                );
            }
            match (opened.first(), closed.first()) {
                (None, Some((_, path))) if !self.incomplete => {
                    let what = format!("it closes incident {id} of {appliance}, which nothing opened");
                    problems.bad(Code::Missing, path, what, consequence);
                }
                (Some((opened, _)), Some((Some(named), path))) if named != opened => {
                    let what = format!("it says that {named} opened incident {id}, but {opened} did");
                    problems.bad(Code::Malformed, path, what, consequence);
                }
                _ => {}
            }
        }
    }
}
