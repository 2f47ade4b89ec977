//! A tree of policy as people ask about it: everything that is declared, what each site makes of it, and the source.

pub mod catalogue;
pub mod choices;
pub mod figures;
pub mod origin;
pub mod sites;
pub mod words;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use writ_policy::declared::DeclaredAt;
use writ_policy::schema::Registry;

use self::catalogue::{Catalogue, Figure};
use self::choices::Choices;
use self::figures::Use;
use self::origin::Origin;
use self::sites::Sites;
use crate::check::evaluate;
use crate::check::nix_error::NixError;
use crate::check::source::Sources;
use crate::check::tree::Tree;
use crate::failure::{Failure, Outcome};

/// A tree, evaluated.
pub struct Library {
    /// What is declared.
    pub catalogue: Catalogue,
    /// What sites ask.
    pub sites: Sites,
    /// Every probe and step that this version knows.
    pub registry: Registry,
    /// The files that Nix could not evaluate, which are left out of all of it.
    pub left_out: BTreeSet<String>,
    tree: Tree,
    sources: Sources,
    known_figures: BTreeSet<(String, String)>,
    uses: RefCell<BTreeMap<String, Rc<Vec<Use>>>>,
}

impl Library {
    /// Evaluates a tree, of its sites all or one. Mistakes leave out what they concern.
    pub fn open(tree: Tree, site: Option<&str>) -> Outcome<Self> {
        let named = site.map(|site| [site.to_owned()]);
        let chosen = named.as_ref().map_or(evaluate::Sites::All, |one| evaluate::Sites::These(one));
        let evaluated = evaluate::evaluate(&tree, chosen, &|delta, _| Ok(Sites::of(&delta)))?;
        let mut sites = Sites::default();
        evaluated.parts.into_iter().for_each(|part| sites.add(part));
        let catalogue = catalogue(&tree, &evaluated.excluded)?;
        Ok(Self { left_out: evaluated.excluded, ..Self::new(tree, catalogue, sites) })
    }

    /// Evaluates only what is declared, and no site. A mistake is a refusal: what it concerns would be missing in silence.
    pub fn declared(tree: Tree) -> Outcome<Self> {
        let catalogue = catalogue(&tree, &BTreeSet::new())?;
        let evaluated = evaluate::evaluate(&tree, evaluate::Sites::These(&[]), &|delta, _| Ok(Sites::of(&delta)))?;
        let mistaken = !evaluated.errors.is_empty() || evaluated.parts.iter().any(|part| part.mistaken);
        if mistaken || !catalogue.unreadable.is_empty() {
            let failure = Failure::refused("this tree has mistakes, and what they concern would be missing");
            let failure = catalogue.unreadable.iter().fold(failure, |failure, why| failure.because(why));
            return Err(failure.next("`writ check` shows every mistake with its place"));
        }
        Ok(Self::new(tree, catalogue, Sites::default()))
    }

    fn new(tree: Tree, catalogue: Catalogue, sites: Sites) -> Self {
        let figures = catalogue.baselines.values().flat_map(|b| &b.figures);
        let known_figures = figures.map(|(id, figure)| (figure.declared_at.file.clone(), id.clone())).collect();
        Self {
            catalogue,
            sites,
            registry: writ_agent::probes::registry(),
            left_out: BTreeSet::new(),
            sources: Sources::new(tree.root.clone()),
            tree,
            known_figures,
            uses: RefCell::default(),
        }
    }

    /// Which rule families the sites choose. A file of a site that Nix cannot read is a refusal: its choice would be missing.
    pub fn choices(&self) -> Outcome<Choices> {
        let bytes = attribute(&self.tree, "choices", &[])?;
        serde_json::from_slice(&bytes).map_err(|e| misfit(&e))
    }

    /// Where something is declared, with its lines.
    pub fn origin(&self, at: &DeclaredAt) -> Origin {
        origin::origin(&self.sources, at)
    }

    /// The uses of figures in one file.
    pub fn uses(&self, file: &str) -> Rc<Vec<Use>> {
        let mut kept = self.uses.borrow_mut();
        let read = || Rc::new(figures::uses(&self.sources, file, &self.known_figures));
        Rc::clone(kept.entry(file.to_owned()).or_insert_with(read))
    }

    /// Every use of a figure that a file declares.
    pub fn uses_of(&self, figure: &str, declared_in: &str) -> Vec<Use> {
        let of = |one: &Use| one.figure == figure && one.declared_in == declared_in;
        self.all_uses().into_iter().filter(of).collect()
    }

    /// Every use of a figure in baselines, rules, and the sites that were evaluated; in order of file and place.
    pub fn all_uses(&self) -> Vec<Use> {
        let hosts = self.sites.by_name.keys().map(|site| format!("hosts/{site}"));
        let folders: Vec<String> = ["baselines".to_owned(), "rules".to_owned()].into_iter().chain(hosts).collect();
        figures::files(&self.tree.root, &folders)
            .iter()
            .flat_map(|file| self.uses(file).iter().cloned().collect::<Vec<_>>())
            .collect()
    }

    /// The figure that a use is of, with the name of its baseline.
    pub fn figure_of(&self, one: &Use) -> Option<(&str, &Figure)> {
        self.catalogue.baselines.iter().find_map(|(name, baseline)| {
            let figure = baseline.figures.get(&one.figure)?;
            (figure.declared_at.file == one.declared_in).then_some((name.as_str(), figure))
        })
    }
}

fn misfit(error: &serde_json::Error) -> Failure {
    Failure::could_not("what modules/policy evaluates to is not what this version of writ reads").caused_by(error)
}

fn broken(error: &NixError) -> Failure {
    let failure = Failure::refused("Nix cannot evaluate this tree").because(&error.message);
    failure.next("`writ check` shows every mistake with its place")
}

fn catalogue(tree: &Tree, excluded: &BTreeSet<String>) -> Outcome<Catalogue> {
    let arguments = evaluate::excluding(tree, excluded);
    Catalogue::read(&attribute(tree, "catalogue", &evaluate::borrowed(&arguments))?).map_err(|e| misfit(&e))
}

/// What one attribute of the policy library evaluates to.
fn attribute(tree: &Tree, name: &str, arguments: &[(&str, &str)]) -> Outcome<Vec<u8>> {
    evaluate::run(tree, name, arguments)?.map_err(|error| {
        if error.message.contains(&format!("attribute '{name}' in selection path")) {
            let failure = Failure::could_not("the policy library of this tree is older than this command");
            return failure
                .because(format!("its modules/policy has no `{name}`"))
                .next("take over the library of this version, or use the writ that it came with");
        }
        broken(&error)
    })
}
