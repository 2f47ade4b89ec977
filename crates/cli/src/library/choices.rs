//! Which rule families sites and their appliances choose: the shape of `choices` of `modules/policy/evaluate.nix`.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The choices of all sites, by name.
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
pub struct Choices {
    sites: BTreeMap<String, Chosen>,
}

/// What one site chooses.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Chosen {
    /// The families of the site.
    site: Vec<String>,
    /// Those that single appliances add, by name of the appliance.
    appliances: BTreeMap<String, Vec<String>>,
}

/// The most names that are listed; more are counted.
const MOST_NAMES: usize = 12;

impl Choices {
    /// How many sites have a family, they or one of their appliances, in a few words; none where there is no site.
    pub fn counted(&self, family: &str) -> Option<String> {
        let all = self.sites.len();
        let chosen = self.sites.values().filter(|site| site.has(family)).count();
        match (chosen, all) {
            (_, 0) => None,
            (0, _) => Some("chosen by no site, so it is not in force".to_owned()),
            (1, 1) => Some("chosen by the one site".to_owned()),
            (n, all) if n == all => Some(format!("chosen by all {all} sites")),
            (n, all) => Some(format!("chosen by {n} of {all} sites")),
        }
    }

    /// Who chooses a family: sites, and appliances of sites that do not. None where nobody does, or too many do to be named.
    pub fn named(&self, family: &str) -> Option<Vec<String>> {
        let names: Vec<String> = self.sites.iter().flat_map(|(name, site)| site.who(name, family)).collect();
        (1..=MOST_NAMES).contains(&names.len()).then_some(names)
    }
}

impl Chosen {
    fn has(&self, family: &str) -> bool {
        !self.who("", family).is_empty()
    }

    fn who(&self, name: &str, family: &str) -> Vec<String> {
        let names = |families: &[String]| families.iter().any(|one| one == family);
        if names(&self.site) {
            return vec![name.to_owned()];
        }
        let own = self.appliances.iter().filter(|(_, families)| names(families));
        own.map(|(appliance, _)| format!("{name}/{appliance}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sites_and_single_appliances_choose() {
        let json = r#"{ "a": { "site": ["files"], "appliances": { "x": ["ssh"], "y": [] } },
                        "b": { "site": ["files", "cpu"], "appliances": {} } }"#;
        let choices: Choices = serde_json::from_str(json).unwrap();
        let counted = |family| choices.counted(family).unwrap();
        assert_eq!(counted("files"), "chosen by all 2 sites");
        assert_eq!(counted("cpu"), "chosen by 1 of 2 sites");
        assert_eq!(counted("ehr"), "chosen by no site, so it is not in force");
        assert_eq!(choices.named("ssh"), Some(vec!["a/x".to_owned()]));
        assert_eq!(choices.named("files"), Some(vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(choices.named("ehr"), None);
        assert_eq!(Choices::default().counted("files"), None);
    }
}
