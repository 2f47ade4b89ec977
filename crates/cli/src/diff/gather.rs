//! What evaluation says of a side: for every appliance its policy, section by section.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use serde_json::Value as Json;
use serde_json::value::RawValue;
use writ_policy::delta::{Appliance as Said, Base, Delta, Override, Own, Site};
use writ_policy::policy::upgrade;
use writ_policy::rings::Rings;

use crate::failure::{Failure, Outcome};

/// The sections of a policy that are compared.
pub const SECTIONS: [&str; 11] = [
    "baselines",
    "controls",
    "checks",
    "rules",
    "runbooks",
    "duties",
    "exceptions",
    "programs",
    "secrets",
    "sealed",
    "settings",
];

/// A text of some [`Texts`].
pub type TextId = usize;

/// Texts of JSON values, each kept once: appliances share most of theirs.
#[derive(Default)]
pub struct Texts<'a> {
    all: Vec<Cow<'a, str>>,
    ids: HashMap<Cow<'a, str>, TextId>,
}

impl<'a> Texts<'a> {
    /// The number of a text; equal texts have the same.
    pub fn id(&mut self, text: Cow<'a, str>) -> TextId {
        if let Some(id) = self.ids.get(&text) {
            return *id;
        }
        self.all.push(text.clone());
        self.ids.insert(text, self.all.len() - 1);
        self.all.len() - 1
    }

    fn borrowed(&mut self, text: &'a str) -> TextId {
        self.id(Cow::Borrowed(text))
    }

    /// A text by its number, as a value. An error where it is none that can be read: what is nested too deeply.
    pub fn value(&self, id: TextId) -> serde_json::Result<Json> {
        self.all.get(id).map_or(Ok(Json::Null), |text| serde_json::from_str(text))
    }
}

/// A section: what many policies share, without the ids in `drop`, and with the items in `set`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Layer {
    /// What is shared: the whole section where there is nothing else.
    pub base: TextId,
    /// An object of items.
    pub set: Option<TextId>,
    /// A list of ids.
    pub drop: Option<TextId>,
}

impl Layer {
    fn plain(base: TextId) -> Self {
        Self { base, set: None, drop: None }
    }

    /// Whether the base is all there is.
    pub fn is_plain(&self) -> bool {
        self.set.is_none() && self.drop.is_none()
    }
}

/// A policy: each of its [`SECTIONS`].
pub type Sections = [Option<Layer>; SECTIONS.len()];

/// One appliance.
#[derive(Debug, Clone)]
pub struct Appliance<'a> {
    /// Its policy.
    pub sections: Sections,
    /// Its public key, if it has one yet.
    pub public_key: Option<&'a str>,
    /// Its machine.
    pub system_type: Option<&'a str>,
    /// What its site and itself changed knowingly.
    pub overrides: Vec<&'a Override>,
}

/// What one side comes to.
#[derive(Default)]
pub struct Gathered<'a> {
    /// Its appliances by site and name.
    pub sites: BTreeMap<String, BTreeMap<String, Appliance<'a>>>,
    /// The rings of its sites that have some.
    pub rings: BTreeMap<String, &'a Rings>,
    /// Figures by baseline and id.
    pub figures: BTreeMap<String, BTreeMap<String, Json>>,
}

/// What cannot be read is not compared: nothing would be left to differ.
pub fn unreadable(error: &serde_json::Error) -> Failure {
    Failure::could_not("a value of a policy cannot be read, and so not be compared")
        .caused_by(error)
        .next("values may be nested 100 levels deep")
}

/// Reads what evaluation said, of some sites at a time.
pub fn read<'a>(parts: &'a [Delta], texts: &mut Texts<'a>) -> Outcome<Gathered<'a>> {
    let mut gathered = Gathered::default();
    // Every part says the same of what is no site's.
    for (name, baseline) in parts.first().into_iter().flat_map(|part| &part.baselines) {
        // What a figure is about, and where it stands, changes nothing.
        let value = |figure: &Json| figure.get("value").unwrap_or(figure).clone();
        let figures = baseline.figures.iter().map(|(id, figure)| (id.clone(), value(figure))).collect();
        gathered.figures.insert(name.clone(), figures);
    }
    for part in parts {
        for (site, said) in &part.sites {
            let mut appliances = BTreeMap::new();
            for (name, own) in &said.appliances {
                let Some(sections) = sections(part, said, own, texts)? else { continue };
                let appliance = Appliance {
                    sections,
                    public_key: own.public_key.as_deref(),
                    system_type: own.system_type.as_deref(),
                    overrides: part.overrides(site, name).collect(),
                };
                appliances.insert(name.clone(), appliance);
            }
            gathered.sites.insert(site.clone(), appliances);
            if !said.rings.is_empty() {
                gathered.rings.insert(site.clone(), &said.rings);
            }
        }
    }
    Ok(gathered)
}

fn sections<'a>(
    part: &'a Delta,
    site: &'a Site,
    appliance: &'a Said,
    texts: &mut Texts<'a>,
) -> Outcome<Option<Sections>> {
    let base = appliance.base.as_ref().and_then(|key| part.bases.get(key));
    if let (Some(base), Some(own)) = (base, &appliance.policy) {
        return Ok(Some(SECTIONS.map(|name| layer(name, base, site, own, texts))));
    }
    // The policy document of an older schema: in the newest one, or all that it could not say would be a change.
    let Some(whole) = &appliance.whole else { return Ok(None) };
    let newer = upgrade(serde_json::from_str(whole.get()).map_err(|e| unreadable(&e))?);
    Ok(Some(SECTIONS.map(|name| {
        let text = if name == "sealed" { digests(None) } else { newer.get(name)?.to_string() };
        Some(Layer::plain(texts.id(Cow::Owned(text))))
    })))
}

/// Secrets that are sealed, as people are told of them.
fn digests(sealed: Option<&RawValue>) -> String {
    let sealed: Option<Json> = sealed.and_then(|text| serde_json::from_str(text.get()).ok());
    writ_policy::diff::digests(sealed.as_ref()).to_string()
}

fn layer<'a>(name: &str, base: &'a Base, site: &'a Site, own: &'a Own, texts: &mut Texts<'a>) -> Option<Layer> {
    let shared = match name {
        "baselines" => &base.baselines,
        "controls" => &base.controls,
        "checks" => &base.checks,
        "rules" => &base.rules,
        "runbooks" => &base.runbooks,
        "duties" => &base.duties,
        "exceptions" => &site.exceptions,
        "programs" => &own.programs,
        "secrets" => &site.secrets,
        "sealed" => return Some(Layer::plain(texts.id(Cow::Owned(digests(own.sealed.as_deref()))))),
        "settings" => own.settings.as_ref().or(site.settings.as_ref())?,
        _ => return None,
    };
    let set = own.set.get(name).map(|text| text.get()).filter(|text| *text != "{}");
    let drop = own.drop.get(name).map(|text| text.get()).filter(|text| *text != "[]");
    Some(Layer {
        base: texts.borrowed(shared.get()),
        set: set.map(|text| texts.borrowed(text)),
        drop: drop.map(|text| texts.borrowed(text)),
    })
}
