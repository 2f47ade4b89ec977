//! `writ secret rotate`: another value in the place of one, and which are old enough for it.

use std::collections::BTreeMap;

use writ_trust::time::Span;

use super::chosen::{Chosen, TreeOption};
use super::list::Listed;
use super::place::Place;
use super::value::ValueOptions;
use super::write;
use crate::failure::{Answer, Failure, Outcome};
use crate::screen;

/// Replace a secret by another value, or list those that are old
///
/// With a name: takes another value, as `writ secret set` does, and replaces it for every appliance that has it. Nobody but the
/// appliance can decrypt the old one, so it cannot be encrypted anew: a replaced appliance gets another value, or the same from
/// where else it is kept.
///
/// With --older-than: lists the secrets that were set longer ago.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  writ secret rotate --site clinic-001 --older-than 365d
  writ secret rotate --site clinic-001 backup --generate 32 --print | pass insert -m clinic/backup
  pass show clinic/backup | writ secret rotate --site clinic-001 backup

Change it where it is used, too: the old value stays in the history of git, encrypted, and counts until then.

Exit codes: 0 replaced, or none is that old; 1 refused, or some are; 2 could not run.")]
pub struct Arguments {
    /// The secret
    #[arg(required_unless_present = "older_than", conflicts_with = "older_than")]
    name: Option<String>,
    /// The site
    #[arg(long)]
    site: String,
    /// List what was set longer ago than this, for instance 365d
    #[arg(long, value_name = "SPAN", conflicts_with_all = ["generate", "print", "exact"])]
    older_than: Option<Span>,
    #[command(flatten)]
    value: ValueOptions,
    #[command(flatten)]
    tree: TreeOption,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        let site = self.tree.site(&self.site)?;
        match (&self.name, &self.older_than) {
            (Some(name), _) => self.replace(&site, name),
            (None, Some(span)) => Ok(old(&site, span)),
            // The arguments are declared so that one of them is there.
            (None, None) => Err(Failure::could_not("name a secret, or give --older-than")),
        }
    }

    fn replace(&self, site: &Chosen, name: &str) -> Outcome {
        site.keeps(name)?;
        let have = |(_, place): &(&String, &Place)| place.is_there(&place.age_file(name));
        let appliances: BTreeMap<String, Place> =
            site.appliances.iter().filter(have).map(|(name, place)| (name.clone(), place.clone())).collect();
        if appliances.is_empty() {
            return Err(Failure::refused(format!("no appliance of {} has the secret `{name}` yet", site.site))
                .next(format!("writ secret set --site {} {name}", site.site)));
        }
        let to = write::recipients(&appliances)?;
        let value = self.value.value(name)?;
        write::write(name, &value, &to)?;
        self.value.tell(&value);
        write::advise(&site.site, name);
        Ok(Answer::Yes)
    }
}

fn old(site: &Chosen, span: &Span) -> Answer {
    let listed = Listed::of(std::slice::from_ref(site));
    let old = listed.older_than(span);
    for line in &old {
        screen::line(line);
    }
    if old.is_empty() {
        screen::line(&format!("none was set longer than {span} ago"));
        return Answer::Yes;
    }
    screen::aside(&format!("next: writ secret rotate --site {} NAME", site.site));
    Answer::No
}
