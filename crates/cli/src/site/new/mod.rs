//! `writ site new`: a site that `writ check` finds no fault with, by asking or by options.

mod ask;
mod description;
mod files;
mod gather;
mod interrupt;
mod library;
mod place;
mod questions;
mod trial;

use std::io::Write as _;
use std::path::{Path, PathBuf};

pub use self::files::policy_nix;

use self::description::{Baseline, Channel, Contact, Site, Window};
use self::interrupt::Interrupt;
use self::library::Library;
use self::trial::Trial;
use crate::check::checked::Checked;
use crate::check::tree;
use crate::failure::{Answer, Failure, Outcome};
use crate::screen;

/// Add a site to a tree of policy, or begin a tree with it
#[derive(Debug, clap::Args)]
#[command(after_help = "\
On a terminal, whatever is needed and not given is asked for, and each answer is judged at once as
`writ check` would. What is written passes `writ check --deny-warnings` as soon as git tracks it;
otherwise nothing is written. It needs Nix (nix-instantiate) and no network.

Examples:
  $ writ site new riverside-clinic
  $ writ site new riverside-clinic --title \"Riverside Clinic\" --time-zone America/Denver \\
      --appliance front --approver \"Dr. Ellen Ortiz, owner\" \\
      --contact \"primary=Sam Reed,sam@msp.example,+1 555 0150\" \\
      --contact \"clinic=Ana Ruiz, office manager,office@riverside.example\" \\
      --baseline hipaa --window \"sun 02:00-06:00\" --notify \"desk=email:desk@msp.example\"
  $ cd an-empty-folder && git init -b main && writ site new riverside-clinic --init

Exit codes: 0 written (or shown, with --dry-run); 1 refused, nothing was written; 2 could not run.")]
pub struct Arguments {
    /// The site's name: that of its folder in hosts/, 3 to 40 of a-z, 0-9 and -
    name: Option<String>,
    /// Its name for people
    #[arg(long)]
    title: Option<String>,
    /// As in the IANA list, such as America/Denver
    #[arg(long, value_name = "ZONE")]
    time_zone: Option<String>,
    /// An appliance, by the name of its folder; several are given one by one
    #[arg(long, value_name = "NAME")]
    appliance: Vec<String>,
    /// Who may accept a risk; several are given one by one
    #[arg(long, value_name = "PERSON")]
    approver: Vec<String>,
    /// Whom to call, as ROLE=PERSON,EMAIL,PHONE, in the order in which they are called; of e-mail and
    /// phone one will do. Roles: primary, secondary, manager, security, account, after-hours, clinic
    #[arg(long, value_name = "CONTACT")]
    contact: Vec<Contact>,
    /// A baseline, as NAME or NAME=VERSION; several are given one by one
    #[arg(long, value_name = "BASELINE")]
    baseline: Vec<Baseline>,
    /// The service that it bought: essential, professional or enterprise
    #[arg(long)]
    tier: Option<String>,
    /// A program that the systems of its appliances provide to runbooks, by its symbol; several are given one by one
    #[arg(long, value_name = "SYMBOL")]
    program: Vec<String>,
    /// A rule family that heals there; several are given one by one. Without it, all that need no programs of
    /// the appliance, except learned
    #[arg(long, value_name = "FAMILY")]
    rule_family: Vec<String>,
    /// When a system may be switched and rebooted, as DAYS FROM-TO [ALLOWS], such as "sat,sun 22:00-02:00 switch,reboot";
    /// several are given one by one
    #[arg(long, value_name = "WINDOW")]
    window: Vec<Window>,
    /// Where news goes, as NAME=email:ADDRESS, NAME=pagerduty:SECRET or NAME=webhook:SECRET
    #[arg(long, value_name = "CHANNEL")]
    notify: Vec<Channel>,
    /// The name of a further secret that is kept for the site; `backup` and those of --notify are anyway
    #[arg(long, value_name = "NAME")]
    secret: Vec<String>,
    /// When people look at what a planner chose: before, after or never [default: before]. It is asked
    /// where the site says `planner.enabled = true`
    #[arg(long)]
    review: Option<String>,
    /// The folder with baselines/, rules/, hosts/ and modules/, or one below it
    #[arg(long, value_name = "DIR", default_value = ".")]
    tree: PathBuf,
    /// Begin a tree in DIR, with the baselines and rules of this version, if there is none
    #[arg(long)]
    init: bool,
    /// Show the files, and write nothing
    #[arg(long)]
    dry_run: bool,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        let asks = ask::is_possible() && !self.missing().is_empty();
        if !asks {
            self.must_be_complete()?;
        }
        let (root, library) = self.place(asks)?;
        let interrupt =
            Interrupt::watch().map_err(|e| Failure::could_not("signals cannot be waited for").because(e))?;
        let done = self.make(asks, &root, &library, &interrupt);
        // Where a signal has come, this is what came of it, and not to be told.
        interrupt.settle();
        done
    }

    /// Asks for the site or takes it as given, tries it, and puts it in its place.
    fn make(self, asks: bool, root: &Path, library: &Library, interrupt: &Interrupt) -> Outcome {
        let trial = Trial::of(library, interrupt)?;
        let known = trial.known()?;
        let site = if asks { questions::ask(&self, root, &trial, &known)? } else { gather::site(&self, root, &known)? };
        let checked = trial.check(&site)?;
        if !checked.is_clean() {
            return Err(refused(&site, &checked));
        }
        if self.dry_run {
            show(&site);
            return Ok(Answer::Yes);
        }
        match library {
            Library::Tree(root) => place::add(root, &site, interrupt)?,
            Library::Embedded => {
                for kept in place::begin(root, &site, interrupt)? {
                    screen::warning(&format!("{kept} was here already and stays as it is"));
                }
            }
        }
        told(&site, &checked, root, *library == Library::Embedded);
        Ok(Answer::Yes)
    }

    /// The options that a site cannot be written without, and that were not given.
    fn missing(&self) -> Vec<&'static str> {
        [
            ("NAME", self.name.is_none()),
            ("--title", self.title.is_none()),
            ("--time-zone", self.time_zone.is_none()),
            ("--baseline", self.baseline.is_empty()),
            ("--appliance", self.appliance.is_empty()),
            ("--approver", self.approver.is_empty()),
            ("--contact", self.contact.is_empty()),
        ]
        .into_iter()
        .filter_map(|(name, missing)| missing.then_some(name))
        .collect()
    }

    fn must_be_complete(&self) -> Outcome<()> {
        let missing = self.missing();
        if missing.is_empty() {
            return Ok(());
        }
        Err(Failure::could_not(format!("not all that a site needs was given: {} missing", missing.join(", ")))
            .because("there is no terminal to ask on")
            .next("give them as options (writ site new --help has an example), or run it on a terminal"))
    }

    /// The root of the tree, and what the site is judged with.
    fn place(&self, asks: bool) -> Outcome<(PathBuf, Library)> {
        let folder = self
            .tree
            .canonicalize()
            .map_err(|e| Failure::could_not("this folder cannot be read").at(self.tree.display()).because(e))?;
        if let Some(root) = tree::root_above(&folder) {
            return Ok((root.to_owned(), Library::Tree(root.to_owned())));
        }
        if !self.init {
            let none = Failure::could_not("there is no tree of policy here")
                .at(folder.display())
                .because(format!("neither this folder nor one above it holds {}", tree::ENTRY))
                .next("name one with --tree DIR, or begin one here with --init");
            place::is_free(&folder)?;
            let question = format!("There is no tree of policy in {}. Begin one?", folder.display());
            if !asks || !ask::yes(&question)? {
                return Err(none);
            }
        }
        place::is_free(&folder)?;
        Ok((folder, Library::Embedded))
    }
}

