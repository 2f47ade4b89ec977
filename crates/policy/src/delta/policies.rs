//! Whole policy documents, from what they share and what each has for itself.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use serde_json::{Map, Result, Value as Json, json};

use super::overlay::{Overlay, SECTIONS};
use super::shape::{Base, Delta, Merged, Own};

/// The policies of one evaluation.
pub struct Policies<'a> {
    delta: &'a Delta,
    bases: BTreeMap<&'a str, Map<String, Json>>,
}

impl Base {
    /// What it has, parsed: `schema`, `baselines`, and the sections, which are objects of items by id.
    pub fn sections(&self) -> Result<Map<String, Json>> {
        let sections = [
            ("baselines", &self.baselines),
            ("controls", &self.controls),
            ("checks", &self.checks),
            ("rules", &self.rules),
            ("runbooks", &self.runbooks),
            ("duties", &self.duties),
        ];
        let mut parsed: Map<String, Json> = sections
            .into_iter()
            .map(|(name, text)| Ok((name.to_owned(), serde_json::from_str(text.get())?)))
            .collect::<Result<_>>()?;
        parsed.insert("schema".to_owned(), json!(self.schema));
        Ok(parsed)
    }
}

impl Own {
    /// What it changes about its base and its site's exceptions, parsed.
    pub fn overlay(&self) -> Result<Overlay> {
        fn texts(of: &BTreeMap<String, Box<RawValue>>) -> impl Iterator<Item = (&str, &str)> {
            of.iter().map(|(section, text)| (section.as_str(), text.get()))
        }
        Overlay::parse(texts(&self.set), texts(&self.drop))
    }
}

impl<'a> Policies<'a> {
    /// Those that `delta` tells of.
    pub fn of(delta: &'a Delta) -> Result<Self> {
        let bases =
            delta.bases.iter().map(|(key, base)| Ok((key.as_str(), base.sections()?))).collect::<Result<_>>()?;
        Ok(Self { delta, bases })
    }

    /// The policy document of an appliance; none where there is no such appliance, or its findings left nothing to compose.
    pub fn policy(&self, site: &str, appliance: &str) -> Result<Option<Json>> {
        let Some(said) = self.delta.sites.get(site) else { return Ok(None) };
        let Some(own) = said.appliances.get(appliance) else { return Ok(None) };
        if let Some(whole) = &own.whole {
            return serde_json::from_str(whole.get()).map(Some);
        }
        let base = own.base.as_deref().and_then(|key| self.bases.get(key));
        let (Some(base), Some(own)) = (base, &own.policy) else { return Ok(None) };
        let overlay = own.overlay()?;
        let exceptions: Map<String, Json> = serde_json::from_str(said.exceptions.get())?;
        let nothing = Map::new();
        let mut policy = Map::new();
        for section in SECTIONS {
            let below = match section {
                "exceptions" => &exceptions,
                _ => base.get(section).and_then(Json::as_object).unwrap_or(&nothing),
            };
            policy.insert(section.to_owned(), Json::Object(overlay.over(section, below)));
        }
        let settings = own.settings.as_ref().or(said.settings.as_ref());
        for (name, text) in [
            ("settings", settings.map(|text| text.get())),
            ("secrets", Some(said.secrets.get())),
            ("programs", Some(own.programs.get())),
            ("rules_version", Some(own.rules_version.get())),
        ] {
            policy.insert(name.to_owned(), text.map_or(Ok(Json::Null), serde_json::from_str)?);
        }
        if let Some(sealed) = &own.sealed {
            policy.insert("sealed".to_owned(), serde_json::from_str(sealed.get())?);
        }
        for name in ["schema", "baselines"] {
            policy.insert(name.to_owned(), base.get(name).cloned().unwrap_or_default());
        }
        policy.insert("site".to_owned(), json!(site));
        policy.insert("appliance".to_owned(), json!(appliance));
        Ok(Some(Json::Object(policy)))
    }

    /// What merging the baselines of an appliance decided.
    pub fn merged(&self, site: &str, appliance: &str) -> &'a [Merged] {
        let own = self.delta.sites.get(site).and_then(|said| said.appliances.get(appliance));
        let base = own.and_then(|own| self.delta.bases.get(own.base.as_deref()?));
        base.map_or(&[], |base| &base.merged)
    }
}
