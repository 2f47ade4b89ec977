//! `writ explain`: one thing of a tree of policy, with everything that bears on it.

mod check;
mod code;
mod control;
mod duty;
mod escalation;
mod exception;
mod figure;
mod find;
mod healing;
mod lifting;
mod looking;
mod merging;
mod page;
mod predicate;
mod probe;
mod rule;
mod runbook;
mod state;
mod subject;

use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::Value;
use writ_policy::check::Check;
use writ_policy::control::Control;
use writ_policy::duty::Duty;
use writ_policy::exception::Exception;
use writ_trust::time::Time;

use self::exception::Lifting;
use self::lifting::Effect;
use self::merging::Merging;
use self::page::Page;
use self::state::{Last, State};
use self::subject::{Applies, Subject};
use crate::check::tree::Tree;
use crate::failure::{Answer, Failure, Outcome};
use crate::library::Library;
use crate::library::origin::Origin;
use crate::library::sites::{Appliance, Name, Policy, Site};
use crate::screen;

/// Explain one check, control, rule, runbook, duty, figure, exception, probe, step or kind of mistake
///
/// Where it is declared, what it cites, what it looks at and expects, what answers a failure in order of trial, where it
/// applies and why not elsewhere, how merging and overrides decided, what lifts it, and how it last came out.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  writ explain backup.recent                                 a check, wherever it applies
  writ explain '164.308(a)(7)(ii)(A)' --site clinic-001      a control, as one site has it
  writ explain L1-BACKUP-001                                 a rule, and those tried before it
  writ explain figure:accounts.dormant                       one of several of that name
  writ explain probe:restic                                  what a probe takes and shows
  writ explain shadowed-rule                                 a code that `writ check` printed
  writ explain capacity.disk --state /var/lib/writ/enforce   with its last outcome

It reads the working tree. It needs Nix (nix-instantiate) and no network.
`--format json` prints {schema, kind, id, title, declared: [{by, file, line, source}],
applies: {to, not}, merging: {merged, overrides, differs}, exceptions, touching, last} and an object
named by the kind; fields may be added.

Exit codes: 0 explained; 2 nothing is called so, or several things are, or it could not run.")]
pub struct Arguments {
    /// Its id; `kind:id`, as in probe:restic, where the id alone does not tell
    id: String,
    /// The folder with baselines/, rules/, hosts/ and modules/, or one below it
    #[arg(long, value_name = "DIR", default_value = ".")]
    tree: PathBuf,
    /// Only as this site has it
    #[arg(long)]
    site: Option<String>,
    /// Only as this appliance has it
    #[arg(long)]
    appliance: Option<String>,
    /// The state folder of an appliance's enforcer, or a copy of it, for the last outcome
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// Judge exceptions as of this instant, such as 2026-09-01T00:00:00Z, instead of now
    #[arg(long, value_name = "TIME")]
    now: Option<Time>,
}

/// How the result is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// A page of text.
    Human,
    /// One JSON document.
    Json,
}

/// What can be explained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A check of a baseline, a site or an appliance.
    Check,
    /// A control of a baseline.
    Control,
    /// A rule of a family, or of an appliance.
    Rule,
    /// A runbook.
    Runbook,
    /// What people do.
    Duty,
    /// A number that others are made from.
    Figure,
    /// What a site lives without for a while.
    Exception,
    /// What checks look with.
    Probe,
    /// What runbooks are made from.
    Step,
    /// A kind of mistake that `writ check` finds.
    Code,
}

impl Kind {
    const ALL: [Self; 10] = [
        Self::Check,
        Self::Control,
        Self::Rule,
        Self::Runbook,
        Self::Duty,
        Self::Figure,
        Self::Exception,
        Self::Probe,
        Self::Step,
        Self::Code,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::Check => "check",
            Self::Control => "control",
            Self::Rule => "rule",
            Self::Runbook => "runbook",
            Self::Duty => "duty",
            Self::Figure => "figure",
            Self::Exception => "exception",
            Self::Probe => "probe",
            Self::Step => "step",
            Self::Code => "code",
        }
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// The beginning of "no check is called …".
    fn nothing(self) -> &'static str {
        match self {
            Self::Check => "no check",
            Self::Control => "no control",
            Self::Rule => "no rule",
            Self::Runbook => "no runbook",
            Self::Duty => "no duty",
            Self::Figure => "no figure",
            Self::Exception => "no exception",
            Self::Probe => "no probe",
            Self::Step => "no step",
            Self::Code => "no kind of mistake",
        }
    }
}

