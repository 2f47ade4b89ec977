//! The `report` of a tree, in the shape of its delta: every appliance has its whole policy, and those whose sections are
//! the same word for word have one base.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Result, json};
use writ_trust::digest::Digest;

use crate::rings::Rings;

use super::shape::{Appliance, Base, Baseline, Broken, Delta, Known, Merged, NixFinding, Override, Own, Site};

#[derive(Deserialize)]
struct Report {
    sites: BTreeMap<String, SiteReport>,
    findings: Vec<NixFinding>,
    broken: Broken,
    #[serde(default)]
    baselines: BTreeMap<String, Baseline>,
    #[serde(default)]
    known: Known,
}

#[derive(Deserialize)]
struct SiteReport {
    title: Option<String>,
    file: String,
    findings: Vec<NixFinding>,
    overrides: Vec<Override>,
    #[serde(default)]
    rings: Rings,
    broken: Broken,
    merged: Option<Box<RawValue>>,
    appliances: BTreeMap<String, ApplianceReport>,
}

#[derive(Deserialize)]
struct ApplianceReport {
    policy: Option<Box<RawValue>>,
    public_key: Option<String>,
    #[serde(default)]
    system_type: Option<String>,
    findings: Vec<NixFinding>,
    overrides: Vec<Override>,
    broken: Broken,
}

/// A policy document of today's schema. One of an older schema lacks fields, and stays whole.
#[derive(Deserialize)]
struct Sections {
    schema: String,
    baselines: Box<RawValue>,
    controls: Box<RawValue>,
    checks: Box<RawValue>,
    rules: Box<RawValue>,
    runbooks: Box<RawValue>,
    duties: Box<RawValue>,
    exceptions: Box<RawValue>,
    settings: Box<RawValue>,
    secrets: Box<RawValue>,
    programs: Box<RawValue>,
    rules_version: Box<RawValue>,
}

/// Reads what `-A report` printed.
pub fn read(report: &[u8]) -> Result<Delta> {
    let report: Report = serde_json::from_slice(report)?;
    let mut bases = BTreeMap::new();
    let mut sites = BTreeMap::new();
    for (name, said) in report.sites {
        sites.insert(name, site(said, &mut bases)?);
    }
    let Report { findings, broken, baselines, known, .. } = report;
    Ok(Delta { bases, sites, findings, broken, baselines, known, reads: None })
}

fn site(said: SiteReport, bases: &mut BTreeMap<String, Base>) -> Result<Site> {
    let merged = said.merged.as_deref().map_or("[]", RawValue::get);
    let mut site = Site {
        title: said.title,
        file: said.file,
        findings: said.findings,
        overrides: said.overrides,
        families: None,
        rings: said.rings,
        broken: said.broken,
        settings: None,
        secrets: to_raw_value(&json!([]))?,
        exceptions: to_raw_value(&json!({}))?,
        appliances: BTreeMap::new(),
    };
    for (name, said) in said.appliances {
        let mut appliance = Appliance {
            public_key: said.public_key,
            system_type: said.system_type,
            findings: said.findings,
            overrides: said.overrides,
            broken: said.broken,
            base: None,
            policy: None,
            whole: said.policy,
        };
        let sections = appliance.whole.as_ref().and_then(|whole| serde_json::from_str::<Sections>(whole.get()).ok());
        if let Some(sections) = sections {
            // The same for all appliances of a site.
            site.secrets = sections.secrets.clone();
            let key = key(&sections, merged);
            let own = own(&sections);
            if !bases.contains_key(&key) {
                bases.insert(key.clone(), base(sections, serde_json::from_str(merged)?));
            }
            (appliance.base, appliance.policy) = (Some(key), Some(own));
        }
        site.appliances.insert(name, appliance);
    }
    Ok(site)
}

/// The same for the same text of everything that a base holds.
fn key(sections: &Sections, merged: &str) -> String {
    let s = sections;
    let texts = [&s.baselines, &s.controls, &s.checks, &s.rules, &s.runbooks, &s.duties].map(|text| text.get());
    let digests = texts.into_iter().chain([sections.schema.as_str(), merged]).map(|text| Digest::of(text.as_bytes()));
    Digest::of(&digests.flat_map(|digest| *digest.as_bytes()).collect::<Vec<u8>>()).hex()
}

fn base(sections: Sections, merged: Vec<Merged>) -> Base {
    let Sections { schema, baselines, controls, checks, rules, runbooks, duties, .. } = sections;
    Base { schema, baselines, controls, checks, rules, runbooks, duties, merged }
}

fn own(sections: &Sections) -> Own {
    Own {
        set: BTreeMap::from([("exceptions".to_owned(), sections.exceptions.clone())]),
        drop: BTreeMap::new(),
        settings: Some(sections.settings.clone()),
        programs: sections.programs.clone(),
        sealed: None,
        rules_version: sections.rules_version.clone(),
    }
}
