//! What a snapshot of the sources comes to: the policy and system of every appliance of some sites, judged fit or not.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use writ_nix::evaluate::{ApplianceReport, Report, Request};
use writ_policy::policy::Policy;
use writ_policy::rings::Rings;
use writ_policy::validate::{self, Level};
use writ_trust::ids::{ApplianceId, SiteId};
use writ_trust::json;
use writ_trust::minisign::PublicKey;
use writ_trust::release::{SchemaName, SystemType};

use super::source::Snapshot;
use crate::failure::{Failure, Outcome};
use crate::screen;
use crate::{check, clock};

/// How many mistakes are shown before the advice to run `writ check`.
const SHOWN: usize = 10;

/// One appliance as its sources describe it.
pub struct Appliance {
    /// The policy document: RFC 8785, so one evaluation has one spelling.
    pub policy: Vec<u8>,
    /// The schema of that document.
    pub schema: SchemaName,
    /// Its key.
    pub public_key: PublicKey,
    /// Its machine.
    pub system_type: SystemType,
    /// The store path of its system, not built yet; `None` where Writ does not manage the system.
    pub toplevel: Option<String>,
}

/// A site as its sources describe it.
pub struct Site {
    /// Its appliances.
    pub appliances: BTreeMap<ApplianceId, Appliance>,
    /// Which of them take up a release first.
    pub rings: Rings,
}

/// Evaluates some sites of a snapshot, or all; refuses what `writ check` would refuse.
pub fn evaluate(snapshot: &Snapshot, sites: &[SiteId]) -> Outcome<BTreeMap<SiteId, Site>> {
    screen::progress("evaluating the policies");
    let chosen: Vec<String> = sites.iter().map(ToString::to_string).collect();
    let request = Request { exclude: Vec::new(), sites: (!chosen.is_empty()).then_some(chosen) };
    let failed = |e| {
        Failure::refused("the sources do not evaluate").because(e).next("writ check shows every mistake with its place")
    };
    let report = snapshot.tree.report(&request).map_err(|e| failed(e.to_string()))?;
    for site in sites {
        if !report.sites.contains_key(site) {
            return Err(Failure::refused(format!("there is no site {site} in these sources"))
                .at(format!("hosts/{site}/site.nix"))
                .next("name one of the folders in hosts/"));
        }
    }
    if report.sites.is_empty() {
        return Err(Failure::refused("there is no site in these sources").at("hosts/"));
    }
    refuse_findings(&report)?;
    let found: Vec<SiteId> = report.sites.keys().cloned().collect();
    let systems = snapshot.tree.systems(&found).map_err(|e| failed(e.to_string()))?;
    let mut evaluated = BTreeMap::new();
    for (site, site_report) in &report.sites {
        let mut appliances = BTreeMap::new();
        for (name, appliance) in &site_report.appliances {
            let toplevel = systems.get(site).and_then(|systems| systems.get(name)).cloned().flatten();
            if toplevel.is_none() && snapshot.tree.root().join(format!("hosts/{site}/{name}/system.nix")).exists() {
                screen::warning(&format!("hosts/{site}/{name}/system.nix describes a system, but evaluates to null"));
            }
            appliances.insert(name.clone(), fit(snapshot.tree.root(), site, name, appliance, toplevel)?);
        }
        if appliances.is_empty() {
            return Err(Failure::refused(format!("site {site} has no appliance")).at(format!("hosts/{site}")));
        }
        evaluated.insert(site.clone(), Site { appliances, rings: site_report.rings.clone() });
    }
    Ok(evaluated)
}

fn refuse_findings(report: &Report) -> Outcome<()> {
    let errors: Vec<String> = report
        .all_findings()
        .filter(|finding| finding.is_error())
        .map(|finding| match &finding.at {
            Some(at) => format!("{at}: {}", finding.message),
            None => finding.message.clone(),
        })
        .collect();
    refuse(&errors)
}

fn refuse(errors: &[String]) -> Outcome<()> {
    if errors.is_empty() {
        return Ok(());
    }
    let failure = Failure::refused(format!(
        "the sources have {}, so there is nothing to release",
        screen::count(errors.len(), "mistake")
    ));
    // A message may quote what stands in the place of a name: be it a key, it is not repeated.
    let shown = errors.iter().take(SHOWN).map(|error| validate::redacted(error));
    let failure = shown.fold(failure, Failure::because);
    Err(failure.next("writ check shows every mistake with its place; nothing was written"))
}

fn fit(
    root: &Path,
    site: &SiteId,
    name: &ApplianceId,
    report: &ApplianceReport,
    toplevel: Option<String>,
) -> Outcome<Appliance> {
    let place = format!("hosts/{site}/{name}");
    if report.policy.is_null() {
        return Err(Failure::refused("this appliance has no policy").at(place).next("writ check says why"));
    }
    let exceptions = report.policy.get("exceptions").and_then(Value::as_object);
    let approvals = exceptions.map(|section| check::differing(root, section)).unwrap_or_default();
    let approvals = approvals.iter().map(|one| format!("{}: {}", one.declared_at(), one.message()));
    let mistakes: Vec<String> = validate::validate(&report.policy, &writ_agent::probes::registry(), clock::now())
        .into_iter()
        .filter(|finding| finding.severity == Level::Error)
        .map(|finding| match &finding.declared_at {
            Some(at) => format!("{at}: {}", finding.message),
            None => format!("{}: {}", validate::path_text(&finding.path), finding.message),
        })
        .chain(approvals)
        .collect();
    refuse(&mistakes)?;
    let policy = json::canonical(&report.policy);
    let parsed = Policy::parse(&policy);
    if let Err(e) = parsed {
        let failure = Failure::refused("the policy is not one that an appliance could enforce").at(place).because(e);
        return Err(failure.next("writ check says where it comes from; nothing was written"));
    }
    let Some(line) = &report.public_key else {
        return Err(Failure::refused("this appliance has no public key, so its evidence could not be verified")
            .at(format!("{place}/key.pub"))
            .next(format!(
                "make a key on the appliance: writ keys new --name {name} --out KEYS --role appliance --no-passphrase; \
                 then commit KEYS/{name}.pub as {place}/key.pub"
            )));
    };
    let unfit = |what: &str, e: String| Failure::refused(what.to_owned()).at(&place).because(e);
    let public_key =
        PublicKey::parse(line).map_err(|e| unfit("this appliance's key.pub is not usable", e.to_string()))?;
    let system_type = report.system_type.as_deref().unwrap_or_default();
    let system_type = system_type.parse().map_err(|e| unfit("unusable system_type", format!("{e}")))?;
    let schema = report.policy.get("schema").and_then(Value::as_str).unwrap_or_default();
    let schema = schema.parse().map_err(|e| unfit("unusable policy schema", format!("{e}")))?;
    Ok(Appliance { policy, schema, public_key, system_type, toplevel })
}
