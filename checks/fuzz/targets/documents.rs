//! The documents: what is accepted can be written, and is read as the same again.

use std::cell::Cell;
use std::fmt::Debug;

use writ_evidence::bundle::{self, Bundle};
use writ_policy::closure::{self, Closure};
use writ_policy::policy::{self, Policy};
use writ_trust::digest::Digest;
use writ_trust::document::{self, DocumentError};
use writ_trust::floor::{FLOOR_SCHEMA, Floor};
use writ_trust::json::{self, MAX_DOCUMENT};
use writ_trust::log::entry::LogEntry;
use writ_trust::log::receipt::{RECEIPT_SCHEMA, Receipt};
use writ_trust::log::restart::{LogRestart, RESTART_SCHEMA};
use writ_trust::order::{ORDER_SCHEMA, Order};
use writ_trust::release::{RELEASE_SCHEMA, Release};
use writ_trust::root::{TRUST_SCHEMA, TrustRoot};
use writ_wire::releases::LoggedRelease;
use writ_wire::{
    Signed, asks, backup_sample, check_in, claim, claims, courier, day_archive, evidence_batch, evidence_page,
    heartbeat, heartbeats, log_batch, log_receipt, log_sources, log_times, looks, notice, notices, orders, placement,
    plan, plan_request, plan_verdict, proposal, publication, receipts, record, releases, sync, timestamp,
};

use super::Parser;

/// A target for each type with `parse` and `canonical`, under the name of its schema.
macro_rules! documents {
    ($($schema:expr => $document:ty),* $(,)?) => {
        &[$(($schema, |bytes| stays(bytes, <$document>::parse, <$document>::canonical))),*]
    };
}

/// Policies are not written again: what an older one is read as has another `rules_version` than it states.
pub const POLICIES: &[Parser] = &[(policy::SCHEMA_V1, any_policy), (policy::SCHEMA, any_policy)];

/// The documents of the wire, of trust and of evidence.
pub const DOCUMENTS: &[Parser] = documents![
    "logged-release" => LoggedRelease,
    "signed" => Signed,
    asks::ASKS_SCHEMA => asks::Asks,
    backup_sample::BACKUP_SAMPLE_SCHEMA => backup_sample::BackupSample,
    bundle::SCHEMA => AnyBundle,
    bundle::SCHEMA_V2 => AnyBundle,
    check_in::CHECK_IN_SCHEMA => check_in::CheckIn,
    check_in::CHECK_IN_REPLY_SCHEMA => check_in::CheckInReply,
    claim::CLAIM_SCHEMA => claim::Claim,
    claims::CLAIM_RECEIPT_SCHEMA => claims::ClaimReceipt,
    claims::CLAIMS_SCHEMA => claims::Claims,
    closure::SCHEMA => AnyClosure,
    courier::DELEGATION_SCHEMA => courier::Delegation,
    day_archive::DAY_ARCHIVE_SCHEMA => day_archive::DayArchive,
    evidence_batch::EVIDENCE_BATCH_SCHEMA => evidence_batch::EvidenceBatch,
    evidence_page::EVIDENCE_PAGE_SCHEMA => evidence_page::EvidencePage,
    FLOOR_SCHEMA => Floor,
    heartbeat::HEARTBEAT_SCHEMA => heartbeat::Heartbeat,
    heartbeats::HEARTBEATS_SCHEMA => heartbeats::Heartbeats,
    "writ.log-entry.v1" => LogEntry,
    log_batch::LOG_BATCH_SCHEMA => log_batch::LogBatch,
    log_receipt::LOG_RECEIPT_SCHEMA => log_receipt::LogReceipt,
    RESTART_SCHEMA => AnyRestart,
    log_sources::LOG_SOURCES_SCHEMA => log_sources::LogSources,
    log_times::LOG_TIMES_SCHEMA => log_times::LogTimes,
    looks::LOOK_SCHEMA => looks::Look,
    notice::NOTICE_SCHEMA => notice::Notice,
    notices::NOTICE_RECEIPT_SCHEMA => notices::NoticeReceipt,
    notices::NOTICES_SCHEMA => notices::Notices,
    ORDER_SCHEMA => Order,
    orders::ORDERS_SCHEMA => orders::Orders,
    placement::PLACEMENT_SCHEMA => placement::Placement,
    plan::PLAN_SCHEMA => plan::Plan,
    plan_request::PLAN_REQUEST_SCHEMA => plan_request::PlanRequest,
    plan_verdict::PLAN_VERDICT_SCHEMA => plan_verdict::PlanVerdict,
    proposal::PROPOSAL_SCHEMA => proposal::Proposal,
    publication::PUBLICATION_SCHEMA => publication::Publication,
    RECEIPT_SCHEMA => Receipt,
    receipts::RECEIPTS_SCHEMA => receipts::Receipts,
    record::RECORD_SCHEMA => record::Record,
    RELEASE_SCHEMA => Release,
    releases::RELEASES_SCHEMA => releases::Releases,
    sync::SYNC_SCHEMA => sync::Sync,
    timestamp::TIMESTAMP_SCHEMA => timestamp::Timestamp,
    TRUST_SCHEMA => TrustRoot,
];

thread_local! {
    /// How many documents this thread has read and found good: a corpus of which nothing is tries no law.
    pub static GOOD: Cell<u64> = const { Cell::new(0) };
}

/// What is read can be written, and read again as it was.
fn stays<T: PartialEq + Debug, E: Debug>(
    bytes: &[u8],
    read: impl Fn(&[u8]) -> Result<T, E>,
    write: impl Fn(&T) -> Vec<u8>,
) {
    let Ok(document) = read(bytes) else { return };
    GOOD.set(GOOD.get() + 1);
    let written = write(&document);
    let again = read(&written).expect("what was written can be read");
    assert_eq!(again, document);
    assert_eq!(write(&again), written, "it is written in another way the second time");
}

/// A policy, under the digest of its rules that whoever signs it would have computed.
fn any_policy(bytes: &[u8]) {
    let Ok(mut policy) = json::parse_value(bytes, MAX_DOCUMENT) else { return };
    let rules = serde_json::json!({ "rules": policy.get("rules"), "runbooks": policy.get("runbooks") });
    if let Some(policy) = policy.as_object_mut() {
        policy.insert("rules_version".to_owned(), Digest::of(&json::canonical(&rules)).to_string().into());
    }
    if Policy::parse(&json::canonical(&policy)).is_ok() {
        GOOD.set(GOOD.get() + 1);
    }
}

/// Gives a type that is read by a function `parse` and `canonical`.
macro_rules! by {
    ($name:ident, $document:ty, $error:ty, $parse:expr) => {
        #[derive(Debug, PartialEq)]
        struct $name($document);

        impl $name {
            fn parse(bytes: &[u8]) -> Result<Self, $error> {
                let parse: fn(&[u8]) -> Result<$document, $error> = $parse;
                parse(bytes).map(Self)
            }

            fn canonical(&self) -> Vec<u8> {
                json::canonical(&self.0)
            }
        }
    };
}

by!(AnyBundle, Bundle, DocumentError, |bytes| {
    let bundle: Bundle = document::parse_any(bytes, &[bundle::SCHEMA, bundle::SCHEMA_V2])?;
    let _ = bundle.validate();
    Ok(bundle)
});
by!(AnyClosure, Closure, closure::ClosureError, Closure::parse);
by!(AnyRestart, LogRestart, DocumentError, |bytes| document::parse(bytes, RESTART_SCHEMA));
