//! What others than a log say of when it had come to what: timestamps and cosignatures. Only those that hold are kept.

use writ_trust::log::checkpoint::{SignedCheckpoint, log_keys_ever};
use writ_trust::log::note::{MAX_NOTE, Note};
use writ_trust::log::witness::{CosignatureName, witnesses};
use writ_trust::timestamp::{AuthorityId, TimestampName, Token};
use writ_wire::MAX_ENVELOPE;
use writ_wire::log_times::LogTimes;
use writ_wire::paths::{self, Log};
use writ_wire::timestamp::{MAX_TIMESTAMP, Timestamp};

use super::Fetch;
use crate::depot::{failed, if_there};
use crate::failure::Outcome;

/// What a depot lists of a log.
#[derive(Debug, Default)]
pub struct Listed {
    timestamps: Vec<TimestampName>,
    cosignatures: Vec<CosignatureName>,
}

impl Fetch<'_> {
    /// What there is of a log. To be asked before its head: what is listed then cannot be of more entries than the head has.
    pub fn list_times(&mut self, number: u64) -> Outcome<Listed> {
        let answer = if_there(self.client.get(&paths::log_times(self.site, Log::Number(number)), MAX_ENVELOPE as u64));
        let answer = answer.map_err(|e| failed("cannot ask for timestamps of the log", &self.client, &e))?;
        // A log that is not there is told of elsewhere, and depots of before know of none.
        let Some(bytes) = answer else { return Ok(Listed::default()) };
        let list = LogTimes::parse(&bytes).map_err(|e| e.to_string()).and_then(|list| {
            let timestamps = list.timestamp_names().map_err(|e| e.to_string())?;
            let cosignatures = list.cosignature_names().map_err(|e| e.to_string())?;
            Ok(Listed { timestamps, cosignatures })
        });
        match list {
            Ok(listed) => Ok(listed),
            Err(why) => {
                let path = format!("{}/timestamps", self.log_path(number));
                self.withhold(path, format!("the list of timestamps cannot be read: {why}"))?;
                Ok(Listed::default())
            }
        }
    }

    /// Brings what is new of that, by those whom the newest trust root lists.
    pub fn times(&mut self, number: u64, origin: &str, listed: &Listed) -> Outcome<()> {
        let root = self.chain.newest();
        let ids = root.timestamp_authorities.iter().filter_map(|one| Some(AuthorityId::of(&one.der()?)));
        let authorities: Vec<AuthorityId> = ids.collect();
        let known: Vec<[u8; 4]> = witnesses(root).iter().map(|witness| witness.cosigner()).collect();
        for name in listed.timestamps.iter().filter(|name| authorities.contains(&name.authority)) {
            let path = format!("{}/timestamps/{name}", self.log_path(number));
            if !self.to.has(&format!("{path}.tsr"))
                && let Err(why) = self.timestamp(number, origin, name, &path)?
            {
                self.withhold(format!("{path}.tsr"), why)?;
            }
        }
        for name in listed.cosignatures.iter().filter(|name| known.contains(&name.witness)) {
            let path = format!("{}/cosignatures/{name}.checkpoint", self.log_path(number));
            if !self.to.has(&path)
                && let Err(why) = self.cosignature(number, origin, name, &path)?
            {
                self.withhold(path, why)?;
            }
        }
        Ok(())
    }

    fn timestamp(
        &mut self,
        number: u64,
        origin: &str,
        name: &TimestampName,
        path: &str,
    ) -> Outcome<Result<(), String>> {
        let target = paths::log_timestamp(self.site, Log::Number(number), name);
        let answer = if_there(self.client.get(&target, MAX_TIMESTAMP as u64));
        let answer = answer.map_err(|e| failed("cannot ask for a timestamp of the log", &self.client, &e))?;
        let Some(bytes) = answer else { return Ok(Err("the depot lists it and does not give it".to_owned())) };
        let judged = || {
            let stored = Timestamp::parse(&bytes).map_err(|e| e.to_string())?;
            let note = &stored.checkpoint.0;
            let token = Token::parse(&stored.response.0).map_err(|e| e.to_string())?;
            let authorities = &self.chain.newest().timestamp_authorities;
            let stamped = token.verify(note, authorities).map_err(|e| e.to_string())?;
            if stamped.name != *name {
                return Err(format!("it is {}, under another name", stamped.name));
            }
            self.of_log(note, origin)?;
            Ok(stored)
        };
        let stored = match judged() {
            Ok(stored) => stored,
            Err(why) => return Ok(Err(why)),
        };
        // The answer last: it is what makes the other count.
        self.to.replace(&format!("{path}.checkpoint"), &stored.checkpoint.0)?;
        self.to.add(&format!("{path}.tsr"), &stored.response.0)?;
        Ok(Ok(()))
    }

    fn cosignature(
        &mut self,
        number: u64,
        origin: &str,
        name: &CosignatureName,
        path: &str,
    ) -> Outcome<Result<(), String>> {
        let answer = if_there(self.client.get(&paths::log_cosignature(self.site, number, name), MAX_NOTE as u64));
        let answer = answer.map_err(|e| failed("cannot ask for a cosigned checkpoint", &self.client, &e))?;
        // A newer one of its witness has taken its place meanwhile.
        let Some(note) = answer else { return Ok(Ok(())) };
        let judged = || {
            self.of_log(&note, origin)?;
            let parsed = Note::parse(&note).map_err(|e| e.to_string())?;
            let witnesses = witnesses(self.chain.newest());
            let witness = witnesses.iter().find(|witness| witness.cosigner() == name.witness);
            let at = witness.and_then(|witness| Some(CosignatureName::new(witness, witness.cosigned(&parsed)?)));
            if at == Some(*name) { Ok(()) } else { Err("it has no such cosignature that holds".to_owned()) }
        };
        match judged() {
            Ok(()) => self.to.add(path, &note).map(Ok),
            Err(why) => Ok(Err(why)),
        }
    }

    /// Whether a note is a checkpoint of a log. Whether that is a beginning of what is here, `writ audit verify` says.
    fn of_log(&self, note: &[u8], origin: &str) -> Result<(), String> {
        let keys = log_keys_ever(&self.chain, self.site);
        SignedCheckpoint::verify(note, origin, &keys).map(drop).map_err(|e| e.to_string())
    }
}