/// One question: the tree, the appliances in question, the day, and an appliance's state.
pub struct Asked<'a> {
    library: &'a Library,
    scope: Vec<(Name, &'a Appliance)>,
    now: Time,
    state: Option<State>,
}

/// Where something is declared, and by whom.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Declaration {
    /// Whose it is, in words.
    pub by: String,
    /// Where, with its lines.
    #[serde(flatten)]
    pub origin: Origin,
}

/// What only one kind has.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Details {
    /// A check.
    Check(check::Explained),
    /// A control.
    Control(control::Explained),
    /// A rule.
    Rule(rule::Explained),
    /// A runbook.
    Runbook(runbook::Explained),
    /// A duty.
    Duty(duty::Explained),
    /// A figure.
    Figure(figure::Explained),
    /// An exception.
    Exception(exception::Explained),
    /// A probe.
    Probe(probe::Explained),
    /// A step.
    Step(probe::Step),
    /// A kind of mistake.
    Code(code::Explained),
}

/// Everything that there is to say: `writ.explain.v1`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explanation {
    schema: &'static str,
    kind: Kind,
    id: String,
    title: String,
    declared: Vec<Declaration>,
    #[serde(flatten)]
    details: Details,
    applies: Option<Applies>,
    merging: Merging,
    exceptions: Vec<Lifting>,
    touching: Vec<Lifting>,
    last: Vec<Last>,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        let state = self.state.as_deref().map(State::read).transpose()?;
        let of_state = |named: &Option<String>, known: fn(&State) -> &String| {
            named.clone().or_else(|| state.as_ref().map(|state| known(state).clone()))
        };
        let site = of_state(&self.site, |state| &state.site);
        // The appliance of the state goes with its site only.
        let same = self.site.is_none() || self.site.as_ref() == state.as_ref().map(|s| &s.site);
        let appliance = if same { of_state(&self.appliance, |state| &state.appliance) } else { self.appliance.clone() };
        let tree = Tree::find(&self.tree)?;
        crate::check::known_site(&tree, site.as_deref())?;
        let library = Library::open(tree, site.as_deref())?;
        warn_of_mistakes(&library);
        let scope = scope(&library, appliance.as_deref())?;
        let asked = Asked { library: &library, scope, now: self.now.unwrap_or_else(crate::clock::now), state };
        let found = find::find(&asked, &self.id);
        let (kind, id) = match found {
            Ok(found) => found,
            Err(failure) if site.is_none() && appliance.is_none() => return Err(failure),
            Err(failure) => return Err(self.elsewhere(&asked, failure)?),
        };
        let explained = asked.explain(kind, &id);
        let explained =
            explained.ok_or_else(|| Failure::could_not(format!("{} {id} cannot be explained", kind.as_str())))?;
        match self.format {
            Format::Json => screen::json(&explained),
            Format::Human => {
                let mut page = Page::new();
                explained.print(&mut page, asked.now);
                screen::line(page.finish());
            }
        }
        Ok(Answer::Yes)
    }
}

impl Arguments {
    /// Why a name leads nowhere within the site or the appliance that was named, where others have it.
    fn elsewhere(&self, asked: &Asked<'_>, failure: Failure) -> Outcome<Failure> {
        let library = Library::open(Tree::find(&self.tree)?, None)?;
        let scope = scope(&library, None)?;
        let all = Asked { library: &library, scope, now: asked.now, state: None };
        Ok(find::elsewhere(asked, &all, &self.id).unwrap_or(failure))
    }
}

/// One thing of a tree, as a site or an appliance has it, as `--format json` prints it: for whoever asks by a program.
pub fn document(tree: &Path, id: &str, site: Option<&str>, appliance: Option<&str>, now: Time) -> Outcome<Value> {
    let tree = Tree::find(tree)?;
    // A site of the evidence may not be in this tree, or not any more.
    let site = site.filter(|site| tree.sites().iter().any(|there| there == site));
    let library = Library::open(tree, site)?;
    let scope = scope(&library, appliance)?;
    let asked = Asked { library: &library, scope, now, state: None };
    let (kind, id) = find::find(&asked, id)?;
    let cannot = || Failure::could_not(format!("{} {id} cannot be explained", kind.as_str()));
    let explained = asked.explain(kind, &id).ok_or_else(cannot)?;
    serde_json::to_value(&explained).map_err(|error| cannot().caused_by(&error))
}

