//! `writ plan approve`: signed orders of what was proposed.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;
use writ_audit::archive::SiteRecord;
use writ_policy::policy::Policy;
use writ_trust::order::{Audience, Order, OrderAction, OrderId, OrderSchema, RunbookOrder};
use writ_trust::text::{escaped, one_line};
use writ_trust::time::{Span, Time};

use super::answered::{self, Answered, Written};
use super::found::Kept;
use super::{Evidence, Places};
use crate::failure::{Answer, Failure, Outcome};
use crate::order::make::{self, Short};
use crate::order::{TrustOptions, describe, sign};
use crate::passphrase::PassphraseOptions;
use crate::{clock, random, screen};

/// The longest reason of an order, in bytes.
const LONGEST_REASON: usize = 500;

/// Approve a plan that waits: make a signed order of it
///
/// Writes an order to run each of its runbooks on that appliance, as `writ order new run-runbook` would; of several runbooks
/// order-1.json, order-2.json and so on, to be published one after the other for as long as the check fails. Nothing is written
/// unless the newest verified release has each runbook, the check judges it, and the incident is open by the evidence.
///
/// With --proposals the approval is written down there first, and only once: the same command again makes the same orders, which
/// an appliance takes once.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  writ plan approve INC-20261123-0007-1 --audit audit --trust releases/trust --key ../keys/alice.key --to order.json
  writ plan approve P-0123456789abcdef0123456789abcdef --audit audit --proposals proposals --trust releases/trust \\
      --key ../keys/alice.key --to order.json
Where two keys must sign, and then:
  writ order sign order.json --trust releases/trust --key ../keys/bob.key
  writ order publish order.json --trust releases/trust --depot https://depot.example.org

Exit codes: 0 the orders are written; 1 it cannot be approved, or there is none; 2 could not run.")]
pub struct Arguments {
    /// The proposal's id, as `writ plan review` says it
    id: String,
    #[command(flatten)]
    places: Places,
    #[command(flatten)]
    trust: TrustOptions,
    /// Where to write the order; its signatures go beside it
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    /// Sign with this order key at once
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    #[command(flatten)]
    passphrase: PassphraseOptions,
    /// Why, for those who read the evidence; one line. By default who proposed it, and why
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// After what time nobody takes the orders any more; at most 7d
    #[arg(long, value_name = "SPAN", default_value = "24h")]
    expires: Span,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// An order that was made.
#[derive(Serialize)]
struct Made {
    file: PathBuf,
    id: OrderId,
    runbook: String,
    expires_at: Time,
    signed: bool,
    #[serde(skip)]
    short: Short,
}

/// All that was done.
#[derive(Serialize)]
struct Done<'a> {
    proposal: &'a str,
    orders: &'a [Made],
    answered: Option<PathBuf>,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        let folder = self.trust.read()?;
        let Some(evidence) = self.places.evidence(Some(&folder))? else {
            let failure = Failure::could_not("whether it may be approved is in the evidence");
            return Err(failure.next("give --audit; `writ audit fetch` makes such a folder"));
        };
        let one = self.places.one(&self.id, Some(&evidence))?;
        let against = judge(&one, &evidence);
        if !against.is_empty() {
            let failure = Failure::refused(format!("{} cannot be approved", one.id));
            let failure = against.iter().fold(failure, |failure, why| failure.because(why));
            return Err(failure.next(
                "nothing was written; what may run is in the newest release, and what is open in newer evidence",
            ));
        }
        if let Some(heard) = evidence.waiting.heard.get(&(one.site.clone(), one.appliance.clone())) {
            screen::aside(&format!("the newest evidence of {} here is of {heard}", one.appliance));
        }
        let written = self.answer(&one)?;
        let orders = orders(&one, &written)?;
        if !self.json {
            orders.iter().flat_map(describe).for_each(|line| screen::line(&line));
        }
        // Before anything is written: a key that does not count is said while nothing is there.
        let key = self.key.as_ref().map(|key| sign::unlock(key, &self.passphrase, &folder, &one.site)).transpose()?;
        // Before the orders: whoever is cut off in between gets the same ones from the same command.
        let down = |folder: &PathBuf| answered::write(folder, &one, &written);
        let answered = self.places.proposals.as_ref().map(down).transpose()?;
        let mut made = Vec::new();
        for (order, runbook) in orders.iter().zip(&one.runbooks) {
            let to = place(&self.to, orders.len(), made.len() + 1);
            let (file, short) = make::write(order, &to, key.as_ref(), &folder, self.json)?;
            let (id, expires_at) = (file.order.id.clone(), file.order.expires_at);
            made.push(Made { file: to, id, runbook: runbook.clone(), expires_at, signed: short.is_none(), short });
        }
        if let Some(folder) = &self.places.proposals {
            answered::done(folder, &one)?;
        }
        if self.json {
            screen::json(&Done { proposal: &one.id, orders: &made, answered });
        } else {
            tell(&made);
        }
        Ok(Answer::Yes)
    }

    /// What is to be written down, or was when it was approved before.
    fn answer(&self, one: &Kept) -> Outcome<Written> {
        if let Some(written) = &one.answered {
            screen::aside(&format!("{} was {}: these are the same orders again", one.id, written.told()));
            return Ok(written.clone());
        }
        // What stands there is another order, whatever it is: said while nothing is written down.
        let many = one.runbooks.len();
        for to in (1..=many).map(|number| place(&self.to, many, number)) {
            if fs::symlink_metadata(&to).is_ok() {
                let failure = Failure::refused("a file of this name is there already").at(to.display());
                return Err(failure.next("name another one with --to; nothing was written"));
            }
        }
        let now = clock::now();
        let id = |_: &String| -> Outcome<OrderId> { Ok(OrderId::from_random(*random::bytes()?)) };
        Ok(Written {
            answer: Answered::Approved,
            reason: self.reason.clone().unwrap_or_else(|| usual(one)),
            at: Some(now),
            expires_at: Some(now.plus(&self.expires)),
            orders: one.runbooks.iter().map(id).collect::<Outcome<_>>()?,
        })
    }
}

