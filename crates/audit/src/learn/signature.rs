//! What makes two incidents one pattern, as a digest.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Map, Value as Json};
use writ_policy::runbook::Runbook;
use writ_trust::digest::Digest;
use writ_trust::json;

/// What the digest is of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Parts<'a> {
    /// What sort of event.
    pub incident_type: &'a str,
    /// The check that failed.
    pub check: &'a str,
    /// The terms of its expectation that did not hold, as [`super::terms`] writes them.
    pub broken: &'a BTreeSet<String>,
    /// The runbook that ran.
    pub runbook: &'a str,
    /// [`parameters`] of it.
    pub parameters: Digest,
}

/// SHA-256 of the RFC 8785 form of
/// `{"conditions":{"broken":[…],"check":…},"incident_type":…,"parameters":…,"runbook":…}`.
///
/// The order in which terms were met cannot matter: they are a set. Neither a site nor an appliance is in it.
pub fn signature(parts: &Parts<'_>) -> Digest {
    #[derive(Serialize)]
    struct Conditions<'a> {
        broken: &'a BTreeSet<String>,
        check: &'a str,
    }
    #[derive(Serialize)]
    struct Form<'a> {
        conditions: Conditions<'a>,
        incident_type: &'a str,
        parameters: Digest,
        runbook: &'a str,
    }
    let Parts { incident_type, check, broken, runbook, parameters } = *parts;
    Digest::of(&json::canonical(&Form { conditions: Conditions { broken, check }, incident_type, parameters, runbook }))
}

/// Digest of what a runbook does: the sorts of its steps with their parameters, and of what undoes them, in order. Its title, its
/// version and how long steps may take say nothing of that.
pub fn parameters(runbook: &Runbook) -> Digest {
    #[derive(Serialize)]
    struct Act<'a> {
        step: &'a str,
        parameters: &'a Map<String, Json>,
    }
    #[derive(Serialize)]
    struct Both<'a> {
        act: Act<'a>,
        undo: Option<Act<'a>>,
    }
    let both = runbook.steps.iter().map(|step| Both {
        act: Act { step: &step.step, parameters: &step.parameters },
        undo: step.undo.as_ref().map(|undo| Act { step: &undo.step, parameters: &undo.parameters }),
    });
    Digest::of(&json::canonical(&both.collect::<Vec<_>>()))
}
