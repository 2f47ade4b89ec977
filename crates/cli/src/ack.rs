//! `writ ack`: somebody says to a notifier that they have an incident, or that the report on it is given.

use std::path::PathBuf;

use comfy_table::{Table, presets};
use writ_notify::book::Book;
use writ_notify::incident::{Incident, Stage};

use crate::failure::{Answer, Failure, Outcome};
use crate::notify::is_state;
use crate::notify::store::{self, AnswerSchema, Answered};
use crate::{clock, screen};

/// The longest name and note, in characters.
const LONGEST: (usize, usize) = (100, 300);

/// Say that somebody has an incident: nobody else is called for it
///
/// The notifier whose state is in DIR takes it up within a second, or at its next round where it runs by a timer. Those who were
/// called hear of it, pagers stop, and it is written down with the name. The incident goes on: it ends when the check holds
/// again, and updates come until then. With --report it is the report on an ended incident that is given, which is due 72 hours
/// after its end unless the policy says otherwise.
///
/// Without an incident: what is open, who was called and who answered, and which reports are missing.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  writ ack --state /var/lib/writ-notify
  writ ack INC-20261123-0007 --state /var/lib/writ-notify --by 'Kim Lee' --note 'the switch in the hall is off'
  writ ack clinic-001/front-desk/INC-20261123-0007 --state /var/lib/writ-notify --by 'Kim Lee' --report

Exit codes: 0 done; 1 there is no such incident; 2 could not run.")]
pub struct Arguments {
    /// The incident, as messages name it; its last part will do where it is of one alone
    #[arg(requires = "by")]
    incident: Option<String>,
    /// The state of the notifier
    #[arg(long, value_name = "DIR")]
    state: PathBuf,
    /// Who has it
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// What the others are told besides
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    /// The report on it is given
    #[arg(long)]
    report: bool,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        if !is_state(&self.state) {
            return Err(Failure::could_not("there is no state of a notifier")
                .at(self.state.display())
                .next("name the folder that writ notify has as --state"));
        }
        let book = store::read(&self.state)?;
        let (Some(name), Some(by)) = (&self.incident, &self.by) else {
            screen::line(list(&book).trim_end());
            return Ok(Answer::Yes);
        };
        let keys = book.named(name);
        let [key] = &keys[..] else {
            let failure = Failure::refused(match keys.len() {
                0 => format!("no incident is called {name}"),
                _ => format!("several incidents are called {name}"),
            });
            return Err(
                failure.next("name it as messages do: site/appliance/incident; `writ ack --state DIR` lists them")
            );
        };
        let incident = &book.incidents[key];
        match (incident.stage, self.report) {
            (Stage::Resolved, true) | (Stage::Open | Stage::People | Stage::Acknowledged, false) => {}
            (Stage::Resolved, false) => {
                return Err(Failure::refused(format!("{key} has ended")).next("where its report is meant: --report"));
            }
            (_, true) => return Err(Failure::refused(format!("{key} is open: its report comes after its end"))),
        }
        if let Some(said) = incident.acknowledged.as_ref().filter(|_| !self.report) {
            screen::line(&format!("{key}: {} has it since {}", said.by, said.at));
            return Ok(Answer::Yes);
        }
        let cut = |text: &str, most| writ_trust::text::one_line(text).chars().take(most).collect::<String>();
        let answered = Answered {
            schema: AnswerSchema::V1,
            name: key.clone(),
            by: cut(by, LONGEST.0),
            how: "command".to_owned(),
            note: self.note.as_ref().map(|note| cut(note, LONGEST.1)),
            report: self.report,
            at: clock::now(),
        };
        store::answer(&self.state, &answered)?;
        let what = if self.report { "its report is given" } else { "nobody else is called" };
        screen::line(&format!("{key}: {what}, as soon as the notifier has taken it up"));
        Ok(Answer::Yes)
    }
}

/// What is open, and which reports are missing.
fn list(book: &Book) -> String {
    let missing = |incident: &&Incident| incident.report_due.is_some() && incident.reported.is_none();
    let shown: Vec<&Incident> = book.incidents.values().filter(|one| one.is_open() || missing(one)).collect();
    if shown.is_empty() {
        return "nothing is open, and no report is missing".to_owned();
    }
    let mut table = Table::new();
    table.load_preset(presets::UTF8_HORIZONTAL_ONLY).force_no_tty();
    table.set_header(["Incident", "Severity", "About", "Called", "Stands", "Due"]);
    for incident in shown {
        let stands = match (&incident.stage, &incident.acknowledged) {
            (Stage::Resolved, _) => "ended; report missing".to_owned(),
            (_, Some(said)) => format!("{} has it", said.by),
            (Stage::Open, None) => "rules are at it".to_owned(),
            (_, None) => "nobody has answered".to_owned(),
        };
        let due = if incident.is_open() { incident.due_at } else { incident.report_due };
        table.add_row([
            incident.key.clone(),
            incident.severity.to_string(),
            incident.title.clone(),
            incident.called().join(", "),
            stands,
            due.map(|due| due.to_string()).unwrap_or_default(),
        ]);
    }
    table.to_string()
}