/// What stands in the way of the site, as `writ check` prints it.
fn refused(site: &Site, checked: &Checked) -> Failure {
    for mistake in checked.mistakes() {
        let _ = writeln!(anstream::stderr(), "{mistake}\n");
    }
    let failure = Failure::refused(format!("the site `{}` was not written", site.name))
        .because("`writ check` would find what is shown above");
    match checked.lacks_programs() {
        None => failure.next("correct what was given; a place in baselines/ or rules/ is a mistake of the tree itself"),
        Some(programs) => {
            let given: Vec<String> = programs.iter().map(|program| format!("--program {program}")).collect();
            failure.next(format!(
                "give {} if the system of the appliances provides {}, or leave the rule family out that needs it",
                given.join(" "),
                if given.len() == 1 { "it" } else { "them" },
            ))
        }
    }
}

fn show(site: &Site) {
    for (path, content) in files::files(site) {
        screen::line(&screen::paint(screen::BOLD, &format!("# {path}")));
        screen::line(&content);
    }
}

/// The commitments that nobody typed.
fn announce(site: &Site) {
    let promises = site.contacts.iter().map(|c| format!("{} ({}) {}", c.person, c.role, files::answers_within(c)));
    let promises = promises.collect::<Vec<_>>().join(", ");
    screen::line(&format!("It says how soon people answer, by their roles: {promises}; if that is not so, change"));
    screen::line(&format!("answers_within in hosts/{}/site.nix.", site.name));
}

fn told(site: &Site, checked: &Checked, root: &Path, began: bool) {
    for (path, _) in files::files(site) {
        screen::line(&path);
    }
    let (checks, unobserved) = checked.checks();
    screen::line(&format!(
        "{}, {}, {unobserved} of them not observed by this version: {}",
        screen::count(site.appliances.len(), "appliance"),
        screen::count(checks, "check"),
        screen::paint(screen::GREEN, "no findings")
    ));
    announce(site);
    let added = if began { "--all".to_owned() } else { format!("hosts/{}", site.name) };
    let appliance = site.appliances.first().map_or("", String::as_str);
    screen::line(&format!(
        "\nnext, in {}:
  git add {added}
  writ check --deny-warnings
  writ keys new --role appliance --no-passphrase --name {appliance} --out ../keys
  cp ../keys/{appliance}.pub hosts/{}/{appliance}/key.pub
On a real appliance the key is made there and never leaves it; only key.pub comes here: writ provision claim.",
        root.display(),
        site.name,
    ));
}
