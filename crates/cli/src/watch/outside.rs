//! What others than the log say of when: whether each timestamp authority and each witness of the newest trust root spoke lately.

use std::collections::BTreeMap;

use writ_client::Client;
use writ_trust::ids::SiteId;
use writ_trust::log::checkpoint::{Checkpoint, SignedCheckpoint, log_keys_ever};
use writ_trust::log::note::{MAX_NOTE, Note, NoteKey};
use writ_trust::log::witness::{self, CosignatureName};
use writ_trust::root::TimestampAuthority;
use writ_trust::root_chain::TrustChain;
use writ_trust::time::{Span, Time};
use writ_trust::timestamp::{AuthorityId, TimestampName, Token};
use writ_wire::MAX_ENVELOPE;
use writ_wire::log_times::LogTimes;
use writ_wire::paths::{self, Log};
use writ_wire::timestamp::{MAX_TIMESTAMP, Timestamp};

use super::findings::{Code, Findings};
use super::report::ExternalSeen;
use super::{Limits, ago, log};
use crate::depot::head::{self, Head};
use crate::depot::if_there;

/// Judges the newest of each; gives those that hold.
pub fn judge(
    client: &Client,
    chain: &TrustChain,
    site: &SiteId,
    head: &Head,
    limits: Limits,
    now: Time,
    findings: &mut Findings,
) -> Vec<ExternalSeen> {
    let root = chain.newest();
    let witnesses = witness::witnesses(root);
    if root.timestamp_authorities.is_empty() && witnesses.is_empty() {
        return Vec::new();
    }
    let mut judge = Judge { client, chain, site, head, now, findings, seen: Vec::new() };
    let Some(listed) = judge.list() else { return Vec::new() };
    let mut stamped: BTreeMap<String, TimestampName> = BTreeMap::new();
    let mut cosigned: BTreeMap<[u8; 4], CosignatureName> = BTreeMap::new();
    // The last of each is the newest.
    for name in listed.timestamp_names().unwrap_or_default() {
        let newest = stamped.entry(name.authority.to_string()).or_insert(name);
        *newest = (*newest).max(name);
    }
    for name in listed.cosignature_names().unwrap_or_default() {
        let newest = cosigned.entry(name.witness).or_insert(name);
        *newest = (*newest).max(name);
    }
    for authority in &root.timestamp_authorities {
        let id = AuthorityId::of(&authority.der().unwrap_or_default());
        judge.authority(authority, stamped.get(&id.to_string()), limits.max_timestamp_age);
    }
    for witness in &witnesses {
        judge.witness(witness, cosigned.get(&witness.cosigner()), limits.max_witness_age);
    }
    judge.seen
}

struct Judge<'a, 'f> {
    client: &'a Client,
    chain: &'a TrustChain,
    site: &'a SiteId,
    head: &'a Head,
    now: Time,
    findings: &'f mut Findings,
    seen: Vec<ExternalSeen>,
}

impl Judge<'_, '_> {
    fn list(&mut self) -> Option<LogTimes> {
        let answer = self.client.get(&paths::log_times(self.site, Log::Number(self.head.number)), MAX_ENVELOPE as u64);
        match answer {
            Ok(bytes) => match LogTimes::parse(&bytes) {
                Ok(list) => Some(list),
                Err(error) => {
                    self.findings.add(Code::TimestampBroken, "log", format!("the list of timestamps: {error}"));
                    None
                }
            },
            Err(error) => {
                self.findings.add(Code::Unreachable, "depot", error);
                None
            }
        }
    }

    fn authority(&mut self, authority: &TimestampAuthority, newest: Option<&TimestampName>, most: &Span) {
        let Some(name) = newest else {
            let what = "it has never timestamped this log: writ log timestamp, by a timer";
            return self.findings.add(Code::TimestampLate, &authority.name, what);
        };
        match self.timestamp(authority, name) {
            Ok(Some((at, checkpoint))) => {
                self.aged(Code::TimestampLate, &authority.name, "timestamped", at, most);
                self.keep("timestamp", &authority.name, at, &checkpoint);
            }
            Ok(None) => self.findings.add(Code::TimestampBroken, &authority.name, "what is listed is not given"),
            Err((code, why)) => self.findings.add(code, &authority.name, why),
        }
    }

