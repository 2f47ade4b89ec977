//! The closure of a system, as this machine's store has it.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use nix_derivation::NixHash;
use serde_json::Value;
use writ_policy::closure::{self, Closure, ClosureError, StorePath};
use writ_trust::digest::Digest;
use writ_trust::json::{self, JsonError, MAX_DOCUMENT};

use crate::tool::{Nix, NixError};

/// The store of every machine that Writ manages.
pub const STORE_DIR: &str = "/nix/store";
/// The file of a system that names its programs: symbol to path.
pub const PROGRAMS: &str = "programs.json";

/// Why a closure could not be read off the store.
#[derive(Debug, thiserror::Error)]
pub enum ClosureOfError {
    /// The path does not lead into the store.
    #[error("{}: not a path of {STORE_DIR}: {reason}", path.display())]
    NotInStore {
        /// The path.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// Nix does not know the path.
    #[error(transparent)]
    Nix(#[from] NixError),
    /// What Nix answered is not understood.
    #[error("nix path-info answered what this version does not understand: {0}")]
    Answer(String),
    /// `programs.json` of the system is not a map from symbols to paths.
    #[error("{}: {reason}", path.display())]
    Programs {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The closure is not one that a document may hold.
    #[error(transparent)]
    Invalid(#[from] ClosureError),
}

/// The closure of a system in the store, with its programs. `system` may be a link to it (`result`, a profile).
pub fn closure_of(nix: &Nix, system: &Path) -> Result<Closure, ClosureOfError> {
    let toplevel = store_path_of(system)?;
    let mut paths = path_infos(nix, &toplevel)?;
    paths.sort_by(|a, b| a.path.cmp(&b.path));
    let programs = read_programs(&Path::new(&toplevel).join(PROGRAMS))?;
    let closure =
        Closure { schema: closure::SCHEMA.to_owned(), toplevel, store_dir: STORE_DIR.to_owned(), paths, programs };
    closure.validate()?;
    Ok(closure)
}

fn store_path_of(system: &Path) -> Result<String, ClosureOfError> {
    let refuse = |reason: String| ClosureOfError::NotInStore { path: system.to_owned(), reason };
    let real = std::fs::canonicalize(system).map_err(|e| refuse(e.to_string()))?;
    let text = real.to_str().ok_or_else(|| refuse("not UTF-8".into()))?;
    text.parse::<writ_trust::store_path::StorePath>().map_err(|e| refuse(e.to_string()))?;
    Ok(text.to_owned())
}

/// What the store's database says of a path and all that it refers to.
pub(crate) fn path_infos(nix: &Nix, toplevel: &str) -> Result<Vec<StorePath>, ClosureOfError> {
    let answer = nix.run("nix", &["path-info", "--recursive", "--json", toplevel])?;
    parse_path_infos(&answer).map_err(ClosureOfError::Answer)
}

/// Reads `nix path-info --json`: an array of objects with `path` (2.3 to 2.18), an object by path (since 2.19), or that
/// object under `info`, by base name (`"version"` 2 and later).
fn parse_path_infos(answer: &[u8]) -> Result<Vec<StorePath>, String> {
    let answer: Value = serde_json::from_slice(answer).map_err(|e| e.to_string())?;
    let by_path = answer.get("info").unwrap_or(&answer);
    match by_path {
        Value::Array(infos) => infos.iter().map(|info| path_info(text(info, "path")?, info)).collect(),
        Value::Object(infos) => infos.iter().map(|(path, info)| path_info(path, info)).collect(),
        _ => Err("neither a list nor an object".into()),
    }
}

fn text<'a>(info: &'a Value, key: &str) -> Result<&'a str, String> {
    info.get(key).and_then(Value::as_str).ok_or_else(|| format!("no text {key:?} in {info}"))
}

fn absolute(path: &str) -> String {
    if path.starts_with('/') { path.to_owned() } else { format!("{STORE_DIR}/{path}") }
}

fn path_info(path: &str, info: &Value) -> Result<StorePath, String> {
    let path = absolute(path);
    if info.is_null() || info.get("valid") == Some(&Value::Bool(false)) {
        return Err(format!("{path} is not in the store"));
    }
    let nar_size = info.get("narSize").and_then(Value::as_u64).ok_or_else(|| format!("no narSize of {path}"))?;
    let references =
        info.get("references").and_then(Value::as_array).ok_or_else(|| format!("no references of {path}"))?;
    let mut references = references
        .iter()
        .map(|r| r.as_str().map(absolute).ok_or_else(|| format!("a reference of {path} is not text")))
        .collect::<Result<Vec<_>, _>>()?;
    references.sort();
    let nar_hash = nar_hash(info.get("narHash")).ok_or_else(|| format!("no SHA-256 narHash of {path}"))?;
    Ok(StorePath { path, nar_hash, nar_size, references })
}

/// `sha256-<base64>`, `sha256:<base32 or hex>`, or (since 2.32) an object with `algorithm` and `hash`.
fn nar_hash(value: Option<&Value>) -> Option<Digest> {
    let spelled = match value? {
        Value::String(text) => text.clone(),
        Value::Object(parts) => {
            let hash = parts.get("hash")?.as_str()?;
            if hash.contains(['-', ':']) {
                hash.to_owned()
            } else {
                format!("{}:{hash}", parts.get("algorithm")?.as_str()?)
            }
        }
        _ => return None,
    };
    match NixHash::parse(&spelled).ok()? {
        NixHash::Sha256(bytes) => Some(Digest::from_bytes(bytes)),
        _ => None,
    }
}

fn read_programs(path: &Path) -> Result<BTreeMap<String, String>, ClosureOfError> {
    let refuse = |reason: String| ClosureOfError::Programs { path: path.to_owned(), reason };
    match writ_durable::read_bounded(path, MAX_DOCUMENT) {
        Ok(bytes) => json::parse(&bytes, MAX_DOCUMENT).map_err(|e: JsonError| refuse(e.to_string())),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(BTreeMap::new()),
        Err(e) => Err(refuse(e.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "/nix/store/71fc7s32zl20dc955bhghy5dvalm7ndz-busybox";
    const HASH: &str = "sha256-SUza0DfPfQp17oFvwGC5JmPeEwlgKv9DwvnOVdreTEA=";

    #[test]
    fn every_form_of_path_info_reads_alike() {
        let info = format!(r#""narHash":"{HASH}","narSize":1982736,"references":["{A}"]"#);
        let base = A.rsplit('/').next().unwrap();
        let forms = [
            format!(r#"[{{"path":"{A}",{info}}}]"#),
            format!(r#"{{"{A}":{{{info}}}}}"#),
            format!(
                r#"{{"version":2,"info":{{"{base}":{{"narHash":"{HASH}","narSize":1982736,"references":["{base}"]}}}}}}"#
            ),
            format!(
                r#"{{"{A}":{{"narHash":{{"algorithm":"sha256","format":"base64","hash":"SUza0DfPfQp17oFvwGC5JmPeEwlgKv9DwvnOVdreTEA="}},"narSize":1982736,"references":["{A}"]}}}}"#
            ),
            format!(
                r#"[{{"path":"{A}","narHash":"sha256:0h2cvvd5bkprq91zyak0149xwqr6p5hc0vw1xrshlzfg6z8dlk29","narSize":1982736,"references":["{A}"]}}]"#
            ),
        ];
        let expected = parse_path_infos(forms[0].as_bytes()).unwrap();
        assert_eq!(expected[0].path, A);
        assert_eq!(expected[0].references, [A]);
        for form in &forms {
            assert_eq!(parse_path_infos(form.as_bytes()).as_ref(), Ok(&expected), "{form}");
        }
    }

    #[test]
    fn answers_that_do_not_say_enough_are_refused() {
        for bad in [
            "",
            "3",
            "[{}]",
            &format!(r#"{{"{A}":null}}"#),
            &format!(r#"[{{"path":"{A}","narHash":"sha1-AAAA","narSize":1,"references":[]}}]"#),
            &format!(r#"[{{"path":"{A}","narHash":"{HASH}","references":[]}}]"#),
            &format!(r#"[{{"path":"{A}","narHash":"{HASH}","narSize":1}}]"#),
            &format!(r#"[{{"path":"{A}","valid":false}}]"#),
        ] {
            assert!(parse_path_infos(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
