//! What an audit finds wrong: a code, a place, what is wrong, and what follows from it.

use std::fmt;

use serde::Serialize;
use writ_trust::text::one_line;

/// The sort of a problem. Programs may rely on these words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Code {
    /// Bytes and signature, or bytes and digest, do not fit: one of them was changed.
    Altered,
    /// Something that others name is not there.
    Missing,
    /// Not enough signatures.
    Unsigned,
    /// Two histories: one number, two contents.
    Forked,
    /// Signed by a key that no verified release names for this appliance.
    UnknownKey,
    /// Signed by a key that was revoked, and nothing proves that it was signed before.
    Revoked,
    /// Numbers, dates or releases in the wrong order.
    OutOfOrder,
    /// Signed, but not what it should be.
    Malformed,
    /// It speaks for another site or appliance.
    Foreign,
    /// What it says does not agree with the signed policy.
    NotAsOrdered,
    /// A symbolic link, a device, something too large or unreadable: never opened.
    Unreadable,
    /// A file that belongs to nothing.
    Unexpected,
    /// Written in a schema that this version does not know.
    UnknownSchema,
    /// Removed by the appliance itself to stay within its disk budget, and said so.
    Thinned,
    /// Not here, and kept for as long as the signed policies say.
    PastRetention,
    /// The appliance was installed anew.
    Reimaged,
    /// No log of the site holds it.
    Unlogged,
    /// A log holds it twice.
    Repeated,
    /// A log was lost, and another took over.
    Restarted,
    /// A timestamp or a cosignature does not hold, or is of something else.
    TokenForged,
    /// A timestamp or a cosignature by somebody whom the newest trust root does not list.
    TokenUnknownAuthority,
    /// No timestamp of a log, or of a day of it, where the trust root lists authorities.
    TokenMissing,
    /// Logged after the newest word of anybody but the log, or a checkpoint that was given and that nothing here can be held
    /// against.
    NotCovered,
    /// A log ends before what others saw of it.
    Truncated,
    /// An appliance's clock was not as it should be, by its own word or by the times that its log gives.
    ClockDoubtful,
    /// The first trust root was taken from the folder that is being judged.
    Unpinned,
}

impl Code {
    /// The word that reports write.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Altered => "altered",
            Self::Missing => "missing",
            Self::Unsigned => "unsigned",
            Self::Forked => "forked",
            Self::UnknownKey => "unknown-key",
            Self::Revoked => "revoked",
            Self::OutOfOrder => "out-of-order",
            Self::Malformed => "malformed",
            Self::Foreign => "foreign",
            Self::NotAsOrdered => "not-as-ordered",
            Self::Unreadable => "unreadable",
            Self::Unexpected => "unexpected",
            Self::UnknownSchema => "unknown-schema",
            Self::Thinned => "thinned",
            Self::PastRetention => "past-retention",
            Self::Reimaged => "reimaged",
            Self::Unlogged => "unlogged",
            Self::Repeated => "repeated",
            Self::Restarted => "restarted",
            Self::TokenForged => "token-forged",
            Self::TokenUnknownAuthority => "token-unknown-authority",
            Self::TokenMissing => "token-missing",
            Self::NotCovered => "not-covered",
            Self::Truncated => "truncated",
            Self::ClockDoubtful => "clock-doubtful",
            Self::Unpinned => "unpinned",
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How much a problem weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Weight {
    /// The folder does not verify.
    Bad,
    /// Not wrong by itself, but whoever reads the result must know it.
    Note,
}

/// Something that is wrong, or must be known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// How much it weighs.
    pub weight: Weight,
    /// Its sort.
    pub code: Code,
    /// Where, relative to the audit folder.
    pub path: String,
    /// What is wrong, in one line.
    pub what: String,
    /// What follows from it, in one line.
    pub consequence: String,
}

/// The most problems that are kept; further ones are only counted.
pub const MAX_PROBLEMS: usize = 1000;

/// The problems found so far, in the order in which they were found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Problems {
    /// The first of them.
    pub list: Vec<Problem>,
    /// How many are bad.
    pub bad: usize,
    /// How many are notes.
    pub notes: usize,
}

impl Problems {
    /// Adds one that makes the folder bad.
    pub fn bad(&mut self, code: Code, path: &str, what: impl fmt::Display, consequence: impl fmt::Display) {
        self.bad += 1;
        self.push(Weight::Bad, code, path, what, consequence);
    }

    /// Adds one that must be known.
    pub fn note(&mut self, code: Code, path: &str, what: impl fmt::Display, consequence: impl fmt::Display) {
        self.notes += 1;
        self.push(Weight::Note, code, path, what, consequence);
    }

    fn push(
        &mut self,
        weight: Weight,
        code: Code,
        path: &str,
        what: impl fmt::Display,
        consequence: impl fmt::Display,
    ) {
        if self.list.len() < MAX_PROBLEMS {
            // What is quoted may come from an enemy: one line, no control characters.
            self.list.push(Problem {
                weight,
                code,
                path: one_line(path),
                what: one_line(what),
                consequence: one_line(consequence),
            });
        }
    }

    /// The first bad one.
    pub fn first_bad(&self) -> Option<&Problem> {
        self.list.iter().find(|p| p.weight == Weight::Bad)
    }

    /// Adds all of another list.
    pub fn extend(&mut self, other: Self) {
        self.bad += other.bad;
        self.notes += other.notes;
        let room = MAX_PROBLEMS.saturating_sub(self.list.len());
        self.list.extend(other.list.into_iter().take(room));
    }
}
