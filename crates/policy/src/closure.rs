//! The closure document: every store path a generation's system is made of.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use writ_trust::digest::Digest;
use writ_trust::json::{self, JsonError, MAX_DOCUMENT};
use writ_trust::store_path;

/// The schema this crate reads.
pub const SCHEMA: &str = "writ.closure.v1";

/// One store path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StorePath {
    /// The path, `<store_dir>/<32 base-32 digits>-<name>`.
    pub path: String,
    /// SHA-256 of its NAR serialisation.
    pub nar_hash: Digest,
    /// Size of its NAR serialisation, in bytes.
    pub nar_size: u64,
    /// The store paths it refers to, itself possibly among them.
    pub references: Vec<String>,
}

/// The closure of one generation's system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Closure {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// The system: one of `paths`.
    pub toplevel: String,
    /// The store, normally `/nix/store`.
    pub store_dir: String,
    /// Every path, closed under references.
    pub paths: Vec<StorePath>,
    /// Programs that runbooks may name: symbol to an absolute path within one of `paths`.
    pub programs: BTreeMap<String, String>,
}

/// Why bytes are not a closure document.
#[derive(Debug, thiserror::Error)]
pub enum ClosureError {
    /// The bytes are not the document.
    #[error("closure: {0}")]
    Malformed(#[from] JsonError),
    /// The document carries another schema.
    #[error("closure: schema {0:?} is not {SCHEMA:?}")]
    UnknownSchema(String),
    /// A path is not a store path of `store_dir`.
    #[error("closure: {0:?} is not a path of the store")]
    NotAStorePath(String),
    /// A path is listed twice.
    #[error("closure: {0:?} is listed twice")]
    Repeated(String),
    /// A reference, or the toplevel, is not in the list.
    #[error("closure: {0:?} is needed but not in the list of paths")]
    NotClosed(String),
    /// A program is not within a listed path, or its path is not plain.
    #[error("closure: program {symbol:?} is {path:?}, which is not within a listed path")]
    ProgramOutside {
        /// The program's symbol.
        symbol: String,
        /// Where it would be.
        path: String,
    },
}

impl Closure {
    /// Reads a closure document: strict JSON of at most 4 MiB, closed under references, programs within it.
    pub fn parse(bytes: &[u8]) -> Result<Self, ClosureError> {
        let closure: Self = json::parse(bytes, MAX_DOCUMENT)?;
        closure.validate()?;
        Ok(closure)
    }

    /// Checks what the types cannot: see [`ClosureError`].
    pub fn validate(&self) -> Result<(), ClosureError> {
        if self.schema != SCHEMA {
            return Err(ClosureError::UnknownSchema(self.schema.chars().take(60).collect()));
        }
        let mut listed = BTreeSet::new();
        for path in &self.paths {
            if !self.is_store_path(&path.path) {
                return Err(ClosureError::NotAStorePath(path.path.clone()));
            }
            if !listed.insert(path.path.as_str()) {
                return Err(ClosureError::Repeated(path.path.clone()));
            }
        }
        let needed = self.paths.iter().flat_map(|p| &p.references).chain([&self.toplevel]);
        if let Some(missing) = needed.into_iter().find(|p| !listed.contains(p.as_str())) {
            return Err(ClosureError::NotClosed(missing.clone()));
        }
        for (symbol, path) in &self.programs {
            let plain = path.split('/').skip(1).all(|part| !matches!(part, "" | "." | ".."));
            let inside = listed
                .iter()
                .any(|p| path.strip_prefix(p).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')));
            if !plain || !inside {
                return Err(ClosureError::ProgramOutside { symbol: symbol.clone(), path: path.clone() });
            }
        }
        Ok(())
    }

    fn is_store_path(&self, path: &str) -> bool {
        path.parse::<store_path::StorePath>().is_ok_and(|path| path.store_dir() == self.store_dir)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(store_dir: &str, path: &str) -> Result<(), ClosureError> {
        let listed = StorePath { path: path.into(), nar_hash: Digest::of(b""), nar_size: 0, references: vec![] };
        let (schema, programs) = (SCHEMA.into(), BTreeMap::new());
        let (toplevel, store_dir) = (path.into(), store_dir.into());
        Closure { schema, toplevel, store_dir, paths: vec![listed], programs }.validate()
    }

    #[test]
    fn only_paths_of_its_own_store_are_store_paths() {
        let name = "0123456789abcdfghijklmnpqrsvwxyz-system";
        one("/nix/store", &format!("/nix/store/{name}")).unwrap();
        for (store_dir, path) in [
            ("/nix/store", format!("/other/store/{name}")),
            ("/nix/store", format!("/nix/store/{name}/bin")),
            ("/nix/store", format!("/nix/store/{}-", &name[..32])),
            ("/nix/store", format!("/nix/store/{}-.system", &name[..32])),
            ("/nix/../etc", format!("/nix/../etc/{name}")),
            ("", format!("/{name}")),
            ("store", format!("store/{name}")),
        ] {
            let result = one(store_dir, &path);
            assert!(matches!(result, Err(ClosureError::NotAStorePath(_))), "{path}: {result:?}");
        }
    }
}
