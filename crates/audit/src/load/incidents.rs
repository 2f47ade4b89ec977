//! Every opened incident is closed by exactly one bundle.

use std::collections::BTreeMap;

use writ_evidence::{Bundle, BundleId, IncidentId, Kind};
use writ_trust::ids::ApplianceId;

use crate::problem::Code;
use crate::verify::VerifyReport;

/// How an incident began and ended. Of one in which all fits no path is kept: a folder has tens of thousands.
#[derive(Debug, Default)]
struct Ends {
    opened: Option<BundleId>,
    /// The first bundle that opened it once more.
    opened_again: Option<String>,
    closed: Option<Closed>,
    /// The first bundle that closed it once more.
    closed_again: Option<String>,
}

#[derive(Debug)]
enum Closed {
    /// By a bundle that names the one that opened it.
    Fits,
    /// Whether it fits is not known yet: the bundle that it names, and its path.
    Maybe(Option<BundleId>, String),
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
            match ends.opened {
                None => ends.opened = Some(bundle.bundle_id),
                Some(_) => _ = ends.opened_again.get_or_insert_with(|| path.to_owned()),
            }
        } else if ends.closed.is_some() {
            ends.closed_again.get_or_insert_with(|| path.to_owned());
        } else {
            let fits = ends.opened.is_some() && incident.opened_by.is_none_or(|named| Some(named) == ends.opened);
            ends.closed = Some(if fits { Closed::Fits } else { Closed::Maybe(incident.opened_by, path.to_owned()) });
        }
    }

    /// Says what does not fit. An incident that is still open is no problem of the evidence.
    pub fn judge(self, report: &mut VerifyReport) {
        const CONSEQUENCE: &str = "the story of this incident cannot be relied on";
        let problems = &mut report.problems;
        for ((appliance, id), Ends { opened, opened_again, closed, closed_again }) in self.by_id {
            if let Some(path) = opened_again {
                let what = format!("incident {id} of {appliance} was opened before");
                problems.bad(Code::Forked, &path, what, CONSEQUENCE);
            }
            if let Some(path) = closed_again {
                let what = format!("incident {id} of {appliance} was closed before");
                problems.bad(Code::Forked, &path, what, CONSEQUENCE);
            }
            match (opened, closed) {
                (None, Some(Closed::Maybe(_, path))) if !self.incomplete => {
                    let what = format!("it closes incident {id} of {appliance}, which nothing opened");
                    problems.bad(Code::Missing, &path, what, CONSEQUENCE);
                }
                (Some(opened), Some(Closed::Maybe(Some(named), path))) if named != opened => {
                    let what = format!("it says that {named} opened incident {id}, but {opened} did");
                    problems.bad(Code::Malformed, &path, what, CONSEQUENCE);
                }
                _ => {}
            }
        }
    }
}
