//! What lies in the folders of secrets beside policies: whether each appliance can decrypt what it is given, and gets what it is
//! told to use. Of what is in a file nothing is told but its form.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value as Json;
use writ_policy::delta::{Delta, Policies, Site};
use writ_policy::validate::Level;

use super::mistake::{Mistake, SECRET};
use crate::secret::place::{FOLDER, NoRecipient, PUBLIC, Place, is_name};
use crate::secret::{State, state};

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wrong {
    code: &'static str,
    level: Level,
    message: String,
    expected: &'static str,
    help: String,
    /// The file, relative to the root.
    file: String,
    /// `site/appliance`.
    appliance: String,
}

/// What is wrong, by site.
pub type BySite = BTreeMap<String, Vec<Wrong>>;

/// Looks at every site of an evaluation.
pub fn of_sites(root: &Path, delta: &Delta) -> BySite {
    let look = |(name, said): (&String, &Site)| {
        let wrong = of_site(root, delta, name, said);
        (!wrong.is_empty()).then(|| (name.clone(), wrong))
    };
    delta.sites.iter().filter_map(look).collect()
}

fn of_site(root: &Path, delta: &Delta, site: &str, said: &Site) -> Vec<Wrong> {
    let places: Vec<(&String, Place)> =
        said.appliances.keys().map(|name| (name, Place::of(root, site, name))).collect();
    let given = |place: &Place| place.is_there(&place.relative(PUBLIC)) || place.is_there(&place.relative(FOLDER));
    // An appliance without either has its secrets laid down by hand, or needs none.
    let given: Vec<&(&String, Place)> = places.iter().filter(|(_, place)| given(place)).collect();
    if given.is_empty() {
        return Vec::new();
    }
    let kept: Vec<String> = serde_json::from_str(said.secrets.get()).unwrap_or_default();
    let nobody_has: BTreeSet<&String> = kept
        .iter()
        .filter(|name| is_name(name) && !places.iter().any(|(_, place)| place.is_there(&place.age_file(name))))
        .collect();
    let policies = Policies::of(delta).ok();
    let mut wrong = Vec::new();
    for (name, place) in given {
        let looking = Looking { place, appliance: format!("{site}/{name}") };
        let policy = policies.as_ref().and_then(|policies| policies.policy(site, name).ok().flatten());
        let mut needed = BTreeSet::new();
        let policy = policy.unwrap_or_default();
        named(&policy, &mut needed);
        needed.extend(policy.pointer("/settings/planner/model/key").and_then(Json::as_str).map(str::to_owned));
        looking.look(&kept, &needed, &nobody_has, &mut wrong);
    }
    wrong
}

/// The secrets that a policy names anywhere.
fn named(value: &Json, names: &mut BTreeSet<String>) {
    match value {
        Json::Object(entries) => {
            if let Some(Json::String(name)) = entries.get("secret") {
                names.insert(name.clone());
            }
            entries.values().for_each(|entry| named(entry, names));
        }
        Json::Array(entries) => entries.iter().for_each(|entry| named(entry, names)),
        _ => {}
    }
}

struct Looking<'p> {
    place: &'p Place,
    appliance: String,
}

