//! The site of a secret, as Nix evaluates it: which names it keeps, and its appliances.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use writ_policy::delta::Delta;

use super::place::{self, Place};
use crate::check::evaluate::{Sites, evaluate};
use crate::check::known_site;
use crate::check::tree::Tree;
use crate::failure::{Failure, Outcome};

/// Where the tree is.
#[derive(Debug, Clone, clap::Args)]
pub struct TreeOption {
    /// The tree of policy, or a folder below it
    #[arg(long, value_name = "PATH", default_value = ".")]
    tree: PathBuf,
}

/// A site.
#[derive(Debug)]
pub struct Chosen {
    /// Its name.
    pub site: String,
    /// The names of the secrets that it keeps, sorted.
    pub names: Vec<String>,
    /// Its appliances by name.
    pub appliances: BTreeMap<String, Place>,
}

impl TreeOption {
    /// The sites of the tree, or one of them.
    pub fn sites(&self, only: Option<&str>) -> Outcome<Vec<Chosen>> {
        let tree = Tree::find(&self.tree)?;
        known_site(&tree, only)?;
        let names: Vec<String> = only.map_or_else(|| tree.sites(), |site| vec![site.to_owned()]);
        let evaluated = evaluate(&tree, Sites::These(&names), &|delta, _| read(&tree.root, &delta))?;
        if let Some(error) = evaluated.errors.first() {
            return Err(Failure::refused("the tree does not evaluate, so nobody knows which secrets it keeps")
                .because(&error.message)
                .next("writ check shows every mistake with its place"));
        }
        let mut sites: Vec<Chosen> = evaluated.parts.into_iter().flatten().collect();
        sites.sort_by(|a, b| a.site.cmp(&b.site));
        Ok(sites)
    }

    /// One site.
    pub fn site(&self, name: &str) -> Outcome<Chosen> {
        let found = self.sites(Some(name))?.pop();
        found.ok_or_else(|| Failure::could_not(format!("there is no site `{name}`")))
    }
}

fn read(root: &Path, delta: &Delta) -> Outcome<Vec<Chosen>> {
    let one = |(site, said): (&String, &writ_policy::delta::Site)| {
        let names = serde_json::from_str(said.secrets.get())
            .map_err(|e| Failure::could_not("what modules/policy says of secrets cannot be read").caused_by(&e))?;
        let place = |name: &String| (name.clone(), Place::of(root, site, name));
        Ok(Chosen { site: site.clone(), names, appliances: said.appliances.keys().map(place).collect() })
    };
    delta.sites.iter().map(one).collect()
}

impl Chosen {
    /// Refuses a name that the site does not keep.
    pub fn keeps(&self, name: &str) -> Outcome<()> {
        let file = format!("hosts/{}/site.nix", self.site);
        if !self.names.iter().any(|known| known == name) {
            let known = if self.names.is_empty() { "it keeps none".to_owned() } else { self.names.join(", ") };
            return Err(Failure::refused(format!("{} keeps no secret `{name}`", self.site))
                .at(&file)
                .because(format!("`secrets` there names what the site keeps: {known}"))
                .nearest(name, self.names.iter().map(String::as_str), || {
                    format!("add \"{name}\" to `secrets` in {file}")
                }));
        }
        if !place::is_name(name) {
            return Err(Failure::refused(format!("`{name}` can be no file's name"))
                .at(file)
                .next("a name begins with a letter or a digit"));
        }
        Ok(())
    }

    /// The appliances of these names, or all.
    pub fn appliances(&self, names: &[String]) -> Outcome<BTreeMap<String, Place>> {
        if self.appliances.is_empty() {
            return Err(Failure::refused(format!("the site {} has no appliances", self.site)));
        }
        if names.is_empty() {
            return Ok(self.appliances.clone());
        }
        let one = |name: &String| {
            let place = self.appliances.get(name).cloned();
            let unknown = || {
                Failure::refused(format!("{} has no appliance `{name}`", self.site)).nearest(
                    name,
                    self.appliances.keys().map(String::as_str),
                    || {
                        format!(
                            "its appliances are: {}",
                            self.appliances.keys().cloned().collect::<Vec<_>>().join(", ")
                        )
                    },
                )
            };
            Ok((name.clone(), place.ok_or_else(unknown)?))
        };
        names.iter().map(one).collect()
    }
}
