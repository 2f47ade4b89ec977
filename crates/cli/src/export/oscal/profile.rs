//! `writ export oscal profile`.

use std::path::PathBuf;

use writ_audit::report::oscal::catalog::catalog;
use writ_audit::report::oscal::profile::{Asked, Overridden, Site, profile};

use super::tree::Options;
use crate::check::known_site;
use crate::check::tree::Tree;
use crate::failure::{Answer, Failure, Outcome};
use crate::library::Library;
use crate::library::sites::{self, each};

/// Write what a site selects from the catalogue as an OSCAL profile
///
/// Its controls; where its checks expect something else than the baselines say, or look more or less often, with the reason that
/// the site gives; and its exceptions, at the controls that they bear on, with owner, approval and end.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  writ export oscal profile clinic-001 > profile.json
  writ export oscal profile clinic-001 --tree clinics/ --out oscal

The catalogue that it refers to is catalog.json beside it: `writ export oscal catalog` with the same --baseline makes it.
It needs Nix (nix-instantiate) and no network.

Exit codes: 0 written; 1 the tree has mistakes, or a control of the site is in none of the baselines; 2 no such site, or could \
not run.")]
pub struct Arguments {
    /// The site
    site: String,
    /// The folder with baselines/, rules/, hosts/ and modules/, or one below it
    #[arg(long, value_name = "DIR", default_value = ".")]
    tree: PathBuf,
    #[command(flatten)]
    options: Options,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        let tree = Tree::find(&self.tree)?;
        known_site(&tree, Some(&self.site))?;
        let library = Library::open(tree, Some(&self.site))?;
        let incomplete =
            library.sites.mistaken || !library.left_out.is_empty() || !library.catalogue.unreadable.is_empty();
        let Some(site) = library.sites.by_name.get(&self.site).filter(|_| !incomplete) else {
            return Err(Failure::refused("this tree has mistakes, and what they concern would be missing")
                .next("`writ check` shows every mistake with its place"));
        };
        let (baselines, now) = (self.options.baselines(&library)?, self.options.now());
        let ids = super::document(catalog(&baselines, now))?.ids();
        let document = super::document(profile(&view(&self.site, site), &baselines, now))?;
        let next = "name every baseline of the site with --baseline, or none: then all of the tree count";
        super::write(&document, &ids, self.options.out.as_deref(), next)?;
        Ok(Answer::Yes)
    }
}

/// A site as the profile wants it.
fn view<'a>(name: &'a str, site: &'a sites::Site) -> Site<'a> {
    let policies = || site.appliances.iter().filter_map(|(id, it)| Some((id.as_str(), it.policy.as_ref()?)));
    let asked = |policy: &'a sites::Policy| Asked {
        controls: each(&policy.controls).map(|(id, control)| (id.as_str(), control)).collect(),
        checks: each(&policy.checks).map(|(id, check)| (id.as_str(), check)).collect(),
        exceptions: each(&policy.exceptions).map(|(id, exception)| (id.as_str(), exception)).collect(),
    };
    let of_site = site.overrides.iter().map(|o| (None, o));
    let of_appliances =
        site.appliances.iter().flat_map(|(id, it)| it.overrides.iter().map(move |o| (Some(id.as_str()), o)));
    Site {
        name,
        title: policies().next().map_or(name, |(_, policy)| policy.settings.title.as_str()),
        appliances: policies().map(|(id, policy)| (id, asked(policy))).collect(),
        overrides: of_site
            .chain(of_appliances)
            .map(|(appliance, o)| Overridden { path: &o.path, appliance, reason: &o.reason })
            .collect(),
    }
}
