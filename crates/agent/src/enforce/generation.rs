//! A generation on this machine's own disk: the release and the documents it names for this appliance.
//!
//! They are copied to `generations/<epoch>-<serial>/` in the state directory, durably and before the floor is raised, so
//! that the folder they came from may vanish. `running` is a link to the one that is obeyed, for people and other tools.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use writ_policy::closure::{Closure, ClosureError};
use writ_policy::policy::{Policy, PolicyError};
use writ_trust::digest::Digest;
use writ_trust::documents::NamedDocumentError;
use writ_trust::ids::{ApplianceId, SiteId};
use writ_trust::json::MAX_DOCUMENT;
use writ_trust::release::{Generation as Entry, Release, ReleaseError};

use super::state::{Point, RunningRef};

/// A release and the exact bytes of its documents for this appliance.
#[derive(Debug, Clone)]
pub struct Documents {
    /// `release.json`.
    pub release: Vec<u8>,
    /// `policy.json`.
    pub policy: Vec<u8>,
    /// `closure.json`, when the generation has one.
    pub closure: Option<Vec<u8>>,
}

/// A generation, read.
#[derive(Debug, Clone)]
pub struct Generation {
    /// The release.
    pub release: Release,
    /// This appliance's entry in it.
    pub entry: Entry,
    /// The digest of the release's exact bytes.
    pub digest: Digest,
    /// The policy; none when this version does not know its schema, which is then named.
    pub policy: Result<Policy, String>,
    /// The closure.
    pub closure: Option<Closure>,
}

/// Why documents are not a generation for this appliance.
#[derive(Debug, thiserror::Error)]
pub enum GenerationError {
    /// A file cannot be read.
    #[error("{}: cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The release is not one.
    #[error("release: {0}")]
    Release(#[from] ReleaseError),
    /// The release has no entry for this appliance.
    #[error("the release has no entry for {0}")]
    NoEntry(ApplianceId),
    /// A document is not the one that the release names.
    #[error(transparent)]
    Named(#[from] NamedDocumentError),
    /// The policy is not one.
    #[error(transparent)]
    Policy(PolicyError),
    /// The policy is another appliance's.
    #[error("policy: it is for {found}, this is {own}")]
    ForeignPolicy {
        /// Site and appliance that it names.
        found: String,
        /// Site and appliance that this is.
        own: String,
    },
    /// The closure is not one.
    #[error(transparent)]
    Closure(#[from] ClosureError),
    /// The stored release is not the one that was accepted.
    #[error("rule resumed-bytes: the stored release has digest {found}, accepted was {accepted}: it was altered")]
    Altered {
        /// The digest of the stored bytes.
        found: Digest,
        /// The digest of what was accepted.
        accepted: Digest,
    },
    /// The closure's system is not the one that the release names.
    #[error("closure: its toplevel is {found}, the release names {expected}")]
    Toplevel {
        /// What the closure says.
        found: String,
        /// What the release says.
        expected: String,
    },
}

impl GenerationError {
    /// The rule that is broken, by name.
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "readable",
            Self::Release(_) => "document",
            Self::NoEntry(_) => "entry",
            Self::Altered { .. } => "resumed-bytes",
            Self::Named(_) => "document-digest",
            Self::Policy(PolicyError::RulesVersion { .. }) => "policy-rules-version",
            Self::Policy(_) => "policy",
            Self::ForeignPolicy { .. } => "policy-appliance",
            Self::Closure(_) => "closure",
            Self::Toplevel { .. } => "closure-toplevel",
        }
    }

    /// Which document it is about.
    pub fn what(&self) -> &'static str {
        match self {
            Self::Policy(_) | Self::ForeignPolicy { .. } => "policy",
            Self::Named(e) if e.to_string().contains("policy") => "policy",
            Self::Closure(_) | Self::Toplevel { .. } | Self::Named(_) => "closure",
            Self::Unreadable { .. } | Self::Release(_) | Self::NoEntry(_) | Self::Altered { .. } => "release",
        }
    }
}

impl Generation {
    /// Judges documents: that they are those the release names, for this appliance, and can be understood. The release's
    /// signatures are not judged here.
    pub fn read(documents: &Documents, site: &SiteId, appliance: &ApplianceId) -> Result<Self, GenerationError> {
        let release = Release::parse(&documents.release)?;
        let entry =
            release.generations.get(appliance).ok_or_else(|| GenerationError::NoEntry(appliance.clone()))?.clone();
        entry.check_documents(&documents.policy, documents.closure.as_deref())?;
        let policy = match Policy::parse(&documents.policy) {
            Ok(policy) => Ok(own(policy, site, appliance)?),
            Err(error @ PolicyError::UnknownSchema { .. }) => Err(error.to_string()),
            Err(error) => return Err(GenerationError::Policy(error)),
        };
        let closure = documents.closure.as_deref().map(Closure::parse).transpose()?;
        if let (Some(closure), Some(named)) = (&closure, &entry.closure)
            && closure.toplevel != named.toplevel.as_str()
        {
            let (found, expected) = (closure.toplevel.clone(), named.toplevel.to_string());
            return Err(GenerationError::Toplevel { found, expected });
        }
        Ok(Self { digest: Digest::of(&documents.release), release, entry, policy, closure })
    }

