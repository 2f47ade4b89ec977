//! `writ diff`: what a change of the policy means for every site and appliance, and whether protection weakens.

mod closure;
mod compare;
mod figures;
mod gather;
mod human;
mod json;
pub(crate) mod lay;
mod markdown;
mod places;
mod report;
mod revisions;
mod rings;
mod shared;
mod working;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::thread;

use writ_trust::time::Time;

use self::compare::Status;
use self::gather::{Gathered, Texts};
use self::places::Places;
use self::report::{Report, Revision};
use self::revisions::{Repository, Side};
use crate::check::{Unsound, Whole};
use crate::failure::{Answer, Failure, Outcome};
use crate::screen;

/// Compare the policy of two revisions: what changes for whom, and whether protection weakens
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  $ writ diff --from main
  Protection weakens in both appliances of clinic-001
    checks.\"backup.recent\".expect.age_seconds.le: 93600 → 180000
    passes with age_seconds = 180000 as well
  …
  $ writ diff --from \"$(git merge-base origin/main HEAD)\" --to HEAD --format markdown --deny-weaker

Each change is one of these:
  weaker    something was shown, healed or kept, and is so no longer, or later, or less; whatever else is gained
  unclear   cannot be decided: somebody should look
  stronger  something more is shown, healed or kept, and nothing is lost
  reworded  another way to say the same
Predicates are compared by what they accept, not by how they are written. What weakens is shown with an observation
that passes now and did not before. The rules, and a workflow for pull requests:
https://github.com/writ-project/writ/blob/main/docs/changes.md

A side with mistakes that `writ check` finds is not compared, other than an exception that has ended. Without --to, the
second side is what a commit of the whole working tree would be: new files count, and what git ignores does not.
It needs git and Nix, and no network; it evaluates both sides and changes neither.

`--format json` prints {schema, from, to, weaker, unclear, headline, sites, groups: [{appliances, counts, changes: [{text,
path, section, id, before, after, effect, why, witness, at, reason, override_removed, others}]}], exceptions, figures,
rings, totals}; fields may be added.

Exit codes: 0 compared, whatever was found unless it is denied; 1 something that --deny-… denies; 2 could not compare.")]
pub struct Arguments {
    /// The folder with the policy, or one below it; a repository without a working tree needs --to
    #[arg(default_value = ".")]
    path: PathBuf,
    /// The revision before: a branch, a tag or a commit
    #[arg(long, value_name = "REV")]
    from: String,
    /// The revision after; without it, the working tree with its uncommitted edits and new files
    #[arg(long, value_name = "REV")]
    to: Option<String>,
    /// Only this site
    #[arg(long)]
    site: Option<String>,
    /// Only appliances of this name
    #[arg(long)]
    appliance: Option<String>,
    /// For people, for a comment on a pull request, or for programs
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// Exit with 1 when protection weakens
    #[arg(long)]
    deny_weaker: bool,
    /// Exit with 1 when protection weakens, or when that cannot be decided, as of a system that Nix cannot name
    #[arg(long)]
    deny_unclear: bool,
    /// Judge exceptions as of this instant, such as 2026-09-01T00:00:00Z, instead of now
    #[arg(long, value_name = "TIME")]
    now: Option<Time>,
}

