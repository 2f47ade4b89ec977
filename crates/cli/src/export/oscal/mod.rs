//! `writ export oscal`: policy and evidence in NIST's form.

mod catalog;
mod component;
mod plan;
mod poam;
mod profile;
mod results;
mod tree;

use std::path::Path;

use writ_audit::report::oscal::references::Ids;
use writ_audit::report::oscal::{Document, Model};

use crate::audit::unprintable;
use crate::failure::{Failure, Outcome};

/// Write policy and evidence as OSCAL, NIST's form for controls and assessments
///
/// Documents follow OSCAL 1.2 in JSON. Those of one folder refer to one another by the names that --out gives them. Everything
/// has the same UUID in every document and every run; with --now the same policy and evidence give the same bytes. No document is
/// written that refers to what is not there.
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "\
A whole set:
  writ export oscal catalog --out oscal
  writ export oscal profile clinic-001 --out oscal
  writ export oscal component-definition --out oscal
  writ export oscal assessment-plan audit --trust root-you-were-given.json --out oscal
  writ export oscal assessment-results audit --trust root-you-were-given.json --period 2026-11 --out oscal
  writ export oscal poam audit --trust root-you-were-given.json --period 2026-11 --out oscal

What each says of Writ's own words: https://github.com/writ-project/writ/blob/main/docs/exports.md")]
pub enum Command {
    Catalog(catalog::Arguments),
    Profile(profile::Arguments),
    ComponentDefinition(component::Arguments),
    AssessmentPlan(plan::Arguments),
    AssessmentResults(results::Arguments),
    Poam(poam::Arguments),
}

impl Command {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        match self {
            Self::Catalog(arguments) => arguments.run(),
            Self::Profile(arguments) => arguments.run(),
            Self::ComponentDefinition(arguments) => arguments.run(),
            Self::AssessmentPlan(arguments) => arguments.run(),
            Self::AssessmentResults(arguments) => arguments.run(),
            Self::Poam(arguments) => arguments.run(),
        }
    }
}

/// The most faults of a document that are told.
const MOST_FAULTS: usize = 5;

fn document<M: Model>(model: M) -> Outcome<Document> {
    Document::new(model).map_err(|e| unprintable(&e))
}

/// Writes a document, once everything that it refers to is known to be there. `catalog` is what its catalogue defines, and `next`
/// what to do where something is not there.
fn write(document: &Document, catalog: &Ids, out: Option<&Path>, next: &str) -> Outcome<()> {
    let faults = document.faults(catalog);
    if faults.is_empty() {
        return super::write(out, document.file, &document.text, "the document");
    }
    let failure = Failure::refused("this document would refer to what is not there, or have something twice");
    let failure = faults.iter().take(MOST_FAULTS).fold(failure, |failure, fault| failure.because(fault));
    Err(failure.next(next))
}
