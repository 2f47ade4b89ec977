//! An exception: what it lifts, until when, why, and who answers for it.

use serde::Serialize;
use writ_policy::exception::Exception;
use writ_trust::time::Time;

use super::page::Page;
use super::subject::Subject;
use super::{Asked, Details, Explanation, Kind};
use crate::library::sites::{Name, Policy};
use writ_audit::words::when;

/// An exception as others tell of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Lifting {
    /// Its id.
    pub id: String,
    /// The control that it lifts.
    pub control: Option<String>,
    /// The check that it lifts.
    pub check: Option<String>,
    /// Why.
    pub reason: String,
    /// Who approved it.
    pub approved_by: String,
    /// From when on it counts.
    pub approved_at: Time,
    /// From when on it counts no more.
    pub expires: Time,
    /// Whether it counts now.
    pub in_force: bool,
    /// Where it is declared, `file:line`.
    pub at: String,
    /// The appliances that have it.
    pub appliances: Vec<Name>,
}

/// An exception.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explained {
    /// What it lifts, until when, and where.
    pub lifts: Lifting,
    /// What it lifts, in words.
    pub title: String,
    /// What may happen meanwhile.
    pub risk: String,
    /// What is done instead.
    pub compensating: String,
    /// Who owns the risk.
    pub owner: String,
    /// Digest of the approval document.
    pub approval: String,
    /// As of when it is judged.
    pub now: Time,
}

impl Lifting {
    /// An exception as of an instant.
    pub fn of(id: &str, exception: &Exception, now: Time, appliances: Vec<Name>) -> Self {
        Self {
            id: id.to_owned(),
            control: exception.control.clone(),
            check: exception.check.clone(),
            reason: exception.reason.clone(),
            approved_by: exception.approved_by.clone(),
            approved_at: exception.approved_at,
            expires: exception.expires,
            in_force: exception.in_force(now),
            at: exception.declared_at.to_string(),
            appliances,
        }
    }

    fn what(&self) -> String {
        let control = self.control.as_ref().map(|id| format!("control {id}"));
        control.or_else(|| self.check.as_ref().map(|id| format!("check {id}"))).unwrap_or_default()
    }

    fn state(&self, now: Time) -> String {
        let days = self.expires.millis_since(now) / 86_400_000;
        match (self.in_force, now < self.approved_at) {
            (true, _) => format!("in force until {}, {days} days from now", when(self.expires)),
            (false, true) => format!("not in force before {}", when(self.approved_at)),
            (false, false) => format!("expired at {}: what it lifted counts again", when(self.expires)),
        }
    }

    /// Prints it as a part of what it lifts.
    pub fn print(&self, page: &mut Page, now: Time) {
        page.text(2, &format!("{} lifts {}, {}", self.id, self.what(), self.state(now)));
        page.text(4, &self.reason);
        page.text(4, &format!("approved by {}", self.approved_by));
        page.dim(4, &format!("at {}", self.at));
        page.names(4, &self.appliances);
    }
}

/// Explains an exception.
pub fn explain(asked: &Asked<'_>, id: &str) -> Option<Explanation> {
    let subject = Subject::gather(asked, id, Vec::new(), |p: &Policy| &p.exceptions, |e: &Exception| &e.declared_at);
    let exception = subject.main()?;
    let appliances = subject.variants.first().map(|v| v.at.clone()).unwrap_or_default();
    let title = match (&exception.control, &exception.check) {
        (Some(control), _) => asked.control(control).map(|control| control.title.clone()),
        (None, Some(check)) => asked.check(check).map(|check| check.title.clone()),
        (None, None) => None,
    };
    let details = Explained {
        lifts: Lifting::of(id, exception, asked.now, appliances),
        title: title.unwrap_or_default(),
        risk: exception.risk.clone(),
        compensating: exception.compensating.clone(),
        owner: exception.owner.clone(),
        approval: exception.approval.to_string(),
        now: asked.now,
    };
    let (site_wide, lifted) = (subject.declared.first().is_some_and(|d| d.by.starts_with("site ")), &details.lifts);
    let lifted = lifted.check.clone().into_iter().collect::<Vec<_>>();
    let why = |policy: &Policy| match &exception.check {
        Some(check) if site_wide && !policy.checks.contains_key(check) => format!("it has no check {check}"),
        _ => subject.without_baseline(),
    };
    let reason = exception.reason.clone();
    Some(Explanation {
        applies: Some(subject.applies(asked, why)),
        last: asked.last(lifted.iter().map(String::as_str)),
        ..asked.explanation(Kind::Exception, id, &reason, &subject, Details::Exception(details))
    })
}

impl Explained {
    /// In a few words, for the head of the page.
    pub fn summary(&self) -> String {
        self.lifts.state(self.now)
    }

    /// Prints it.
    pub fn print(&self, page: &mut Page) {
        page.section("Lifts");
        page.rows(2, &[(self.lifts.what(), self.title.clone())]);
        page.section("Meanwhile");
        let approved = format!("{}, {}", self.lifts.approved_by, when(self.lifts.approved_at));
        let rows = [
            ("risk", self.risk.clone()),
            ("done instead", self.compensating.clone()),
            ("owner", self.owner.clone()),
            ("approved by", approved),
            ("approval", self.approval.clone()),
        ];
        page.rows(2, &rows.map(|(label, text)| (label.to_owned(), text)));
    }
}