/// How the result is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// Lines, in colour on a terminal.
    Human,
    /// A comment: the verdict first, long lists folded.
    Markdown,
    /// One JSON document.
    Json,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        let repository = Repository::find(&self.path)?;
        let (from, to) = sides(&repository, &self.from, self.to.as_deref())?;
        let report = self.compared(&from, &to)?;
        match self.format {
            Format::Human => human::print(&report),
            Format::Markdown => markdown::print(&report),
            Format::Json => json::print(&report),
        }
        let totals = report.totals();
        let denied = (totals.of.weaker > 0 && (self.deny_weaker || self.deny_unclear))
            || (totals.undecided() > 0 && self.deny_unclear);
        Ok(if denied { Answer::No } else { Answer::Yes })
    }

    fn compared(&self, from: &Side, to: &Side) -> Outcome<Report> {
        let site = self.site.as_deref();
        let (before, after) = evaluated(from, to, site)?;
        let mut texts = Texts::default();
        let mut before = gather::read(before.parts(), &mut texts)?;
        let mut after = gather::read(after.parts(), &mut texts)?;
        self.select(&mut before, &mut after)?;
        let places = Places::of(&from.tree.root, &to.tree.root);
        let now = self.now.unwrap_or_else(crate::clock::now);
        let compared = compare::compare(&before, &after, &texts, &places, now)?;
        let both: BTreeSet<compare::Name> = compared
            .appliances
            .iter()
            .filter(|(_, fate)| matches!(fate.status, Status::Changed | Status::Unchanged))
            .map(|(name, _)| name.clone())
            .collect();
        let closures = closure::compare(from, to, &both)?;
        let figures = figures::compare(&before, &after, &compared.groups);
        let rings = rings::compare(&before, &after, &compared.appliances, &closures);
        let revision =
            |side: &Side| Revision { name: side.name(), revision: side.revision.clone(), commit: side.commit.clone() };
        Ok(Report { from: revision(from), to: revision(to), compared, closures, figures, rings })
    }

    /// Leaves only what was asked for, which must be on one of the sides.
    fn select<'a>(&self, before: &mut Gathered<'a>, after: &mut Gathered<'a>) -> Outcome<()> {
        let mut known: BTreeSet<String> = BTreeSet::new();
        let mut found = self.appliance.is_none();
        for side in [before, after] {
            if let Some(site) = &self.site {
                side.sites.retain(|name, _| name == site);
            }
            if let Some(wanted) = &self.appliance {
                for appliances in side.sites.values_mut() {
                    known.extend(appliances.keys().cloned());
                    appliances.retain(|name, _| name == wanted);
                    found |= !appliances.is_empty();
                }
            }
        }
        if found {
            return Ok(());
        }
        Err(missing("appliance", self.appliance.as_deref().unwrap_or_default(), &known))
    }
}

fn missing(kind: &str, name: &str, known: &BTreeSet<String>) -> Failure {
    let failure = Failure::could_not(format!("there is no {kind} `{name}` on either side"));
    match writ_policy::nearest::nearest(name, known.iter().map(String::as_str)) {
        Some(near) => failure.next(format!("did you mean `{near}`?")),
        None => failure.next(format!("known are: {}", known.iter().take(20).cloned().collect::<Vec<_>>().join(", "))),
    }
}

/// Both sides, each laid out by a thread of its own.
fn sides(repository: &Repository, from: &str, to: Option<&str>) -> Outcome<(Side, Side)> {
    let second = || to.map_or_else(|| repository.working_tree(), |to| repository.side(to));
    let (first, second) = at_once(|| repository.side(from), second);
    Ok((first?, second?))
}

/// From so many sites on, one side is evaluated after the other: each takes all processors, and memory. And of these,
/// what did not change is not validated.
const MANY_SITES: usize = 50;

/// What both trees evaluate to. A tree with mistakes is not compared: what they leave out nobody would miss.
fn evaluated(from: &Side, to: &Side, site: Option<&str>) -> Outcome<(Whole, Whole)> {
    let known: BTreeSet<String> = [from, to].iter().flat_map(|side| side.tree.sites()).collect();
    if let Some(site) = site.filter(|site| !known.contains(*site)) {
        return Err(missing("site", site, &known));
    }
    let many = site.is_none() && known.len() > MANY_SITES;
    let of = |side: &Side| Whole::of(&side.tree, site);
    let (before, after) = if many { (of(from), of(to)) } else { at_once(|| of(from), || of(to)) };
    let (before, after) = (before?, after?);
    let other = |whole| many.then_some(whole);
    let (first, second) =
        at_once(|| before.mistakes(&from.tree, other(&after)), || after.mistakes(&to.tree, other(&before)));
    match (first?, second?) {
        (None, None) => Ok((before, after)),
        mistakes => Err(mistaken([(from, mistakes.0), (to, mistakes.1)])),
    }
}

/// Two things by a thread each.
fn at_once<R: Send>(
    first: impl FnOnce() -> Outcome<R> + Send,
    second: impl FnOnce() -> Outcome<R>,
) -> (Outcome<R>, Outcome<R>) {
    thread::scope(|scope| {
        let first = scope.spawn(first);
        let second = second();
        (first.join().unwrap_or_else(|_| Err(Failure::could_not("a thread of writ ended"))), second)
    })
}

/// Shows the mistakes of each side that has some.
fn mistaken(sides: [(&Side, Option<Unsound>); 2]) -> Failure {
    let mut told = Vec::new();
    for (side, unsound) in sides {
        let Some(unsound) = unsound else { continue };
        let name = side.name();
        screen::aside(&format!("in {name}:"));
        unsound.shown.iter().for_each(|mistake| screen::aside(mistake));
        told.push(format!("{name} has {}", screen::count(unsound.count, "mistake")));
    }
    Failure::could_not(told.join(", and "))
        .because("a policy with mistakes says less than it seems to, and nobody would miss the rest")
        .next("mend them, which writ check shows all of in a working tree, or name a revision without")
}