    /// The system that the release names for this appliance.
    pub fn toplevel(&self) -> Option<&str> {
        self.entry.closure.as_ref().map(|closure| closure.toplevel.as_str())
    }

    /// The point of its release.
    pub fn point(&self) -> Point {
        Point { epoch: self.release.epoch, serial: self.release.serial }
    }

    /// Programs that runbooks may name.
    pub fn programs(&self) -> BTreeMap<String, PathBuf> {
        let programs = self.closure.iter().flat_map(|closure| &closure.programs);
        programs.map(|(symbol, path)| (symbol.clone(), PathBuf::from(path))).collect()
    }
}

fn own(policy: Policy, site: &SiteId, appliance: &ApplianceId) -> Result<Policy, GenerationError> {
    if policy.site == *site && policy.appliance == *appliance {
        return Ok(policy);
    }
    let found = format!("{} of {}", policy.appliance, policy.site);
    Err(GenerationError::ForeignPolicy { found, own: format!("{appliance} of {site}") })
}

/// Where a generation's documents are.
pub fn directory(state_dir: &Path, point: Point) -> PathBuf {
    state_dir.join("generations").join(point.to_string())
}

/// Stores documents durably.
pub fn store(state_dir: &Path, point: Point, documents: &Documents) -> io::Result<()> {
    let directory = directory(state_dir, point);
    writ_durable::create_directories(&directory)?;
    writ_durable::replace(&directory.join("policy.json"), &documents.policy, 0o644)?;
    match &documents.closure {
        Some(closure) => writ_durable::replace(&directory.join("closure.json"), closure, 0o644)?,
        None => writ_durable::remove(&directory.join("closure.json"))?,
    }
    writ_durable::replace(&directory.join("release.json"), &documents.release, 0o644)
}

/// Reads stored documents back.
pub fn load(state_dir: &Path, point: Point) -> Result<Documents, GenerationError> {
    let directory = directory(state_dir, point);
    let read = |name: &str| {
        let path = directory.join(name);
        match writ_durable::read_bounded(&path, MAX_DOCUMENT) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(GenerationError::Unreadable { path, source }),
        }
    };
    let missing = |name: &str| GenerationError::Unreadable {
        path: directory.join(name),
        source: io::Error::from(io::ErrorKind::NotFound),
    };
    Ok(Documents {
        release: read("release.json")?.ok_or_else(|| missing("release.json"))?,
        policy: read("policy.json")?.ok_or_else(|| missing("policy.json"))?,
        closure: read("closure.json")?,
    })
}

/// Removes the documents of earlier generations. Those newer than what is kept stay: they were accepted meanwhile, the floor
/// names them, and their turn comes. What cannot be removed now is removed another time.
pub fn forget_others(state_dir: &Path, keep: &[Point]) {
    let newest = keep.iter().max();
    for name in super::hostile::names(&state_dir.join("generations")) {
        let wanted = |point: Point| keep.contains(&point) || newest.is_some_and(|newest| point > *newest);
        if !super::releases::parse_point(&name).is_some_and(wanted) {
            let _ = std::fs::remove_dir_all(state_dir.join("generations").join(name));
        }
    }
}

/// What the link `running` leads to: for a state that was lost.
pub fn linked(state_dir: &Path) -> Option<RunningRef> {
    let target = std::fs::read_link(state_dir.join("running")).ok()?;
    let release = super::releases::parse_point(target.file_name()?.to_str()?)?;
    let digest = Digest::of(&load(state_dir, release).ok()?.release);
    Some(RunningRef { release, digest, policy: None })
}

/// Makes the link `running` lead to a generation.
pub fn link_running(state_dir: &Path, point: Point) -> io::Result<()> {
    let target = Path::new("generations").join(point.to_string());
    let link = state_dir.join("running");
    if std::fs::read_link(&link).is_ok_and(|found| found == target) {
        return Ok(());
    }
    let temporary = state_dir.join(format!(".running{}", writ_durable::TEMPORARY_SUFFIX));
    let _ = std::fs::remove_file(&temporary);
    std::os::unix::fs::symlink(target, &temporary)?;
    std::fs::rename(&temporary, &link)?;
    writ_durable::sync_directory(state_dir)
}
