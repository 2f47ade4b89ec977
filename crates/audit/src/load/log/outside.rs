//! What others than the log say of when it had come to what: timestamps by authorities (RFC 3161) and cosignatures of witnesses,
//! beside the log in `timestamps/` and `cosignatures/`.
//!
//! Whoever has the log's key can date back what it says itself. These have other keys, which the newest trust root lists.

use std::collections::BTreeSet;

use writ_trust::log::checkpoint::Checkpoint;
use writ_trust::log::note::{MAX_NOTE, Note, NoteKey};
use writ_trust::log::witness::{CosignatureName, witnesses};
use writ_trust::root::TimestampAuthority;
use writ_trust::root_chain::TrustChain;
use writ_trust::time::Time;
use writ_trust::timestamp::{MAX_RESPONSE, Stamped, TimestampError, TimestampName, Token};

use crate::folder::{Entry, EntryKind, Folder};
use crate::load::{directory, entries, path_in, read, stray};
use crate::problem::{Code, Problems};

/// The folder of timestamps.
pub const TIMESTAMPS: &str = "timestamps";
/// The folder of cosigned checkpoints.
pub const COSIGNATURES: &str = "cosignatures";

/// What follows when one does not hold.
const CONSEQUENCE: &str = "it does not show when anything was logged";

/// Who said it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// An authority of time.
    Timestamp,
    /// A witness.
    Cosignature,
}

/// That a log had come to a checkpoint by a time, by the word of somebody who is not the log.
#[derive(Debug, Clone)]
pub struct Said {
    /// By when.
    pub by: Time,
    /// The time in it: `by` also has how far that may be off.
    pub at: Time,
    /// Who said it.
    pub sort: Sort,
    /// What the trust root calls them.
    pub who: String,
    /// What they saw.
    pub checkpoint: Checkpoint,
    /// Where it is.
    pub path: String,
}

/// Judges a note: the checkpoint in it, if it is one of this log, signed by a key that ever could.
pub type JudgeNote<'j> = &'j mut dyn FnMut(&[u8]) -> Result<Checkpoint, (Code, String)>;

/// Whom the trust roots list.
pub struct Outsiders {
    authorities: Vec<TimestampAuthority>,
    /// Those of earlier roots that the newest does not list.
    dropped: Vec<TimestampAuthority>,
    /// The witnesses of the newest root.
    pub witnesses: Vec<NoteKey>,
}

impl Outsiders {
    /// Those of a chain.
    pub fn of(chain: &TrustChain) -> Self {
        let authorities = chain.newest().timestamp_authorities.clone();
        let mut dropped: Vec<TimestampAuthority> = Vec::new();
        for one in chain.roots().flat_map(|root| &root.timestamp_authorities) {
            let known = |other: &TimestampAuthority| other.certificate == one.certificate;
            if !authorities.iter().any(known) && !dropped.iter().any(known) {
                dropped.push(one.clone());
            }
        }
        Self { authorities, dropped, witnesses: witnesses(chain.newest()) }
    }

    /// Whether the newest root lists an authority of time.
    pub fn has_authorities(&self) -> bool {
        !self.authorities.is_empty()
    }

    /// Reads what is beside a log, and judges it.
    pub fn read(&self, log: &Folder, path: &str, judge: JudgeNote, problems: &mut Problems) -> Vec<Said> {
        let mut said = Vec::new();
        for (name, of) in [(TIMESTAMPS, Self::timestamps as Reading), (COSIGNATURES, Self::cosignatures)] {
            let path = path_in(path, name);
            if let Some(folder) = directory(log, &path, name, problems) {
                of(self, &folder, &path, judge, problems, &mut said);
            }
        }
        said
    }

    fn timestamps(&self, folder: &Folder, path: &str, judge: JudgeNote, problems: &mut Problems, said: &mut Vec<Said>) {
        let all = entries(folder, path, problems);
        let names: BTreeSet<&str> = all.iter().map(|entry| entry.name.as_str()).collect();
        for entry in &all {
            let Entry { name, kind } = entry;
            let answer = name.strip_suffix(".tsr").and_then(|name| name.parse::<TimestampName>().ok());
            let covered = name.strip_suffix(".checkpoint").filter(|name| name.parse::<TimestampName>().is_ok());
            match (answer, covered) {
                (Some(stamp), _) if *kind == EntryKind::File => {
                    let place = path_in(path, name);
                    let Some(response) = read(folder, &place, name, MAX_RESPONSE, problems) else { continue };
                    let own = format!("{stamp}.checkpoint");
                    let Some(note) = read(folder, &path_in(path, &own), &own, MAX_NOTE, problems) else {
                        if !names.contains(own.as_str()) {
                            problems.bad(
                                Code::Missing,
                                &path_in(path, &own),
                                "what was stamped is not here",
                                CONSEQUENCE,
                            );
                        }
                        continue;
                    };
                    said.extend(self.timestamp(&place, &stamp, &note, &response, judge, problems));
                }
                (_, Some(own)) if *kind == EntryKind::File && names.contains(format!("{own}.tsr").as_str()) => {}
                _ => stray(entry, path, problems),
            }
        }
    }

