//! A site from options alone, and the values that hold where none is given.

use std::collections::BTreeMap;
use std::path::Path;

use writ_trust::ids::{ApplianceId, SiteId};

use super::Arguments;
use super::description::{Baseline, Channel, Site, To};
use crate::check::checked::Known;
use crate::failure::{Failure, Outcome};

/// The rule families whose runbooks need no program of the appliance's system: they heal on any. `learned` is not among them:
/// what was learned at one site heals at another only where somebody says so.
const WITHOUT_PROGRAMS: [&str; 12] = [
    "audit",
    "cpu",
    "files",
    "forwarding",
    "kernel",
    "logging",
    "memory",
    "network",
    "patches",
    "services",
    "storage",
    "time",
];
/// The secret that backups are encrypted with: the baselines name it.
pub const SECRETS: [&str; 1] = ["backup"];
/// When people look at a plan, unless the site says otherwise. A new site enables no planner, so nobody is asked.
pub const REVIEW: &str = "before";

/// The families that a site of these baselines has unless it says otherwise: of those without programs, the ones that
/// have something to answer.
pub fn families(known: &Known, baselines: &BTreeMap<String, String>) -> Vec<String> {
    let applies = |family: &str| {
        let answers = known.answers.get(family).filter(|answers| !answers.is_empty());
        answers.is_none_or(|answers| answers.iter().any(|baseline| baselines.contains_key(baseline)))
    };
    let fits = |family: &&String| WITHOUT_PROGRAMS.contains(&family.as_str()) && applies(family);
    known.families.iter().filter(fits).cloned().collect()
}

/// Baselines with their versions: the tree's, unless another is named. An unknown one stays, for `writ check` to report.
pub fn baselines(wanted: &[Baseline], known: &Known) -> BTreeMap<String, String> {
    let version = |baseline: &Baseline| {
        let here = || known.baselines.get(&baseline.name).cloned().flatten();
        baseline.version.clone().or_else(here).unwrap_or_else(|| "1".to_owned())
    };
    wanted.iter().map(|baseline| (baseline.name.clone(), version(baseline))).collect()
}

/// The site that the options describe.
pub fn site(given: &Arguments, root: &Path, known: &Known) -> Outcome<Site> {
    let refused = |wrong: String| {
        Failure::refused(wrong).at(root.join("hosts").display()).next("choose another name; nothing was written")
    };
    let name = given.name.clone().unwrap_or_default();
    site_name(&name, root).map_err(refused)?;
    appliance_names(&given.appliance).map_err(refused)?;
    channel_names(&given.notify).map_err(refused)?;
    let or = |given: &[String], otherwise: Vec<String>| if given.is_empty() { otherwise } else { given.to_vec() };
    let baselines = baselines(&given.baseline, known);
    Ok(Site {
        name,
        title: given.title.clone().unwrap_or_default(),
        time_zone: given.time_zone.clone().unwrap_or_default(),
        tier: given.tier.clone(),
        rule_families: or(&given.rule_family, families(known, &baselines)),
        baselines,
        approvers: given.approver.clone(),
        contacts: given.contact.clone(),
        notify: given.notify.clone(),
        windows: given.window.clone(),
        review: given.review.clone().unwrap_or_else(|| REVIEW.to_owned()),
        secrets: secrets(&given.secret, &given.notify),
        appliances: given.appliance.clone(),
        programs: given.program.clone(),
    })
}

/// What is wrong with the name of a new site. A name is a path before `writ check` can see it, so it is judged here, in
/// the words of `writ check`.
pub fn site_name(name: &str, root: &Path) -> Result<(), String> {
    if name.parse::<SiteId>().is_err() {
        return Err(unfit("a site", name));
    }
    if root.join("hosts").join(name).symlink_metadata().is_ok() {
        return Err(format!("there is a `hosts/{name}` already"));
    }
    Ok(())
}

/// What is wrong with the names of its appliances.
pub fn appliance_names(names: &[String]) -> Result<(), String> {
    for (i, name) in names.iter().enumerate() {
        if name.parse::<ApplianceId>().is_err() {
            return Err(unfit("an appliance", name));
        }
        if names[..i].contains(name) {
            return Err(format!("the appliance `{name}` is named twice"));
        }
    }
    Ok(())
}

/// What is wrong with the names of its channels: Nix says of two that are the same only that it cannot read the file.
pub fn channel_names(channels: &[Channel]) -> Result<(), String> {
    for (i, channel) in channels.iter().enumerate() {
        if channels[..i].iter().any(|other| other.name == channel.name) {
            return Err(format!("the notification `{}` is named twice", channel.name));
        }
    }
    Ok(())
}

/// The secrets that a site keeps: what the baselines need, what was named, and what its channels need.
pub fn secrets(named: &[String], channels: &[Channel]) -> Vec<String> {
    let of_channels = channels.iter().filter_map(|channel| match &channel.to {
        To::Secret(name) => Some(name.clone()),
        To::Address(_) => None,
    });
    let mut all: Vec<String> = Vec::new();
    for name in SECRETS.map(str::to_owned).into_iter().chain(named.iter().cloned()).chain(of_channels) {
        if !all.contains(&name) {
            all.push(name);
        }
    }
    all
}

fn unfit(what: &str, name: &str) -> String {
    format!("a folder called {name:?} cannot be {what}; expected 3 to 40 of a-z, 0-9 and \"-\"")
}