/// What is left out of an explanation because it is wrong, on standard error.
fn warn_of_mistakes(library: &Library) {
    let wrong = library.sites.mistaken || !library.left_out.is_empty() || !library.catalogue.unreadable.is_empty();
    if wrong {
        screen::warning("this tree has mistakes, and what they concern may be missing here: `writ check` shows them");
    }
}

/// The appliances in question.
fn scope<'a>(library: &'a Library, appliance: Option<&str>) -> Outcome<Vec<(Name, &'a Appliance)>> {
    let all = library.sites.by_name.iter().flat_map(|(site, said)| {
        let name = move |appliance: &String| Name { site: site.clone(), appliance: appliance.clone() };
        said.appliances.iter().map(move |(appliance, said)| (name(appliance), said))
    });
    let all: Vec<_> = all.collect();
    let Some(wanted) = appliance else { return Ok(all) };
    let chosen: Vec<_> = all.iter().filter(|(name, _)| name.appliance == wanted).cloned().collect();
    let names = || all.iter().map(|(name, _)| name.appliance.as_str());
    match chosen.len() {
        1 => Ok(chosen),
        0 => {
            let failure = Failure::could_not(format!("there is no appliance `{}`", writ_trust::text::one_line(wanted)));
            Err(failure.nearest(wanted, names(), || format!("there are: {}", names().collect::<Vec<_>>().join(", "))))
        }
        n => {
            Err(Failure::could_not(format!("{n} sites have an appliance `{wanted}`"))
                .next("name the site: --site SITE"))
        }
    }
}

impl<'a> Asked<'a> {
    /// The policies in question.
    fn policies(&self) -> impl Iterator<Item = (&Name, &'a Policy)> {
        self.scope.iter().filter_map(|(name, appliance)| Some((name, appliance.policy.as_ref()?)))
    }

    /// The sites in question.
    fn sites(&self) -> impl Iterator<Item = (&'a str, &'a Site)> {
        let sites = self.library.sites.by_name.iter().map(|(name, site)| (name.as_str(), site));
        sites.filter(|(site, _)| self.scope.iter().any(|(name, _)| name.site == *site))
    }

    /// A check as a policy in question or else a baseline has it.
    fn check(&self, id: &str) -> Option<&'a Check> {
        let declared = || self.library.catalogue.baselines.values().find_map(|b| Some(&b.checks.get(id)?.check));
        self.policies().find_map(|(_, policy)| policy.checks.get(id).map(AsRef::as_ref)).or_else(declared)
    }

    /// A control as a policy in question or else a baseline has it.
    fn control(&self, id: &str) -> Option<&'a Control> {
        let declared = || self.library.catalogue.baselines.values().find_map(|b| b.controls.get(id));
        self.policies().find_map(|(_, policy)| policy.controls.get(id).map(AsRef::as_ref)).or_else(declared)
    }

    /// A duty as a policy in question or else a baseline has it.
    fn duty(&self, id: &str) -> Option<&'a Duty> {
        let declared = || self.library.catalogue.baselines.values().find_map(|b| b.duties.get(id));
        self.policies().find_map(|(_, policy)| policy.duties.get(id).map(AsRef::as_ref)).or_else(declared)
    }

    /// The exceptions in question that lift something, and those that are about it and do not: one exception may do either
    /// on different appliances.
    fn exceptions(&self, effect: impl Fn(&Policy, &Exception) -> Option<Effect>) -> (Vec<Lifting>, Vec<Lifting>) {
        let (mut lifting, mut touching): (Vec<Lifting>, Vec<Lifting>) = Default::default();
        for (name, policy) in self.policies() {
            for (id, exception) in &policy.exceptions {
                let found = match effect(policy, exception) {
                    Some(Effect::Lifts) => &mut lifting,
                    Some(Effect::Touches) => &mut touching,
                    None => continue,
                };
                let at = exception.declared_at.to_string();
                match found.iter_mut().find(|known| known.id == *id && known.at == at) {
                    Some(known) => known.appliances.push(name.clone()),
                    None => found.push(Lifting::of(id, exception, self.now, vec![name.clone()])),
                }
            }
        }
        (lifting, touching)
    }

    /// The last outcome of checks, where a state folder was given.
    fn last<'c>(&self, checks: impl IntoIterator<Item = &'c str>) -> Vec<Last> {
        self.state.as_ref().map_or_else(Vec::new, |state| checks.into_iter().map(|check| state.last(check)).collect())
    }

    fn explanation<T>(&self, kind: Kind, id: &str, title: &str, subject: &Subject<T>, details: Details) -> Explanation {
        let declared = subject.declared.iter();
        let declared = declared.map(|d| Declaration { by: d.by.clone(), origin: self.library.origin(&d.at) });
        Explanation { declared: declared.collect(), ..Explanation::of(kind, id, title, details) }
    }

    fn explain(&self, kind: Kind, id: &str) -> Option<Explanation> {
        match kind {
            Kind::Check => check::explain(self, id),
            Kind::Control => control::explain(self, id),
            Kind::Rule => rule::explain(self, id),
            Kind::Runbook => runbook::explain(self, id),
            Kind::Duty => duty::explain(self, id),
            Kind::Figure => figure::explain(self, id),
            Kind::Exception => exception::explain(self, id),
            Kind::Probe => probe::explain(self, id),
            Kind::Step => probe::explain_step(self, id),
            Kind::Code => code::explain(id),
        }
    }
}

