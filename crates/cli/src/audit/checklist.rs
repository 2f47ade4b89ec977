//! `writ audit checklist`: the checklists of the operating standards, answered.

use clap::builder::PossibleValuesParser;
use writ_audit::checklist::{Answer as Item, Checklist, Rhythm, State, checklist};
use writ_audit::compare::which_site;
use writ_trust::ids::SiteId;
use writ_trust::text::escaped;
use writ_trust::time::Time;

use super::{Source, known, warn_unless_verified};
use crate::failure::{Answer, Failure, Outcome};
use crate::{clock, screen};

/// Go through a checklist: daily, weekly, monthly, quarterly or annual
///
/// What machines show is answered from verified evidence over the last day, week, month, quarter or year; what people do, by what they
/// attested (`writ audit attest`), with when it was last and is due again. An item that no check of the policy answers says so, and
/// is not met.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  writ audit checklist daily audit --trust root-you-were-given.json --site clinic-001
  writ audit checklist weekly audit --site clinic-001 --now 2026-11-23T08:00:00Z
  writ audit checklist monthly audit --site clinic-001 --json | jq '.items[] | select(.state == \"due\") | .title'

Exit codes: 0 the folder verified, and every automated item is met; 1 otherwise; 2 could not run.")]
pub struct Arguments {
    /// Which one
    #[arg(value_name = "RHYTHM", value_parser = PossibleValuesParser::new(Rhythm::ALL.map(Rhythm::as_str)))]
    rhythm: String,
    #[command(flatten)]
    source: Source,
    /// The site; needed where the folder holds several
    #[arg(long)]
    site: Option<SiteId>,
    /// Go through it as of this instant instead of now
    #[arg(long, value_name = "TIME")]
    now: Option<Time>,
    /// Print the result as JSON: checklist-v1 of `writ export schema`
    #[arg(long)]
    json: bool,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        let now = self.now.unwrap_or_else(clock::now_in_seconds);
        // The parser takes no other word.
        let rhythm = Rhythm::ALL.into_iter().find(|r| r.as_str() == self.rhythm).unwrap_or(Rhythm::Daily);
        let archive = self.source.open(self.site.clone())?;
        known(&archive, self.site.as_ref())?;
        let failed =
            |e| Failure::could_not(e).next("name the site with --site; `writ audit verify` says what is there");
        let site = which_site(&archive, self.site.as_ref()).map_err(failed)?;
        let (list, report) = checklist(&archive, &site, rhythm, now).map_err(failed)?;
        warn_unless_verified(&report);
        if self.json {
            screen::json(&list);
        } else {
            print(&list);
        }
        Ok(if list.is_fine() { Answer::Yes } else { Answer::No })
    }
}

fn print(list: &Checklist) {
    let title = format!("{} ({}), {} checklist", escaped(&list.title), list.site, list.rhythm);
    screen::line(&screen::paint(screen::BOLD, &title));
    screen::line(&format!("{} to {}", list.period.from, list.period.to));
    for item in &list.items {
        let ids = if item.ids.is_empty() { "-".to_owned() } else { item.ids.join(" ") };
        let word = format!("{:>14}", item.state.as_str());
        screen::line(&format!("{} {} [{ids}]", screen::paint(style(item), &word), escaped(&item.title)));
        item.says.iter().for_each(|says| screen::line(&format!("{:>14} {}", "", escaped(says))));
    }
    let answered = |good: bool| list.items.iter().filter(|item| item.automated && item.state.is_good() == good).count();
    let due = list.items.iter().filter(|item| item.state == State::Due).count();
    let (met, not) = (screen::count(answered(true), "item"), answered(false));
    screen::line(&format!(
        "of evidence {met} as it should be, {not} not; of people {} due",
        screen::count(due, "item")
    ));
}

fn style(item: &Item) -> anstyle::Style {
    match item.state {
        State::Met | State::Done => screen::GREEN,
        State::NotMet | State::NoCheck => screen::RED,
        State::Due => screen::YELLOW,
        State::NotApplicable | State::OnEvent | State::NoDuty => screen::DIM,
    }
}
