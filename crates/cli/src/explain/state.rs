//! The last outcome of a check, from the state folder of an appliance: `status.json` and `posture.json`.

use std::path::Path;

use serde::Serialize;
use writ_agent::enforce::posture::Book;
use writ_policy::observation::Observation;
use writ_policy::outcome::Outcome as CheckOutcome;
use writ_trust::text::escaped;
use writ_trust::time::Time;

use super::page::Page;
use crate::appliance_state::{self, Incident, STATUS, STATUS_SCHEMA, Status};
use crate::failure::{Failure, Outcome};
use crate::library::words;
use crate::screen;

/// What an appliance knows of itself.
pub struct State {
    /// Its site.
    pub site: String,
    /// Its name.
    pub appliance: String,
    status: Status,
    book: Option<Book>,
}

/// The last outcome of one check on one appliance.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Last {
    /// The check.
    pub check: String,
    /// The appliance, as `site/appliance`.
    pub appliance: String,
    /// The release that it obeys.
    pub release: Option<String>,
    /// As of when the appliance says so.
    pub told_at: Time,
    /// What the check came to; null when it has not run.
    pub outcome: Option<CheckOutcome>,
    /// The last run that is on record, if it came to the same.
    pub ran_at: Option<Time>,
    /// Why it did not pass then.
    pub reasons: Vec<String>,
    /// What was seen then.
    pub seen: Option<Observation>,
    /// The incident that is open because of it.
    pub incident: Option<Incident>,
}

impl State {
    /// Reads a state folder. What is in it is bounded and nothing of it is followed.
    pub fn read(folder: &Path) -> Outcome<Self> {
        let file = folder.join(STATUS);
        let status = appliance_state::status(folder).map_err(|e| {
            let failure = Failure::could_not("this is no state folder of an appliance").at(file.display());
            let next = "name the `state_dir` of its enforcer, such as /var/lib/writ/enforce, or a copy of it";
            failure.caused_by(&e).next(next)
        })?;
        if status.schema != STATUS_SCHEMA {
            let found = format!("it is {}, not {STATUS_SCHEMA}", escaped(&status.schema));
            return Err(Failure::could_not("this status is of another version").at(file.display()).because(found));
        }
        // What was seen is kept only now and then: without it the outcome is still known.
        let book = appliance_state::book(folder);
        Ok(Self { site: status.site.to_string(), appliance: status.appliance.to_string(), status, book })
    }

    /// The last outcome of a check.
    pub fn last(&self, check: &str) -> Last {
        let seen = self.book.as_ref().and_then(|book| book.last(check)).filter(|seen| seen.at.is_some());
        let outcome = self.status.outcomes.get(check).copied().or(seen.map(|seen| seen.outcome));
        // The book is kept less often: what an earlier run saw says nothing of another outcome.
        let seen = seen.filter(|seen| Some(seen.outcome) == outcome);
        Last {
            check: check.to_owned(),
            appliance: format!("{}/{}", self.site, self.appliance),
            release: self.status.release.clone(),
            told_at: self.status.at,
            outcome,
            ran_at: seen.and_then(|seen| seen.at),
            reasons: seen.map(|seen| seen.reasons.clone()).unwrap_or_default(),
            seen: seen.map(|seen| seen.observation.clone()).filter(|seen| seen.iter().next().is_some()),
            incident: self.status.open_incidents.iter().find(|incident| incident.check == check).cloned(),
        }
    }
}

impl Last {
    /// Prints it.
    pub fn print(&self, page: &mut Page) {
        page.section(&format!("Last outcome of {} on {}", self.check, self.appliance));
        let ran = self.ran_at.map(|at| format!(", run at {}", writ_audit::words::when(at))).unwrap_or_default();
        let (style, word) = match self.outcome {
            None => (screen::DIM, "has not run"),
            Some(CheckOutcome::Pass) => (screen::GREEN, "pass"),
            Some(CheckOutcome::Fail) => (screen::RED, "fail"),
            Some(other) => (screen::YELLOW, other.as_str()),
        };
        page.styled(2, style, word, &ran);
        for reason in &self.reasons {
            page.text(4, reason);
        }
        if let Some(seen) = &self.seen {
            let rows =
                seen.iter().map(|(field, value)| (field.to_owned(), format!("= {}", words::observed(field, value))));
            page.rows(4, &rows.collect::<Vec<_>>());
        }
        if let Some(incident) = &self.incident {
            let since = writ_audit::words::when(incident.detected_at);
            let tried = writ_audit::words::of(incident.attempts, "attempt");
            page.text(2, &format!("incident {} is open since {since}, {tried}", incident.incident_id));
        }
        let release = self.release.as_ref().map(|r| format!(" under release {r}")).unwrap_or_default();
        page.dim(2, &format!("as the appliance said at {}{release}", writ_audit::words::when(self.told_at)));
    }
}