    fn timestamp(
        &self,
        authority: &TimestampAuthority,
        name: &TimestampName,
    ) -> Result<Option<(Time, Checkpoint)>, (Code, String)> {
        let target = paths::log_timestamp(self.site, Log::Number(self.head.number), name);
        let answer = if_there(self.client.get(&target, MAX_TIMESTAMP as u64));
        let Some(bytes) = answer.map_err(|e| (Code::Unreachable, e.to_string()))? else { return Ok(None) };
        let broken = |why: String| (Code::TimestampBroken, why);
        let stored = Timestamp::parse(&bytes).map_err(|e| broken(e.to_string()))?;
        let note = &stored.checkpoint.0;
        let token = Token::parse(&stored.response.0).map_err(|e| broken(e.to_string()))?;
        let stamped = token.verify(note, std::slice::from_ref(authority)).map_err(|e| broken(e.to_string()))?;
        Ok(Some((stamped.at, self.goes_with(note)?)))
    }

    fn witness(&mut self, witness: &NoteKey, newest: Option<&CosignatureName>, most: &Span) {
        let Some(name) = newest else {
            let what = "it has never cosigned this log: is it running?";
            return self.findings.add(Code::WitnessSilent, witness.name(), what);
        };
        match self.cosignature(witness, name) {
            Ok(Some((at, checkpoint))) => {
                self.aged(Code::WitnessSilent, witness.name(), "cosigned", at, most);
                self.keep("witness", witness.name(), at, &checkpoint);
            }
            Ok(None) => self.findings.add(Code::TimestampBroken, witness.name(), "what is listed is not given"),
            Err((code, why)) => self.findings.add(code, witness.name(), why),
        }
    }

    fn cosignature(
        &self,
        witness: &NoteKey,
        name: &CosignatureName,
    ) -> Result<Option<(Time, Checkpoint)>, (Code, String)> {
        let answer =
            if_there(self.client.get(&paths::log_cosignature(self.site, self.head.number, name), MAX_NOTE as u64));
        let Some(note) = answer.map_err(|e| (Code::Unreachable, e.to_string()))? else { return Ok(None) };
        let broken = |why: String| (Code::TimestampBroken, why);
        let parsed = Note::parse(&note).map_err(|e| broken(e.to_string()))?;
        let at = witness.cosigned(&parsed).ok_or_else(|| broken("its cosignature does not hold".to_owned()))?;
        Ok(Some((at, self.goes_with(&note)?)))
    }

    /// A checkpoint that others saw must be a beginning of the log that is shown here.
    fn goes_with(&self, note: &[u8]) -> Result<Checkpoint, (Code, String)> {
        let keys = log_keys_ever(self.chain, self.site);
        let shown = &self.head.signed.checkpoint;
        let signed = SignedCheckpoint::verify(note, &shown.origin, &keys)
            .map_err(|e| (Code::TimestampBroken, format!("what it vouches for: {e}")))?;
        let mut shown = shown.clone();
        if signed.checkpoint.size > shown.size {
            // It may have grown since the head was asked for.
            let again = head::head(self.client, self.chain, self.site, self.now);
            let again = again.map_err(|e| (log::found(&e), e.to_string()))?;
            shown = again.map_or(shown, |head| head.signed.checkpoint);
        }
        if signed.checkpoint.size > shown.size {
            let what = format!("it saw {} entries, {} are shown", signed.checkpoint.size, shown.size);
            return Err((Code::LogShort, what));
        }
        match head::continues(self.client, self.site, self.head.number, &signed.checkpoint, &shown) {
            Ok(()) => Ok(signed.checkpoint),
            Err(error) => Err((log::found(&error), format!("what it vouches for: {error}"))),
        }
    }

    fn aged(&mut self, code: Code, subject: &str, did: &str, at: Time, most: &Span) {
        if self.now.millis_since(at) > most.millis() {
            let what = format!("it last {did} this log {} ago, at {at}", ago(self.now, at));
            self.findings.add(code, subject, what);
        }
    }

    fn keep(&mut self, kind: &'static str, by: &str, at: Time, checkpoint: &Checkpoint) {
        self.seen.push(ExternalSeen { kind, by: by.to_owned(), at, size: checkpoint.size });
    }
}
