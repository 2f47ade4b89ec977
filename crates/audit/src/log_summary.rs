//! What came of verifying the logs of a site.

use serde::Serialize;
use writ_trust::ids::SiteId;
use writ_trust::time::Time;

/// What is said of a log that the trust root does not name. Never counted as passed.
pub const NOT_CONFIGURED: &str = "not configured";
/// What is said of logs in which, and around which, nothing bad was found.
pub const VERIFIED: &str = "verified";
/// What is said of logs with something bad, and of one that is not in the folder.
pub const NOT_VERIFIED: &str = "not verified";
/// What is said of logs of which the heads and receipts hold and the entries are not here, as from an appliance's inbox:
/// what has a receipt was taken in, and whether anything else was dropped is not known. Never counted as verified.
pub const WITHOUT_ENTRIES: &str = "without entries";
/// What is said of several sites of which some have a log that verified and some have none.
pub const PARTLY_CONFIGURED: &str = "partly configured";

/// How many entries of each type a log has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct EntryCounts {
    /// Bundles.
    pub evidence: u64,
    /// Releases.
    pub releases: u64,
    /// Trust roots.
    pub trust_roots: u64,
    /// Orders.
    pub orders: u64,
    /// Restarts: one in every log after the first.
    pub restarts: u64,
}

/// One log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OneLog {
    /// Its place among the site's logs, from 1.
    pub number: usize,
    /// Its name.
    pub origin: String,
    /// The keys that could ever sign it, as signed notes name them.
    pub verifier_keys: Vec<String>,
    /// Whether its entries come to a root that its key signed.
    pub sound: bool,
    /// Whether its entries are here. Without them nothing but its checkpoint and the receipts was judged.
    pub entries_here: bool,
    /// How many entries its checkpoint names; null without a checkpoint that counts.
    pub size: Option<u64>,
    /// The root of its tree, in base64.
    pub root: Option<String>,
    /// When its key last said that this is its head: its own claim.
    pub fresh_at: Option<Time>,
    /// The exact note of that checkpoint: what is kept for next time.
    #[serde(skip)]
    pub note: Option<String>,
    /// Who else said when it had come to what: the newest of each authority of time and each witness that the newest trust root
    /// lists.
    pub external: Vec<External>,
    /// Its entries.
    pub entries: EntryCounts,
}

/// What somebody who is not the log said of when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct External {
    /// `timestamp` or `witness`.
    pub kind: &'static str,
    /// What the trust root calls them.
    pub by: String,
    /// When.
    pub at: Time,
    /// How many entries the log had then.
    pub size: u64,
}

/// The logs of a site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogSummary {
    /// The site.
    pub site: SiteId,
    /// [`NOT_CONFIGURED`], [`VERIFIED`], [`WITHOUT_ENTRIES`] or [`NOT_VERIFIED`].
    pub state: &'static str,
    /// Its logs, oldest first; the last is the one in use.
    pub logs: Vec<OneLog>,
    /// How many receipts lead to a beginning of a log that is here.
    pub receipts: u64,
    /// How many bundles name a beginning of a log that is here as the last checkpoint that their appliance had seen.
    pub last_checkpoints: u64,
    /// How many bundles no log holds; null when a log could not be read to its end.
    pub unlogged: Option<u64>,
}

impl LogSummary {
    /// Of a site without a log.
    pub fn not_configured(site: &SiteId) -> Self {
        Self {
            site: site.clone(),
            state: NOT_CONFIGURED,
            logs: Vec::new(),
            receipts: 0,
            last_checkpoints: 0,
            unlogged: None,
        }
    }
}

/// One word for all sites.
pub fn state_of(sites: &[LogSummary]) -> &'static str {
    let any = |state| sites.iter().any(|site| site.state == state);
    match (any(NOT_VERIFIED), any(VERIFIED), any(NOT_CONFIGURED)) {
        (true, _, _) => NOT_VERIFIED,
        _ if any(WITHOUT_ENTRIES) => WITHOUT_ENTRIES,
        (false, true, true) => PARTLY_CONFIGURED,
        (false, true, false) => VERIFIED,
        (false, false, _) => NOT_CONFIGURED,
    }
}
