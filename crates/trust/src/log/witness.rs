//! Witnesses (C2SP `tlog-cosignature`): somebody else who saw a checkpoint, that it continued what they had seen before, and when.

use std::fmt;
use std::str::FromStr;

use super::note::{Line, Note, NoteKey};
use crate::root::TrustRoot;
use crate::time::Time;

/// The most witnesses whose cosignatures travel with a checkpoint: a note has 64 lines at most.
pub const MOST_WITNESSES: usize = 16;

/// The witnesses that a trust root lists, at most [`MOST_WITNESSES`]. One whose key is of another algorithm cosigns nothing here.
pub fn witnesses(root: &TrustRoot) -> Vec<NoteKey> {
    root.witnesses.iter().filter_map(|text| NoteKey::parse_verifier_key(text)).take(MOST_WITNESSES).collect()
}

/// Who of these cosigned a note, and when: for each the latest time of a cosignature that holds.
pub fn cosigned<'w>(witnesses: &'w [NoteKey], note: &Note) -> Vec<(&'w NoteKey, Time)> {
    witnesses.iter().filter_map(|witness| Some((witness, witness.cosigned(note)?))).collect()
}

/// A note with none of its lines but those of its log and one cosignature of a witness, the latest that holds; and its time.
pub fn only(note: &Note, origin: &str, witness: &NoteKey) -> Option<(String, Time)> {
    let alone = |line: &&Line| {
        let at = witness.cosigned(&Note { text: note.text.clone(), lines: vec![(*line).clone()] });
        at.map(|at| (at, line.text()))
    };
    let mine = note.lines.iter().filter(|line| witness.is_cosignature(line));
    let (at, line) = mine.filter_map(|line| alone(&line)).max()?;
    let own = note.lines.iter().filter(|line| line.name == origin).map(Line::text);
    Some((format!("{}\n{}{line}", note.text, own.collect::<String>()), at))
}

/// The name of a stored checkpoint that a witness cosigned: `<id of the witness>-<seconds since 1970>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CosignatureName {
    /// The four bytes by which notes know the witness's cosignatures.
    pub witness: [u8; 4],
    /// When it cosigned, in seconds since 1970.
    pub seconds: u64,
}

/// Why text is not a [`CosignatureName`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not the name of a cosigned checkpoint: expected 8 hexadecimal digits, a hyphen and a number of seconds")]
pub struct CosignatureNameError;

impl CosignatureName {
    /// The name of a checkpoint that a witness cosigned at a time.
    pub fn new(witness: &NoteKey, at: Time) -> Self {
        Self { witness: witness.cosigner(), seconds: u64::try_from(at.unix_millis() / 1000).unwrap_or(0) }
    }
}

impl fmt::Display for CosignatureName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", crate::digest::hex(&self.witness), self.seconds)
    }
}

impl FromStr for CosignatureName {
    type Err = CosignatureNameError;

    fn from_str(text: &str) -> Result<Self, CosignatureNameError> {
        let (id, seconds) = text.split_once('-').ok_or(CosignatureNameError)?;
        let witness = u32::from_str_radix(id, 16).map_err(|_| CosignatureNameError)?.to_be_bytes();
        let name = Self { witness, seconds: seconds.parse().map_err(|_| CosignatureNameError)? };
        // One spelling: no sign, no capital letters, no leading zeros.
        if name.to_string() == text { Ok(name) } else { Err(CosignatureNameError) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::checkpoint::{Checkpoint, SignedCheckpoint};
    use crate::log::tree::EMPTY_ROOT;
    use crate::minisign::SecretKey;

    fn key(seed: u8) -> SecretKey {
        SecretKey::generate(&[seed; 40])
    }

    #[test]
    fn a_witness_is_known_by_its_key_and_cosigns_under_its_name() {
        let (log, seen) = (key(1), "2026-11-28T12:00:00Z".parse().unwrap());
        let checkpoint = Checkpoint { origin: "log.example/a".to_owned(), size: 0, root: EMPTY_ROOT };
        let signed = SignedCheckpoint::sign(checkpoint.clone(), &log, seen);
        let own = NoteKey::new("witness.example", &key(2).public_key());
        let later = seen.plus_millis(60_000);
        let note = format!("{}{}", signed.note, own.cosign(&checkpoint.text(), &key(2), later));
        for text in [own.cosigner_key(), own.verifier_key()] {
            let read = NoteKey::parse_verifier_key(&text).unwrap();
            assert_eq!((read.name(), read.cosigner_id()), ("witness.example", own.cosigner_id()));
            let parsed = Note::parse(note.as_bytes()).unwrap();
            assert_eq!(cosigned(&[read], &parsed).iter().map(|(_, at)| *at).collect::<Vec<_>>(), [later]);
        }
        // Whoever reads the log's own lines is not disturbed by others.
        let read = SignedCheckpoint::verify(note.as_bytes(), "log.example/a", &[log.public_key()]).unwrap();
        assert_eq!((read.checkpoint, read.fresh_at), (checkpoint.clone(), Some(seen)));
        let stranger = NoteKey::new("witness.example", &key(3).public_key());
        assert!(cosigned(&[stranger], &Note::parse(note.as_bytes()).unwrap()).is_empty());
        for bad in ["", "witness.example", "witness.example+00000000+AAAA", &own.cosigner_key().replace("w", "v")] {
            assert!(NoteKey::parse_verifier_key(bad).is_none(), "{bad}");
        }
        let parsed = Note::parse(note.as_bytes()).unwrap();
        let more = format!("{note}{}", own.cosign(&checkpoint.text(), &key(2), seen));
        let read = only(&Note::parse(more.as_bytes()).unwrap(), "log.example/a", &own);
        assert_eq!(read, Some((note.clone(), later)));
        assert_eq!(only(&parsed, "log.example/a", &NoteKey::new("other", &key(2).public_key())), None);
        let name = CosignatureName::new(&own, later);
        assert_eq!(name.to_string(), format!("{}-{}", own.cosigner_id(), later.unix_millis() / 1000));
        assert_eq!(name.to_string().parse(), Ok(name));
        for bad in ["", "0000000a", "0000000A-1", "0000000a-01", "0000000a-+1", "+000000a-1", "a-1"] {
            assert!(bad.parse::<CosignatureName>().is_err(), "{bad}");
        }
        let lines = Note::parse(note.as_bytes()).unwrap().lines;
        assert_eq!(
            lines.iter().map(super::super::note::Line::text).collect::<String>(),
            note.split_once("\n\n").unwrap().1
        );
    }
}