impl Explanation {
    /// With nothing but what every kind has.
    fn of(kind: Kind, id: &str, title: &str, details: Details) -> Self {
        Self {
            schema: "writ.explain.v1",
            kind,
            id: id.to_owned(),
            title: title.to_owned(),
            declared: Vec::new(),
            details,
            applies: None,
            merging: Merging::default(),
            exceptions: Vec::new(),
            touching: Vec::new(),
            last: Vec::new(),
        }
    }

    fn print(&self, page: &mut Page, now: Time) {
        page.title(self.kind.as_str(), &self.id, &self.title);
        let everywhere = self.applies.as_ref().map(|applies| applies.to.as_slice()).unwrap_or_default();
        let summary = self.details.summary();
        if !summary.is_empty() {
            page.text(0, &summary);
        }
        for declaration in &self.declared {
            let Origin { file, line, .. } = &declaration.origin;
            page.dim(0, &format!("declared at {file}:{line} by {}", declaration.by));
        }
        self.details.print(page, everywhere);
        if let Some(applies) = &self.applies {
            print_applies(page, applies);
        }
        self.merging.print(page);
        for (heading, exceptions) in
            [("Lifted by exceptions", &self.exceptions), ("Touched by exceptions that do not lift it", &self.touching)]
        {
            if !exceptions.is_empty() {
                page.section(heading);
                exceptions.iter().for_each(|one| one.print(page, now));
            }
        }
        self.last.iter().for_each(|last| last.print(page));
        for declaration in &self.declared {
            page.section(&format!("{}:{}", declaration.origin.file, declaration.origin.line));
            page.source(&declaration.origin);
        }
    }
}

fn print_applies(page: &mut Page, applies: &Applies) {
    page.section("Applies to");
    if applies.to.is_empty() {
        page.text(2, "no appliance in question");
    }
    page.names(2, &applies.to);
    for not in &applies.not {
        page.text(2, &format!("not, because {}:", not.why));
        page.names(4, &not.appliances);
    }
}

impl Details {
    fn summary(&self) -> String {
        match self {
            Self::Check(one) => one.summary(),
            Self::Control(one) => one.summary(),
            Self::Rule(one) => one.summary(),
            Self::Runbook(one) => one.summary(),
            Self::Duty(one) => one.summary(),
            Self::Figure(one) => one.summary(),
            Self::Exception(one) => one.summary(),
            Self::Probe(one) => one.summary(),
            Self::Step(_) => String::new(),
            Self::Code(one) => one.summary(),
        }
    }

    fn print(&self, page: &mut Page, everywhere: &[Name]) {
        match self {
            Self::Check(one) => one.print(page, everywhere),
            Self::Control(one) => one.print(page),
            Self::Rule(one) => one.print(page, everywhere),
            Self::Runbook(one) => one.print(page),
            Self::Duty(one) => one.print(page),
            Self::Figure(one) => one.print(page),
            Self::Exception(one) => one.print(page),
            Self::Probe(one) => one.print(page),
            Self::Step(one) => one.print(page),
            Self::Code(one) => one.print(page),
        }
    }
}