    fn timestamp(
        &self,
        place: &str,
        name: &TimestampName,
        note: &[u8],
        response: &[u8],
        judge: JudgeNote,
        problems: &mut Problems,
    ) -> Option<Said> {
        let token = match Token::parse(response) {
            Ok(token) => token,
            Err(error) => return told(problems, Code::TokenForged, place, error),
        };
        let stamped = match token.verify(note, &self.authorities) {
            Ok(stamped) if stamped.name == *name => stamped,
            Ok(Stamped { name, .. }) => {
                return told(problems, Code::TokenForged, place, format!("it is {name}, under another name"));
            }
            Err(error @ TimestampError::UnknownAuthority) => {
                let dropped = token.verify(note, &self.dropped);
                let so = "it does not count: nobody whom you trust says when";
                match dropped {
                    Ok(Stamped { authority, .. }) => {
                        let what = format!("it is by {authority}, which the newest trust root lists no more");
                        problems.note(Code::TokenUnknownAuthority, place, what, so);
                    }
                    Err(_) if self.authorities.is_empty() => {
                        let what = format!("{error}; it lists none");
                        problems.note(Code::TokenUnknownAuthority, place, what, so);
                    }
                    Err(_) => problems.bad(Code::TokenUnknownAuthority, place, error, so),
                }
                return None;
            }
            Err(error) => return told(problems, Code::TokenForged, place, error),
        };
        match judge(note) {
            Ok(checkpoint) => {
                let Stamped { at, by, authority: who, .. } = stamped;
                Some(Said { by, at, sort: Sort::Timestamp, who, checkpoint, path: place.to_owned() })
            }
            Err((code, what)) => told(problems, code, place, format!("what was stamped: {what}")),
        }
    }

    fn cosignatures(
        &self,
        folder: &Folder,
        path: &str,
        judge: JudgeNote,
        problems: &mut Problems,
        said: &mut Vec<Said>,
    ) {
        for entry in entries(folder, path, problems) {
            let named = entry.name.strip_suffix(".checkpoint").and_then(|name| name.parse::<CosignatureName>().ok());
            let Some(name) = named.filter(|_| entry.kind == EntryKind::File) else {
                stray(&entry, path, problems);
                continue;
            };
            let place = path_in(path, &entry.name);
            let Some(note) = read(folder, &place, &entry.name, MAX_NOTE, problems) else { continue };
            said.extend(self.cosignature(&place, &name, &note, judge, problems));
        }
    }

    fn cosignature(
        &self,
        place: &str,
        name: &CosignatureName,
        note: &[u8],
        judge: JudgeNote,
        problems: &mut Problems,
    ) -> Option<Said> {
        let checkpoint = match judge(note) {
            Ok(checkpoint) => checkpoint,
            Err((code, what)) => return told(problems, code, place, what),
        };
        let Some(witness) = self.witnesses.iter().find(|witness| witness.cosigner() == name.witness) else {
            let so = "it does not count: nobody whom you trust says when";
            problems.note(Code::TokenUnknownAuthority, place, "it is by no witness of the newest trust root", so);
            return None;
        };
        let parsed = Note::parse(note).ok()?;
        match witness.cosigned(&parsed) {
            Some(at) if CosignatureName::new(witness, at) == *name => {
                let (sort, who) = (Sort::Cosignature, witness.name().to_owned());
                Some(Said { by: at, at, sort, who, checkpoint, path: place.to_owned() })
            }
            Some(at) => told(problems, Code::TokenForged, place, format!("it is of {at}, under another name")),
            None => told(problems, Code::TokenForged, place, "the cosignature of its witness does not hold"),
        }
    }

    /// The cosignatures on a note of the log whose checkpoint was judged.
    pub fn on_note(&self, note: &[u8], checkpoint: &Checkpoint, path: &str) -> Vec<Said> {
        let Ok(parsed) = Note::parse(note) else { return Vec::new() };
        let held = writ_trust::log::witness::cosigned(&self.witnesses, &parsed);
        let said = held.into_iter().map(|(witness, at)| Said {
            by: at,
            at,
            sort: Sort::Cosignature,
            who: witness.name().to_owned(),
            checkpoint: checkpoint.clone(),
            path: path.to_owned(),
        });
        said.collect()
    }
}

type Reading = fn(&Outsiders, &Folder, &str, JudgeNote, &mut Problems, &mut Vec<Said>);

fn told<T>(problems: &mut Problems, code: Code, place: &str, what: impl std::fmt::Display) -> Option<T> {
    problems.bad(code, place, what, CONSEQUENCE);
    None
}
