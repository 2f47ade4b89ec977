//! Profiles: the links that say which system a machine keeps.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::tool::{Nix, NixError};

/// Why a profile could not be read or set.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// The link cannot be followed.
    #[error("profile {}: cannot be read: {source}", path.display())]
    Unreadable {
        /// The profile.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The profile's folder cannot be made, or the profile cannot be removed.
    #[error("profile {}: cannot be changed: {source}", path.display())]
    Unwritable {
        /// The profile.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// `nix-env --set` failed.
    #[error("profile {}: {source}", path.display())]
    Set {
        /// The profile.
        path: PathBuf,
        /// What Nix said.
        source: NixError,
    },
    /// The profile names something else after it was set.
    #[error("profile {} names {found:?} after it was set to {wanted}", path.display())]
    NotSet {
        /// The profile.
        path: PathBuf,
        /// What it was set to.
        wanted: String,
        /// What it names.
        found: Option<String>,
    },
}

/// The store path that a profile names, every link followed; `None` when there is no profile.
pub fn read_profile(profile: &Path) -> Result<Option<String>, ProfileError> {
    match fs::canonicalize(profile) {
        Ok(target) => Ok(Some(target.to_string_lossy().into_owned())),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(ProfileError::Unreadable { path: profile.to_owned(), source }),
    }
}

/// Makes a profile name a system, as a new generation of it unless the newest one is that system already. Durable.
pub fn set_profile(nix: &Nix, profile: &Path, toplevel: &str) -> Result<(), ProfileError> {
    let unwritable = |source| ProfileError::Unwritable { path: profile.to_owned(), source };
    let folder = profile.parent().unwrap_or(Path::new("/"));
    writ_durable::create_directories(folder).map_err(unwritable)?;
    if read_profile(profile)?.as_deref() != Some(toplevel) {
        let arguments = ["-p".as_ref(), profile.as_os_str(), "--set".as_ref(), toplevel.as_ref()];
        nix.run("nix-env", &arguments).map_err(|source| ProfileError::Set { path: profile.to_owned(), source })?;
    }
    writ_durable::sync_directory(folder).map_err(unwritable)?;
    match read_profile(profile)? {
        Some(found) if found == toplevel => Ok(()),
        found => Err(ProfileError::NotSet { path: profile.to_owned(), wanted: toplevel.to_owned(), found }),
    }
}

/// Removes a profile and its generations, if it names this system: the machine had none before it. Durable.
pub fn remove_profile(profile: &Path, toplevel: &str) -> Result<(), ProfileError> {
    if read_profile(profile)?.as_deref() != Some(toplevel) {
        return Ok(());
    }
    let unwritable = |source| ProfileError::Unwritable { path: profile.to_owned(), source };
    let generation = fs::read_link(profile).map_err(unwritable)?;
    writ_durable::remove(profile).map_err(unwritable)?;
    // `profile -> profile-1-link`: only a plain name beside the profile is a generation of it.
    if generation.components().count() == 1 {
        writ_durable::remove(&profile.with_file_name(generation)).map_err(unwritable)?;
    }
    Ok(())
}
