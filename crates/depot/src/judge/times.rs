//! Judging what others say of when a log had come to what: by the authorities and witnesses of the newest root, and by the log
//! itself. The depot asks nobody; whoever brings it is of no importance.

use writ_trust::ids::SiteId;
use writ_trust::log::checkpoint::{Checkpoint, SignedCheckpoint, log_keys_ever};
use writ_trust::log::note::Note;
use writ_trust::log::proof;
use writ_trust::log::tile::TileNodes;
use writ_trust::log::tree::EMPTY_ROOT;
use writ_trust::log::witness::{self, CosignatureName};
use writ_trust::time::Time;
use writ_trust::timestamp::{TimestampError, TimestampName, Token};
use writ_wire::timestamp::Timestamp;

use super::refused;
use crate::depot::Depot;
use crate::fault::Fault;
use crate::sitelog::LogFiles;

/// How far ahead of this machine's clock a time may be, in milliseconds: 10 minutes.
const AHEAD_MILLIS: i64 = 10 * 60_000;
/// How old a time may be when it comes, in milliseconds: a day.
const OLDEST_MILLIS: i64 = 86_400_000;
/// How old the log's word of being at its head may be when it is stamped, in milliseconds: 2 hours. It is renewed every hour.
/// Otherwise a stranger could have an old checkpoint stamped every day in place of the newest.
const STALE_MILLIS: i64 = 2 * 3_600_000;

/// A timestamp that may be stored.
#[derive(Debug, Clone)]
pub struct JudgedTimestamp {
    /// Which of the site's logs it is of.
    pub number: u64,
    /// Its name.
    pub name: TimestampName,
    /// What the trust root calls the authority.
    pub authority: String,
    /// How many entries it covers.
    pub size: u64,
}

/// A cosigned checkpoint that may be stored.
#[derive(Debug, Clone)]
pub struct JudgedCosignature {
    /// Which of the site's logs it is of.
    pub number: u64,
    /// Its name.
    pub name: CosignatureName,
    /// What the witness calls itself.
    pub witness: String,
    /// The note that is stored: the log's lines, and behind them the witness's.
    pub note: String,
}

/// Judges a timestamp of a checkpoint of one of the site's logs.
pub fn timestamp(depot: &Depot, site: &SiteId, came: &Timestamp, now: Time) -> Result<JudgedTimestamp, Fault> {
    let note = &came.checkpoint.0;
    let token = Token::parse(&came.response.0).map_err(refused)?;
    let (number, signed) = own(depot, site, note)?;
    let directory = depot.directory();
    let stamped = token.verify(note, &directory.chain.newest().timestamp_authorities).map_err(|error| match error {
        TimestampError::UnknownAuthority => Fault::Forbidden(error.to_string()),
        other => refused(other),
    })?;
    plausible(stamped.at, now)?;
    if signed.fresh_at.is_none_or(|at| stamped.at.millis_since(at) > STALE_MILLIS) {
        return Err(refused("the checkpoint was not the newest any more when it was stamped: stamp the newest one"));
    }
    let (name, authority, size) = (stamped.name, stamped.authority, signed.checkpoint.size);
    Ok(JudgedTimestamp { number, name, authority, size })
}

/// Judges a checkpoint of one of the site's logs with cosignatures: one for each witness of the newest root that cosigned it.
pub fn cosignatures(depot: &Depot, site: &SiteId, note: &[u8], now: Time) -> Result<Vec<JudgedCosignature>, Fault> {
    let (number, signed) = own(depot, site, note)?;
    let parsed = Note::parse(note).map_err(refused)?;
    let directory = depot.directory();
    let witnesses = witness::witnesses(directory.chain.newest());
    let mut found = Vec::new();
    for witness in &witnesses {
        let Some((note, at)) = witness::only(&parsed, &signed.checkpoint.origin, witness) else { continue };
        plausible(at, now)?;
        let (name, witness) = (CosignatureName::new(witness, at), witness.name().to_owned());
        found.push(JudgedCosignature { number, name, witness, note });
    }
    match found.is_empty() {
        true => Err(Fault::Forbidden("no witness of the newest trust root cosigned it".to_owned())),
        false => Ok(found),
    }
}

fn plausible(at: Time, now: Time) -> Result<(), Fault> {
    let age = now.millis_since(at);
    if (-AHEAD_MILLIS..=OLDEST_MILLIS).contains(&age) {
        return Ok(());
    }
    Err(refused(format!("it is of {at}, and here it is {now}: one of the two clocks is wrong, or it comes too late")))
}

/// The log that a checkpoint is of, if it is a state of it: signed by its key, and a beginning of what is here.
fn own(depot: &Depot, site: &SiteId, note: &[u8]) -> Result<(u64, SignedCheckpoint), Fault> {
    let text = Note::parse(note).map_err(refused)?.text;
    let origin = Checkpoint::parse(&text).map_err(refused)?.origin;
    let directory = depot.directory();
    let position = directory.chain.newest().origins(site).iter().position(|known| *known == origin);
    let number = position.map(|position| position as u64 + 1);
    let head = number.and_then(|number| depot.heads.number(site, number)).ok_or(Fault::NotFound)?;
    let signed = SignedCheckpoint::verify(note, &origin, &log_keys_ever(&directory.chain, site))
        .map_err(|error| Fault::Forbidden(error.to_string()))?;
    let Checkpoint { size, root, .. } = signed.checkpoint;
    if size > head.size {
        return Err(Fault::Conflict(format!("it is of {size} entries, and the log has {}", head.size)));
    }
    let files = LogFiles::new(depot.folders.log(site, head.number));
    let here = match size {
        0 => EMPTY_ROOT,
        _ => proof::root_at(&mut TileNodes::new(files, head.size), size)?,
    };
    if here != root {
        let what = format!("the log's key signed another history of {size} entries of {origin}");
        tracing::error!(%site, "{what}: whoever has that checkpoint was shown a log that is not this one");
        return Err(Fault::Conflict(what));
    }
    Ok((head.number, signed))
}