/// The orders that an approval names: the same ones whenever they are made.
fn orders(one: &Kept, written: &Written) -> Outcome<Vec<Order>> {
    let complete = written.orders.len() == one.runbooks.len();
    let (Some(issued_at), Some(expires_at), true) = (written.at, written.expires_at, complete) else {
        return Err(Failure::refused(format!("{} was answered already", one.id))
            .because(written.told())
            .next("whoever wants it run again makes an order of it: writ order new run-runbook"));
    };
    let order = |(id, runbook): (&OrderId, &String)| {
        make::understood(Order {
            schema: OrderSchema::V1,
            site: one.site.clone(),
            id: id.clone(),
            audience: Audience::Appliances(vec![one.appliance.clone()]),
            action: OrderAction::RunRunbook(RunbookOrder { runbook: runbook.clone(), check: one.check.clone() }),
            reason: written.reason.clone(),
            issued_at,
            expires_at,
        })
    };
    written.orders.iter().zip(&one.runbooks).map(order).collect()
}

/// Why, where nobody says otherwise: in one line that fits.
fn usual(one: &Kept) -> String {
    let why = escaped(format!("{} proposed it as {}: {}", one.proposed_by, one.id, one.reason));
    let mut end = why.len().min(LONGEST_REASON);
    while !why.is_char_boundary(end) {
        end -= 1;
    }
    why[..end].to_owned()
}

/// Where an order of several goes: `order-2.json` for the second of `order.json`.
fn place(to: &Path, many: usize, number: usize) -> PathBuf {
    if many == 1 {
        return to.to_owned();
    }
    let stem = to.file_stem().unwrap_or_default().to_string_lossy();
    let end = to.extension().map(|end| format!(".{}", end.to_string_lossy())).unwrap_or_default();
    to.with_file_name(format!("{stem}-{number}{end}"))
}

fn tell(made: &[Made]) {
    for Made { file, short, .. } in made {
        let path = file.display();
        match short {
            Some((found, needed)) => {
                screen::line(&format!("signed by {found} of {needed}; next: writ order sign {path} --trust … --key …"));
            }
            None => screen::line(&format!("next: writ order publish {path} --trust … --depot …")),
        }
    }
    if made.len() > 1 {
        screen::line(
            "publish them in this order, each when the evidence says that the check still fails after the one before: an \
             appliance runs whatever order it has",
        );
    }
}

/// What keeps a proposal from being approved, by what was answered, the newest verified release and the evidence.
pub fn judge(one: &Kept, evidence: &Evidence) -> Vec<String> {
    let otherwise = one.answered.iter().filter(|written| written.answer != Answered::Approved);
    let mut against: Vec<String> = otherwise.map(|written| format!("it was answered: {}", written.told())).collect();
    match policy(one, evidence) {
        Ok(policy) => against.extend(unfit(one, policy)),
        Err(why) => against.push(why),
    }
    let open = evidence.waiting.open.get(&(one.site.clone(), one.appliance.clone()));
    let of_check = |check: &String| *check == one.check;
    match one.incident_id {
        Some(id) => match open.and_then(|open| open.get(&id)) {
            None => against.push(format!("incident {id} is not open, by the evidence here")),
            Some(known) if !of_check(&known.check) => {
                against.push(format!("incident {id} is of check {}", one_line(&known.check)));
            }
            Some(_) => {}
        },
        None if !open.is_some_and(|open| open.values().any(|known| of_check(&known.check))) => {
            against.push(format!("no incident of {} is open there, by the evidence here", one_line(&one.check)));
        }
        None => {}
    }
    against
}

/// The policy that the newest verified release whose signers still count has for an appliance.
fn policy<'e>(one: &Kept, evidence: &'e Evidence) -> Result<&'e Policy, String> {
    let record = evidence.archive.sites.get(&one.site);
    let newest = record.and_then(SiteRecord::newest_sound);
    let newest = newest.ok_or_else(|| {
        format!("no verified release of site {} whose signers still count is in the audit folder", one.site)
    })?;
    let (epoch, serial) = newest.release.point();
    let generation = newest.release.generations.get(&one.appliance);
    let generation =
        generation.ok_or_else(|| format!("the newest release {epoch}-{serial} does not have {}", one.appliance))?;
    let policy = evidence.archive.policies.get(&generation.policy.digest);
    policy
        .ok_or_else(|| format!("the policy of release {epoch}-{serial} is not in the audit folder, or cannot be read"))
}

/// What of a proposal the policy does not have.
fn unfit(one: &Kept, policy: &Policy) -> Vec<String> {
    let mut against = Vec::new();
    if !policy.checks.contains_key(&one.check) {
        against.push(format!("the signed policy has no check {}", one_line(&one.check)));
    }
    for name in &one.runbooks {
        match policy.runbooks.get(name) {
            None => against.push(format!("the signed policy has no runbook {}", one_line(name))),
            Some(runbook) if !runbook.verify.contains(&one.check) => {
                let (name, check) = (one_line(name), one_line(&one.check));
                against.push(format!("{name} is not judged by {check}: nobody could see that it helped"));
            }
            Some(_) => {}
        }
    }
    against
}
