//! Evaluating a tree for somebody who needs all of it.

use std::collections::{BTreeSet, HashMap};

use writ_policy::delta::Delta;
use writ_policy::validate::{Finding, Level};

use super::evaluate::{Evaluated, Sites, evaluate};
use super::examine::{keys_of, misfit};
use super::judge::{Found, Judge, OwnTexts, own};
use super::left_outs::left_outs;
use super::mistake::{self, Mistake};
use super::render::{Hidden, render};
use super::source::Sources;
use super::tree::Tree;
use super::{found, keys, told};
use crate::failure::Outcome;

/// The most mistakes that are shown.
const MOST_SHOWN: usize = 10;

/// What the calendar says, not the policy: the same exception was right, and will be found again on every later day.
const ENDED: &str = "expired-exception";

/// Why a tree is not sound.
pub struct Unsound {
    /// How many mistakes it has.
    pub count: usize,
    /// The first of them, as `writ check` prints them.
    pub shown: Vec<String>,
}

/// What a tree evaluates to, some sites at a time.
pub struct Whole(Evaluated<Delta>);

impl Whole {
    /// Evaluates a tree, or one site of it.
    pub fn of(tree: &Tree, site: Option<&str>) -> Outcome<Self> {
        let one = site.map(|site| vec![site.to_owned()]);
        let sites = one.as_deref().map_or(Sites::All, Sites::These);
        evaluate(tree, sites, &|delta: Delta, _: &BTreeSet<String>| Ok(delta)).map(Self)
    }

    /// The evaluation, part by part.
    pub fn parts(&self) -> &[Delta] {
        &self.0.parts
    }

    /// The mistakes of the tree that it is of, whether of shape or such as only validation finds; none where there are
    /// none. Only policies of an older schema are not validated.
    ///
    /// To validate a thousand sites takes as long as to evaluate them. With `other`, what a site or an appliance says for
    /// itself is validated only where it says something else there; what they share, in any case.
    pub fn mistakes(&self, tree: &Tree, other: Option<&Self>) -> Outcome<Option<Unsound>> {
        let sources = Sources::new(tree.root.clone());
        let mistakes = mistakes(&self.0, &self.found(other, &sources)?, &sources);
        if mistakes.is_empty() {
            return Ok(None);
        }
        let sites = self.parts().iter().flat_map(|part| part.sites.values());
        let appliances = sites.map(|said| said.appliances.len()).sum();
        let hidden = Hidden::of(&mistakes, &sources);
        let shown =
            mistakes.iter().take(MOST_SHOWN).map(|mistake| render(mistake, &hidden, &sources, appliances)).collect();
        Ok(Some(Unsound { count: mistakes.len(), shown }))
    }

    /// What validation finds, part by part.
    fn found(&self, other: Option<&Self>, sources: &Sources) -> Outcome<Vec<Found>> {
        let registry = writ_agent::probes::registry();
        let judge = Judge::new(&registry, crate::clock::now(), false);
        let said = other.map(Self::said);
        let of_part = |part: &Delta| {
            let left_outs = left_outs(part, &self.0.excluded, sources);
            let wanted = |site: &str, appliance: &str| match &said {
                None => true,
                Some(said) => own(part, site, appliance).as_ref() != said.get(&(site, appliance)),
            };
            let mut found = judge.policies_of(part, &left_outs, &wanted).map_err(|e| misfit(&e))?;
            found.findings.retain(|shared| is_mistake(&shared.finding));
            Ok(found)
        };
        self.parts().iter().map(of_part).collect()
    }

    /// What each appliance says for itself, by site and name.
    fn said(&self) -> HashMap<(&str, &str), OwnTexts<'_>> {
        let mut all = HashMap::new();
        for part in self.parts() {
            for (site, said) in &part.sites {
                let named = said.appliances.keys().map(|appliance| (site.as_str(), appliance.as_str()));
                all.extend(named.filter_map(|name| Some((name, own(part, name.0, name.1)?))));
            }
        }
        all
    }
}

fn is_mistake(finding: &Finding) -> bool {
    finding.severity == Level::Error && finding.code != ENDED
}

/// What is wrong with a tree, in order of place.
fn mistakes(evaluated: &Evaluated<Delta>, found: &[Found], sources: &Sources) -> Vec<Mistake> {
    let mut told: Vec<Mistake> = evaluated.errors.iter().map(|error| told::error(error, sources)).collect();
    if let Some(part) = evaluated.parts.first() {
        told.extend(told::of_tree(&part.findings, sources));
    }
    let sites = || evaluated.parts.iter().flat_map(|part| &part.sites);
    told.extend(sites().flat_map(|(site, said)| told::of_site(site, said, sources)));
    told.retain(|mistake| mistake.severity == Level::Error);
    let owners: Vec<_> = sites().flat_map(|(site, said)| keys_of(said).into_iter().map(move |of| (site, of))).collect();
    let owners = owners.iter().map(|(site, (appliance, key))| (site.as_str(), appliance.as_str(), key.as_str()));
    told.extend(keys::mistakes(owners, sources));
    let found = evaluated.parts.iter().zip(found);
    let found = found.flat_map(|(part, found)| found::by_site(found, part, sources).into_values());
    mistake::merge(told, found.flatten().collect())
}
