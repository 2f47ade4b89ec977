//! `writ export docs`: the reference of a tree of policy as Markdown, for people and for whoever publishes it.

mod checks;
mod controls;
mod duties;
mod figures;
mod markdown;
mod mistakes;
mod probes;
mod reference;
mod rules;

use std::path::{Path, PathBuf};

use writ_policy::validate::codes::CODES;

use self::markdown::{Target, text};
use self::reference::Reference;
use crate::check::tree::Tree;
use crate::failure::{Answer, Failure, Outcome};
use crate::library::Library;
use crate::{files, screen};

/// Write the reference of a tree: controls, checks, rules, runbooks, duties, figures, probes and steps
///
/// Markdown files that link to one another and to nothing else, with an anchor for everything that depends only on its
/// kind and id: `checks.md#check-backup-recent`. The same tree gives the same bytes.
///
/// It says what baselines and rules declare, and which sites choose each rule family. What sites and appliances add or
/// change is not in it: `writ explain` has that.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  writ export docs --out reference
  writ export docs --out reference clinics/ && git diff --stat reference

It needs Nix (nix-instantiate) and no network. A folder that holds anything but an earlier export is left alone.

Exit codes: 0 written; 1 the tree has mistakes, and nothing was written; 2 could not run.")]
pub struct Arguments {
    /// The folder with baselines/, rules/, hosts/ and modules/, or one below it
    #[arg(default_value = ".")]
    path: PathBuf,
    /// The folder to write to: a new one, an empty one, or that of an earlier export
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

/// The first line of every file, by which an earlier export is known.
const MARK: &str = "<!-- Made by `writ export docs`: changes made here are lost. -->\n\n";

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        let tree = Tree::find(&self.path)?;
        let library = Library::declared(tree)?;
        let choices = library.choices()?;
        let pages = pages(&Reference::new(&library, choices));
        ours(&self.out)?;
        files::make_directory(&self.out)?;
        for (name, page) in &pages {
            files::replace(&self.out.join(name), page.as_bytes(), 0o644, "a page of the reference")?;
        }
        screen::line(&format!("{} written to {}", screen::count(pages.len(), "page"), self.out.display()));
        Ok(Answer::Yes)
    }
}

/// Refuses a folder with anything that was not made here.
fn ours(folder: &Path) -> Outcome<()> {
    for path in files::list(folder)? {
        let head = files::read_shared(&path, 16 << 20, "a file of an earlier export").ok();
        if !head.is_some_and(|bytes| bytes.starts_with(MARK.as_bytes())) {
            return Err(Failure::could_not("this folder holds something that is no export")
                .at(path.display())
                .because("nothing is overwritten that was not made here")
                .next("name a new folder"));
        }
    }
    Ok(())
}

/// Every page by its file name.
fn pages(reference: &Reference<'_>) -> Vec<(&'static str, String)> {
    let pages = [
        ("README.md", index(reference)),
        (Target::Control.file(), controls::page(reference)),
        (Target::Check.file(), checks::page(reference)),
        (Target::Rule.file(), rules::page(reference)),
        (Target::Runbook.file(), rules::runbooks(reference)),
        (Target::Duty.file(), duties::page(reference)),
        (Target::Figure.file(), figures::page(reference)),
        (Target::Probe.file(), probes::page(reference)),
        (Target::Step.file(), probes::steps(reference)),
        (Target::Code.file(), mistakes::page(reference)),
    ];
    pages.map(|(name, page)| (name, format!("{MARK}{page}"))).into()
}

fn index(reference: &Reference<'_>) -> String {
    let (catalogue, registry) = (&reference.library.catalogue, &reference.library.registry);
    let mut out = "# Reference\n\nWhat the baselines and rules of this tree declare, and which sites choose each rule family. What sites \
                   and appliances add or change (checks, rules, overrides and exceptions in `hosts/`) is not in it.\n\n"
        .to_owned();
    out += "| Baseline | Version | Controls | Checks | Not observed by this version | Duties | Figures |\n";
    out += "|---|---|---|---|---|---|---|\n";
    for (name, baseline) in &catalogue.baselines {
        let blind = baseline.checks.values().filter(|c| registry.unobserved(&c.check.probe.name)).count();
        out += &format!(
            "| {} ({}) | {} | {} | {} | {blind} | {} | {} |\n",
            text(&baseline.title),
            text(name),
            text(&baseline.version),
            baseline.controls.len(),
            baseline.checks.len(),
            baseline.duties.len(),
            baseline.figures.len()
        );
    }
    let all =
        |of: fn(&crate::library::catalogue::Baseline) -> usize| catalogue.baselines.values().map(of).sum::<usize>();
    let rules = catalogue.rules().count();
    let lines = [
        (Target::Control, "Controls", all(|b| b.controls.len()), "what each rule book asks, and how far it is shown"),
        (Target::Check, "Checks", reference.checks().len(), "what is looked at, and what must hold"),
        (Target::Rule, "Rules", rules, "what answers a failing check"),
        (Target::Runbook, "Runbooks", catalogue.runbooks.len(), "what is done, step by step"),
        (Target::Duty, "Duties", all(|b| b.duties.len()), "what people do, as a calendar"),
        (Target::Figure, "Figures", all(|b| b.figures.len()), "the numbers that all of it is made from"),
        (Target::Probe, "Probes", registry.probes.len(), "what checks look with"),
        (Target::Step, "Steps", registry.steps.len(), "what runbooks are made from"),
        (Target::Code, "Mistakes", CODES.len(), "what `writ check` finds"),
    ];
    out += "\n";
    for (target, name, count, about) in lines {
        out += &format!("- [{name}]({}) ({count}): {about}\n", target.file());
    }
    out + "\n`writ explain ID` says of one of them where it applies, and why, with what sites and appliances change.\n"
}
