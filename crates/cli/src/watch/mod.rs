//! `writ watch`: whether a depot, and the appliances behind it, are alive and honest; asked from elsewhere.

mod beats;
pub mod findings;
mod keys;
mod log;
pub mod look;
mod notify;
pub mod observe;
mod outside;
mod release;
pub mod report;
mod roots;
pub mod state;

use std::path::PathBuf;

use writ_client::Client;
use writ_trust::ids::SiteId;
use writ_trust::json::MAX_DOCUMENT;
use writ_trust::root_chain::TrustChain;
use writ_trust::time::{Span, Time};

use self::report::Report;
pub use self::state::State;
use crate::depot::{DepotOptions, ReaderOptions};
use crate::failure::{Answer, Failure, Outcome};
use crate::{clock, files, screen};

/// Watch a depot from elsewhere: heartbeats, the head of the log, what expires
///
/// A depot can do nothing but withhold, and this is who notices. Every heartbeat is verified by the key that the newest
/// release names, and must not be older than --max-age; the head of the site's log must be signed, fresh, continue the one
/// seen before (DIR keeps it), hold no release newer than the one shown, and not be shorter than what any appliance saw; it must
/// have been timestamped by each authority, and cosigned by each witness, that the newest trust root lists;
/// releases and trust roots must not have expired; and keys of the trust root are to be replaced within a year. What is wrong is a finding. A depot that cannot be reached is one too.
///
/// Run it anywhere but on the depot: by a timer, or with --every. The command of --notify-command is run by `sh -c` with the
/// report as JSON on its standard input whenever the findings become others, also when the last one goes away.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  writ watch --depot https://depot.example.org --site clinic-001 --read-key ../keys/watch.key --trust first-root.json \\
      --state /var/lib/writ-watch --notify-command 'mail -s \"clinic-001\" on-call@example.org'
  writ watch --depot https://depot.example.org --site clinic-001 --read-key ../keys/watch.key --trust first-root.json \\
      --state watch --json | jq .findings

Exit codes: 0 all is well; 1 there are findings; 2 could not run.")]
pub struct Arguments {
    #[command(flatten)]
    depot: DepotOptions,
    #[command(flatten)]
    reader: ReaderOptions,
    /// The site
    #[arg(long)]
    site: SiteId,
    /// The first trust root, as a file that you were given by a way you trust
    #[arg(long, value_name = "FILE")]
    trust: PathBuf,
    /// Where to keep what was seen; made if it is not there
    #[arg(long, value_name = "DIR")]
    state: PathBuf,
    /// The oldest that a heartbeat may be; appliances say one every minute
    #[arg(long, value_name = "SPAN", default_value = "10m")]
    max_age: Span,
    /// The oldest that the log's word of being at its head may be; it is renewed every hour
    #[arg(long, value_name = "SPAN", default_value = "2h")]
    max_log_age: Span,
    /// How long before its end an expiring release or trust root is a finding
    #[arg(long, value_name = "SPAN", default_value = "14d")]
    expires_within: Span,
    /// The oldest that the newest timestamp of the log may be, where the trust root lists authorities; one is made each day
    #[arg(long, value_name = "SPAN", default_value = "26h")]
    max_timestamp_age: Span,
    /// The oldest that the newest cosignature of a witness may be, where the trust root lists any
    #[arg(long, value_name = "SPAN", default_value = "26h")]
    max_witness_age: Span,
    /// From which age on a key of the trust root is a finding; it is due to be replaced after 365 days
    #[arg(long, value_name = "SPAN", default_value = "330d")]
    remind_keys: Span,
    /// What to run when the findings become others
    #[arg(long, value_name = "COMMAND")]
    notify_command: Option<String>,
    /// Go on, and look again after each SPAN
    #[arg(long, value_name = "SPAN")]
    every: Option<Span>,
    /// Print each result as JSON: watch-v1 of `writ export schema`
    #[arg(long)]
    json: bool,
}

/// What a look needs to know.
pub struct Watch<'a> {
    /// Who asks the depot.
    pub client: Client,
    /// About which site.
    pub site: &'a SiteId,
    /// What is wrong there.
    pub limits: Limits<'a>,
}

/// What counts as too old.
#[derive(Clone, Copy)]
pub struct Limits<'a> {
    /// Of a heartbeat.
    pub max_age: &'a Span,
    /// Of the log's word of being at its head.
    pub max_log_age: &'a Span,
    /// Of the last token of a timestamp authority.
    pub max_timestamp_age: &'a Span,
    /// Of a witness's last cosignature.
    pub max_witness_age: &'a Span,
    /// How long before its end something ends soon.
    pub expires_within: &'a Span,
    /// From which age on a key is old.
    pub remind_keys: &'a Span,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        let pinned = files::read(&self.trust, MAX_DOCUMENT, "the trust root")?;
        TrustChain::pinned(&pinned)
            .map_err(|e| Failure::refused("this is not a usable trust root").at(self.trust.display()).because(e))?;
        if self.every.as_ref().is_some_and(|every| every.millis() <= 0) {
            return Err(Failure::could_not("--every takes more than nothing"));
        }
        let watch = Watch {
            client: self.depot.reader(&self.reader)?,
            site: &self.site,
            limits: Limits {
                max_age: &self.max_age,
                max_log_age: &self.max_log_age,
                max_timestamp_age: &self.max_timestamp_age,
                max_witness_age: &self.max_witness_age,
                expires_within: &self.expires_within,
                remind_keys: &self.remind_keys,
            },
        };
        let mut state = State::open(&self.state)?;
        loop {
            let report = watch.look(&pinned, &mut state, clock::now())?.report;
            self.tell(&report, &mut state)?;
            match &self.every {
                Some(every) => std::thread::sleep(every.duration()),
                None => return Ok(if report.findings.is_empty() { Answer::Yes } else { Answer::No }),
            }
        }
    }

    fn tell(&self, report: &Report, state: &mut State) -> Outcome<()> {
        if self.json {
            screen::json(report);
        } else {
            screen::line(report.table().trim_end());
        }
        let Some(command) = &self.notify_command else { return Ok(()) };
        let now = report.named();
        if state.told()? == now {
            return Ok(());
        }
        // Without success nothing is remembered: the next look tries again.
        match notify::run(command, report) {
            Ok(()) => state.tell(&now),
            Err(why) => {
                screen::warning(&format!("the notify command did not work: {why}"));
                Ok(())
            }
        }
    }
}

/// How long ago something was, for people; nothing for what lies ahead.
fn ago(now: Time, then: Time) -> String {
    let seconds = u64::try_from(now.millis_since(then) / 1000).unwrap_or(0);
    writ_audit::words::lasting(seconds)
}
