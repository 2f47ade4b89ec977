//! Making an order: what `new` and `broadcast` have in common.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use serde::Serialize;
use writ_trust::ids::SiteId;
use writ_trust::minisign::SecretKey;
use writ_trust::order::judge::OrderRefusal;
use writ_trust::order::{Audience, Order, OrderAction, OrderId, OrderSchema, PauseOrder, RunbookOrder};
use writ_trust::time::{Span, Time};

use super::{OrderFile, TrustOptions, describe, publish, sign};
use crate::depot::DepotOptions;
use crate::failure::{Answer, Failure, Outcome};
use crate::passphrase::PassphraseOptions;
use crate::trust::folder::Folder;
use crate::{clock, files, random, screen};

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Action {
    /// Run every check now
    Rescan,
    /// Run every check now, and put what they see into evidence in full
    Collect,
    /// Suspend healing of the checks given by --check, --for a while of at most 8h
    Pause,
    /// Run --runbook, one of the policy's, and look whether --check holds then
    RunRunbook,
}

/// What an order is made of, but for whom it is for.
#[derive(Debug, clap::Args)]
pub struct Making {
    /// What is to be done
    #[arg(value_name = "ACTION")]
    action: Action,
    /// The site
    #[arg(long)]
    site: SiteId,
    /// Why, for those who read the evidence; one line
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// A check of the policy; for pause it may be given several times
    #[arg(long, value_name = "CHECK")]
    check: Vec<String>,
    /// A runbook of the policy
    #[arg(long, value_name = "RUNBOOK")]
    runbook: Option<String>,
    /// How long a pause lasts
    #[arg(long = "for", value_name = "SPAN")]
    length: Option<Span>,
    /// After what time nobody takes the order any more; at most 7d
    #[arg(long, value_name = "SPAN", default_value = "24h")]
    expires: Span,
    /// Where to write the order; its signatures go beside it
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    #[command(flatten)]
    trust: TrustOptions,
    /// Sign it with this order key at once
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    #[command(flatten)]
    passphrase: PassphraseOptions,
    /// Publish it to this depot at once, where one signature is enough: https://host or https://host:port
    #[arg(long, value_name = "URL")]
    depot: Option<String>,
    /// Certificates (PEM) of the authorities that may vouch for the depot's name, instead of the public web's
    #[arg(long, value_name = "FILE", requires = "depot")]
    ca_file: Option<PathBuf>,
    /// Allow plain HTTP to another machine: everything is verified all the same, but others can read along
    #[arg(long, requires = "depot")]
    allow_http: bool,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// How many signatures count of how many that it takes, where they are too few.
pub type Short = Option<(usize, u32)>;

/// An order that appliances would understand, made now.
pub fn order(site: &SiteId, audience: Audience, action: OrderAction, reason: &str, expires: &Span) -> Outcome<Order> {
    let now = clock::now();
    let order = Order {
        schema: OrderSchema::V1,
        site: site.clone(),
        id: OrderId::from_random(*random::bytes()?),
        audience,
        action,
        reason: reason.to_owned(),
        issued_at: now,
        expires_at: now.plus(expires),
    };
    understood(order)
}

/// An order, unless appliances would not understand it.
pub fn understood(order: Order) -> Outcome<Order> {
    order.validate().map_err(|e| {
        Failure::refused("appliances would not understand this order").because(e).next("nothing was written")
    })?;
    Ok(order)
}

/// Writes an order, signs it where there is a key, and judges it as far as it is signed.
pub fn write(
    order: &Order,
    to: &Path,
    key: Option<&SecretKey>,
    folder: &Folder,
    quiet: bool,
) -> Outcome<(OrderFile, Short)> {
    files::create_or_same(to, &order.canonical(), "an order")?;
    if let Some(key) = key {
        sign::write(&OrderFile::read(to)?, key, quiet)?;
    }
    let file = OrderFile::read(to)?;
    // Too few signatures so far are no fault: the others come later.
    let short = match file.judge(folder)? {
        Ok(_) => None,
        Err(OrderRefusal::Threshold { found, needed, .. }) => Some((found, needed)),
        Err(refusal) => return Err(file.unfit(&refusal)),
    };
    Ok((file, short))
}

/// What was made.
#[derive(Serialize)]
struct Made<'a> {
    file: &'a PathBuf,
    id: &'a OrderId,
    expires_at: Time,
    signed: bool,
    published: bool,
}

impl Making {
    /// Makes the order, and signs and publishes it where that was asked for.
    pub fn run(self, audience: Audience) -> Outcome {
        let folder = self.trust.read()?;
        let order = order(&self.site, audience, self.action()?, &self.reason, &self.expires)?;
        if self.depot.is_some() && self.key.is_none() {
            return Err(Failure::could_not("nobody has signed it, so it cannot be published")
                .next("give --key, or leave --depot out and run `writ order sign` and `writ order publish`"));
        }
        if !self.json {
            describe(&order).iter().for_each(|line| screen::line(line));
        }
        // Before it is written: a key that does not count is said while nothing is there.
        let key = self.key.as_ref().map(|key| sign::unlock(key, &self.passphrase, &folder, &order.site)).transpose()?;
        let (file, short) = write(&order, &self.to, key.as_ref(), &folder, self.json)?;
        if let Some(depot) = self.depot() {
            publish::put(&file, &folder, &depot, self.json)?;
        }
        self.tell(&file, short);
        Ok(Answer::Yes)
    }

    /// Says what was made, and what is next. `short` is how many signatures count of how many that it takes, if they are too few.
    fn tell(&self, file: &OrderFile, short: Short) {
        let path = self.to.display();
        if self.json {
            screen::json(&Made {
                file: &self.to,
                id: &file.order.id,
                expires_at: file.order.expires_at,
                signed: short.is_none(),
                published: self.depot.is_some(),
            });
        } else if let Some((found, needed)) = short {
            screen::line(&format!("signed by {found} of {needed}; next: writ order sign {path} --trust … --key …"));
        } else if self.depot.is_none() {
            screen::line(&format!("next: writ order publish {path} --trust … --depot …"));
        }
    }

    fn depot(&self) -> Option<DepotOptions> {
        let depot = self.depot.clone()?;
        Some(DepotOptions { depot, ca_file: self.ca_file.clone(), allow_http: self.allow_http })
    }

    fn action(&self) -> Outcome<OrderAction> {
        let moot = |given: bool, option: &str| match given {
            true => Err(Failure::could_not(format!("{option} says nothing to this action")).next("leave it out")),
            false => Ok(()),
        };
        let needs = |what: &str| Failure::could_not(format!("this action needs {what}")).next("see --help");
        match self.action {
            Action::Rescan | Action::Collect => {
                moot(!self.check.is_empty(), "--check")?;
                moot(self.runbook.is_some(), "--runbook")?;
                moot(self.length.is_some(), "--for")?;
                Ok(if self.action == Action::Rescan { OrderAction::Rescan } else { OrderAction::Collect })
            }
            Action::Pause => {
                moot(self.runbook.is_some(), "--runbook")?;
                let length = self.length.clone().ok_or_else(|| needs("--for, as in --for 30m"))?;
                Ok(OrderAction::Pause(PauseOrder { checks: self.check.clone(), length }))
            }
            Action::RunRunbook => {
                moot(self.length.is_some(), "--for")?;
                let runbook = self.runbook.clone().ok_or_else(|| needs("--runbook, one of the policy's"))?;
                let [check] = &self.check[..] else { return Err(needs("one --check, which is looked at afterwards")) };
                Ok(OrderAction::RunRunbook(RunbookOrder { runbook, check: check.clone() }))
            }
        }
    }
}
