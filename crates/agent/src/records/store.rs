//! A verification of the Nix store: nix-store(1) compares every path with the digest in the database, nix(1) looks for a
//! trusted signature of each that was not built here.

use std::ffi::OsStr;
use std::path::Path;

use writ_trust::time::Time;
use writ_wire::record::{Facts, Record, StoreVerify};

use super::Run;
use super::program::{Program, ProgramError};
use super::restore::Lines;

/// What nix-store(1) says of a path that is not what the database says, and of one that is gone.
const CORRUPT: [&str; 2] = ["was modified!", "disappeared, "];
/// What nix(1) says of a path without a trusted signature.
const UNTRUSTED: &str = "is untrusted";

/// Runs a program as `sh -c 'exec "$@" 2>&1'` does: both of its outputs as one, for what it finds comes on the second.
const TOGETHER: [&str; 3] = ["-c", "exec \"$@\" 2>&1", "sh"];

/// Verifies the store, and tells of it.
pub fn verify(
    shell: &Program,
    nix_store: &Path,
    nix: &Path,
    name: &str,
    before: Option<&Record>,
    mut run: Run,
    now: impl Fn() -> Time,
) -> Record {
    let contents = count(shell, nix_store, &["--verify", "--check-contents"], &CORRUPT);
    let signatures = count(
        shell,
        nix,
        &["--extra-experimental-features", "nix-command", "store", "verify", "--all", "--no-contents"],
        &[UNTRUSTED],
    );
    let at = now();
    let facts = match (contents, signatures) {
        (Ok(corrupt), Ok(unsigned)) => StoreVerify { at: Some(at), corrupt: Some(corrupt), unsigned: Some(unsigned) },
        (contents, signatures) => {
            [contents.err(), signatures.err()].into_iter().flatten().for_each(|reason| run.note(reason));
            match before.map(|record| &record.facts) {
                Some(Facts::StoreVerify(last)) => last.clone(),
                _ => StoreVerify::default(),
            }
        }
    };
    let ok = run.notes.is_empty() && facts.corrupt == Some(0) && facts.unsigned == Some(0);
    run.end(name, at, ok, Facts::StoreVerify(facts))
}

/// How many lines a program writes that hold one of these; an error when it fails and wrote none.
fn count(shell: &Program, program: &Path, arguments: &[&str], wanted: &[&str]) -> Result<u64, String> {
    let mut all: Vec<&OsStr> = TOGETHER.iter().map(OsStr::new).collect();
    all.push(program.as_os_str());
    all.extend(arguments.iter().map(OsStr::new));
    let (mut found, mut last, mut lines) = (0_u64, String::new(), Lines::default());
    let ended = shell.stream(&all, &mut |piece| {
        lines.take(piece, &mut |line| {
            let text = String::from_utf8_lossy(line);
            found += u64::from(wanted.iter().any(|wanted| text.contains(wanted)));
            if !text.trim().is_empty() {
                last = super::bounded(text.trim());
            }
        })
    });
    match ended {
        Ok(ended) if ended.status.success() || found > 0 => Ok(found),
        Ok(ended) => Err(format!("{}: {}: {last}", program.display(), ended.status)),
        Err(ProgramError::Output { reason, .. }) => Err(reason),
        Err(e) => Err(e.to_string()),
    }
}