impl Looking<'_> {
    fn look(&self, kept: &[String], needed: &BTreeSet<String>, nobody_has: &BTreeSet<&String>, wrong: &mut Vec<Wrong>) {
        let recipient = self.place.recipient();
        if let Err(why) = &recipient
            && *why != NoRecipient::Missing
        {
            wrong.push(self.wrong(
                "wrong-recipient",
                Level::Error,
                format!("{}: {why}", self.place.folder),
                "secrets.pub as the appliance made it, with its signature by key.pub",
                "on the appliance: writ secret identity; nothing is encrypted to it until it is right".to_owned(),
                self.place.relative(PUBLIC),
            ));
        }
        for name in kept.iter().filter(|name| is_name(name)) {
            let (found, _, reason) = state(self.place, name, recipient.as_ref().ok());
            let missing = needed.contains(name) || nobody_has.contains(name);
            wrong.extend(self.judged(name, found, reason, missing));
        }
        self.strangers(kept, wrong);
    }

    fn judged(&self, name: &str, found: State, reason: Option<String>, wanted: bool) -> Option<Wrong> {
        let (site, appliance) = self.appliance.split_once('/').unwrap_or_default();
        let set = format!("writ secret set --site {site} {name} --appliance {appliance}");
        let file = self.place.age_file(name);
        let one = |code, level, message, expected| {
            Some(self.wrong(code, level, message, expected, set.clone(), file.clone()))
        };
        match found {
            State::Current => None,
            State::Missing if !wanted => None,
            State::Missing => one(
                "secret-missing",
                Level::Warning,
                format!("{appliance} has no file of the secret `{name}`"),
                "a file that it can decrypt, or the secret laid down there by hand",
            ),
            State::Stale => one(
                "secret-stale",
                Level::Error,
                format!("{file} is encrypted to a key that {appliance} has not"),
                "a file that is encrypted to its secrets.pub",
            ),
            State::Unnoted => one(
                "secret-unnoted",
                Level::Warning,
                format!("nobody noted what {file} is encrypted to, or it is another file than was noted"),
                "the note that `writ secret set` writes beside it",
            ),
            // What is no text of that form, the library has told already.
            State::Unusable
                if reason.as_deref().is_none_or(|why| {
                    ["not an armored", "it is no plain"].iter().any(|begin| why.starts_with(begin))
                }) =>
            {
                None
            }
            State::Unusable => one(
                "wrong-secret",
                Level::Error,
                format!("{file} is nothing that {appliance} could decrypt: {}", reason.unwrap_or_default()),
                "an armored age file for its X25519 key alone",
            ),
        }
    }

    /// What lies in the folder and is no file of a secret that the site keeps.
    fn strangers(&self, kept: &[String], wrong: &mut Vec<Wrong>) {
        for entry in self.place.entries() {
            let name = entry.strip_suffix(".age").or_else(|| entry.strip_suffix(".toml"));
            let file = self.place.relative(&format!("{FOLDER}/{entry}"));
            match name {
                Some(name) if kept.iter().any(|known| known == name) => {}
                // Its note is told with it.
                Some(name) if entry.ends_with(".toml") && self.place.is_there(&self.place.age_file(name)) => {}
                Some(name) => wrong.push(self.wrong(
                    "secret-undeclared",
                    Level::Warning,
                    format!("{file} is of a secret that the site does not keep"),
                    "a name in `secrets` of site.nix",
                    format!("git rm 'hosts/*/*/secrets/{name}.*', or add the name to `secrets`: until then nothing gets it"),
                    file,
                )),
                None => wrong.push(self.wrong(
                    SECRET,
                    Level::Error,
                    format!("{file} lies among age files and is none: it may be a secret in the clear"),
                    "NAME.age and NAME.toml, and nothing else",
                    "if it is a secret, whoever reads the repository or its history has it: replace it, and give the new one \
                     with writ secret set"
                        .to_owned(),
                    file,
                )),
            }
        }
    }

    fn wrong(
        &self,
        code: &'static str,
        level: Level,
        message: String,
        expected: &'static str,
        help: String,
        file: String,
    ) -> Wrong {
        Wrong { code, level, message, expected, help, file, appliance: self.appliance.clone() }
    }
}

impl Wrong {
    /// The same without a place: its line would be printed, and may be a secret.
    pub fn mistake(&self) -> Mistake {
        Mistake {
            code: self.code.to_owned(),
            severity: self.level,
            message: self.message.clone(),
            expected: Some(self.expected.to_owned()),
            nearest: None,
            help: Some(self.help.clone()),
            path: self.file.split('/').map(str::to_owned).collect(),
            place: None,
            related: Vec::new(),
            appliances: BTreeSet::from([self.appliance.clone()]),
        }
    }
}
