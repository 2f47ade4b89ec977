//! `writ export schema`: a JSON Schema (draft 2020-12) of every document that is signed or obeyed, and of what `writ`
//! prints as JSON.
//!
//! Those of policies and observations are made from the tables that this version judges by. The others stand in
//! checks/schemas, and tests hold them to the documents and to the parsers.

mod common;
mod fixed;
mod observation;
mod policy;

use std::path::PathBuf;

use serde_json::Value as Json;

use crate::failure::{Answer, Failure, Outcome};
use crate::{files, screen};

/// Write JSON Schemas (draft 2020-12): policy, evidence, release, trust root, log, and what is printed as JSON
#[derive(Debug, clap::Args)]
#[command(after_help = "\
It writes DIR/<name>.json: policy-v2, evidence-bundle-v1, evidence-bundle-v2, posture-v1, release-v1,
trust-v1, closure-v1, log-entry-v1, log-restart-v1, receipt-v1; plan-request-v1,
plan-v1 and plan-verdict-v1, for whoever plans; observation-<probe>-v1 for each probe; and of what is printed as JSON:
check-report-v1, diff-v1, doctor-v1, explain-v1, fleet-v1, status-v1, verify-v1 and watch-v1; of `writ audit`
verification-v1 (verify), comparison-v1 (compare), fetched-v1 (fetch), collected-v1 (collect) and
query-v1 (query) and recurring-v1 (query --recurring), sample-v1 (sample), restore-tested-v1 (restore-test),
checklist-v1 (checklist), attested-v1 (attest) and proof-v1 (show --proof), while show prints an evidence-bundle of its
version; of `writ release` drafted-v1 (draft) and releases-v1 (show), of `writ trust show` roots-v1, of `writ keys` new-key-v1 (new) and key-v1 (show), and
secrets-v1 of `writ secret list`, packet-v1 of `writ report`, and learning-v1 and learned-v1 of `writ learn`; and of
`writ-portal` learning-status-v1 and learning-candidates-v1 (GET /learning/status and /learning/candidates).
What writ-enforce and writ-switch print has no schema, nor has what `writ secret identity` prints, and
age, rotate, revoke and archive of `writ keys`, and the part that show prints with --trust.
Every file stands alone, and the same version writes the same bytes. It needs no tree and no network.

Examples:
  $ writ export schema --out schemas
  $ jsonschema -i releases/clinic-001/1-5/release.json schemas/release-v1.json

A schema says less than a parser: that digests fit, that signatures hold, and that names lead somewhere
is for `writ check`, `writ verify` and `writ audit` to say.

Exit codes: 0 written; 2 could not run.")]
pub struct Arguments {
    /// The folder to write to; it is made if it is not there, and files of the same names are replaced
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        let schemas = all()?;
        files::make_directory(&self.out)?;
        for (name, text) in &schemas {
            files::replace(&self.out.join(format!("{name}.json")), text.as_bytes(), 0o644, "the schema")?;
        }
        screen::line(&format!("{} in {}", screen::count(schemas.len(), "schema"), self.out.display()));
        Ok(Answer::Yes)
    }
}

/// Every schema by name, as text.
fn all() -> Outcome<Vec<(String, String)>> {
    let registry = writ_agent::probes::registry();
    let mut schemas: Vec<(String, String)> =
        fixed::FILES.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    schemas.push(("policy-v2".to_owned(), text(&policy::schema(&registry))?));
    for probe in registry.probes.values() {
        let name = observation::name(probe.name);
        schemas.push((name, text(&observation::schema(probe, registry.unobserved(probe.name)))?));
    }
    Ok(schemas)
}

fn text(schema: &Json) -> Outcome<String> {
    let text = serde_json::to_string_pretty(schema);
    text.map(|text| format!("{text}\n")).map_err(|e| Failure::could_not("a schema cannot be written").caused_by(&e))
}
