//! What a check finds: a code, a place, what is wrong, and what follows from it.

use serde::Serialize;
use writ_trust::text::one_line;

/// The most problems that are listed; further ones are counted.
const MOST: usize = 10_000;

/// The sort of a problem. Programs may rely on these words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Code {
    /// The database finds its file damaged.
    DatabaseDamaged,
    /// Tables or triggers are not those that this program makes.
    SchemaAltered,
    /// The chain of trust roots does not hold.
    RootBroken,
    /// A release is not what its signers signed.
    ReleaseBroken,
    /// A bundle is not what its digest says.
    EvidenceAltered,
    /// A bundle is not signed by its key.
    EvidenceUnsigned,
    /// A bundle is of a key that no release names.
    EvidenceUnknownKey,
    /// No log has a bundle.
    EvidenceUnlogged,
    /// An entry of a log does not go with what it names.
    EntryBroken,
    /// The entries of a log do not come to the root that was signed.
    LogRoot,
    /// The head of a log is not signed by a key that may.
    CheckpointUnsigned,
    /// The files of a log are not those of its entries.
    LogFiles,
    /// A timestamp or a cosignature is not of its log, or not what its name says.
    TimestampBroken,
    /// A document that a release names is not here.
    DocumentMissing,
    /// A document is not what its name says.
    DocumentAltered,
    /// A store path of a release that is active has no narinfo.
    NarinfoMissing,
    /// A narinfo does not say what the closure says.
    NarinfoBroken,
    /// The NAR that a narinfo names is not here.
    NarMissing,
    /// A NAR is not what its narinfo says.
    NarAltered,
    /// The list of what is in a NAR is not here.
    ListingMissing,
    /// A batch of logs is not here.
    BatchMissing,
    /// A batch of logs is not what its name says.
    BatchAltered,
    /// Something cannot be read.
    Unreadable,
    /// What an interrupted write left.
    TemporaryFile,
    /// A file that belongs to nothing.
    StrayFile,
    /// At this rate the disk is full within two days.
    DiskFilling,
}

/// How much a problem weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Weight {
    /// An original is lost or changed: it is made good from a backup or by whoever has it.
    Damage,
    /// What is derived is not right: `--repair` makes it again.
    Derived,
    /// Nothing is lost by it.
    Note,
}

impl Code {
    /// How much it weighs.
    pub fn weight(self) -> Weight {
        match self {
            Self::LogFiles | Self::ListingMissing => Weight::Derived,
            Self::TemporaryFile | Self::StrayFile | Self::EvidenceUnlogged | Self::DiskFilling => Weight::Note,
            _ => Weight::Damage,
        }
    }

    /// What follows from it.
    pub fn consequence(self) -> &'static str {
        match self {
            Self::DatabaseDamaged => {
                "whatever is in it is doubtful: restore the newest backup, appliances send what is missing"
            }
            Self::SchemaAltered => "what should refuse changes may not: find out who changed it, and restore a backup",
            Self::RootBroken => "no signature can be judged, and the depot does not start: restore a backup",
            Self::ReleaseBroken => "appliances refuse it: restore a backup",
            Self::EvidenceAltered | Self::EvidenceUnsigned => {
                "auditors will refuse it: `writ-depot mend` puts it back out of an archive or an audit folder; or restore a backup"
            }
            Self::EvidenceUnknownKey => "nobody can say whose it is",
            Self::EvidenceUnlogged => "it has no receipt yet: its appliance sends it again once the site's log grows",
            Self::EntryBroken => "the log names what is not here: restore a backup",
            Self::LogRoot => "the log cannot be proven, and the depot does not start: restore a backup",
            Self::CheckpointUnsigned => {
                "nobody accepts the head of the log: restart the depot with a log key that counts"
            }
            Self::LogFiles => "readers of the log are told wrongly: --repair, or the next start, makes them again",
            Self::TimestampBroken => "auditors will refuse it, and rely on the next one: copy it from a backup",
            Self::DocumentMissing | Self::DocumentAltered => {
                "appliances cannot take the release, nor auditors judge it: copy it from a backup or the releases folder"
            }
            Self::NarinfoMissing | Self::NarinfoBroken | Self::NarMissing | Self::NarAltered => {
                "appliances cannot fetch the system: copy it from a backup, or push it to the cache again"
            }
            Self::ListingMissing => "nothing but a view of the NAR: --repair makes it again",
            Self::BatchMissing | Self::BatchAltered => "what the logs said then is not known: copy it from a backup",
            Self::Unreadable => "nothing is known of it",
            Self::TemporaryFile => "room is taken: --repair, gc and the next start remove it",
            Self::StrayFile => "room is taken: find out whose it is; nothing of this program uses it",
            Self::DiskFilling => "then the depot stores nothing more: make room, or give it a larger disk",
        }
    }
}

/// Something that was found.
#[derive(Debug, Clone, Serialize)]
pub struct Problem {
    /// How much it weighs.
    pub weight: Weight,
    /// Its sort.
    pub code: Code,
    /// Where: a path below the data directory, for what is in the database after a colon.
    pub path: String,
    /// What is wrong, in one line.
    pub what: String,
    /// What follows from it, in one line.
    pub consequence: &'static str,
    /// Whether it was made good.
    pub repaired: bool,
}

/// Everything that was found, in the order in which it was.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Problems {
    /// The first of them.
    pub list: Vec<Problem>,
    /// How many are damage.
    pub damage: u64,
    /// How many are of derived files, and not made good.
    pub derived: u64,
    /// How many lose nothing.
    pub notes: u64,
}

impl Problems {
    /// Adds one.
    pub fn add(&mut self, code: Code, path: impl std::fmt::Display, what: impl std::fmt::Display) {
        self.put(code, path, what, false);
    }

    /// Adds one that was made good.
    pub fn repaired(&mut self, code: Code, path: impl std::fmt::Display, what: impl std::fmt::Display) {
        self.put(code, path, what, true);
    }

    fn put(&mut self, code: Code, path: impl std::fmt::Display, what: impl std::fmt::Display, repaired: bool) {
        let (weight, consequence) = (code.weight(), code.consequence());
        match weight {
            _ if repaired => {}
            Weight::Damage => self.damage += 1,
            Weight::Derived => self.derived += 1,
            Weight::Note => self.notes += 1,
        }
        if self.list.len() < MOST {
            let (path, what) = (one_line(path), one_line(what));
            self.list.push(Problem { weight, code, path, what, consequence, repaired });
        }
    }
}
