//! Taking bundles out of the outbox, a few at a time: every bundle before its signature, with an fsync between.
//!
//! A bundle without a signature would look like evidence that somebody tampered with, whatever instant the power went. A
//! signature without a bundle is cleared away by the next round.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;

use crate::crash_point;

/// How many files go at once.
const SLICE: usize = 64;

/// A removal under way.
#[derive(Debug)]
pub struct Removal {
    names: Vec<String>,
    at: usize,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Bundles,
    Sync,
    Signatures,
}

impl Removal {
    /// Of bundles by the names of their files within the outbox.
    pub fn named(names: Vec<String>) -> Self {
        Self { names, at: 0, stage: Stage::Bundles }
    }

    /// Goes on a little; true when it is done.
    pub fn advance(&mut self, outbox: &Path) -> io::Result<bool> {
        let slice = self.names[self.at..].iter().take(SLICE);
        match self.stage {
            Stage::Bundles => {
                for name in slice {
                    gone(&outbox.join(name))?;
                    crash_point!("bundle removed, its signature not");
                    self.at += 1;
                }
                if self.at == self.names.len() {
                    (self.stage, self.at) = (Stage::Sync, 0);
                }
            }
            Stage::Sync => {
                for folder in self.names.iter().filter_map(|name| Path::new(name).parent()).collect::<BTreeSet<_>>() {
                    writ_durable::sync_directory(&outbox.join(folder))?;
                }
                crash_point!("removal of bundles durable, signatures there");
                self.stage = Stage::Signatures;
            }
            Stage::Signatures => {
                for name in slice {
                    gone(&outbox.join(format!("{name}.minisig")))?;
                    self.at += 1;
                }
                crash_point!("signatures removed");
                return Ok(self.at == self.names.len());
            }
        }
        Ok(false)
    }
}

fn gone(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_no_moment_is_there_a_bundle_without_signature() {
        let dir = tempfile::tempdir().unwrap();
        let names: Vec<String> = (1..=150).map(|n| format!("{n}-EB-20261123-{n:04}.json")).collect();
        for name in &names {
            fs::write(dir.path().join(name), "").unwrap();
            fs::write(dir.path().join(format!("{name}.minisig")), "").unwrap();
        }
        fs::remove_file(dir.path().join(&names[3])).unwrap();
        let mut removal = Removal::named(names[..149].to_vec());
        let mut steps = 0;
        while !removal.advance(dir.path()).unwrap() {
            steps += 1;
            let there = |name: &str| dir.path().join(name).exists();
            assert!(names.iter().all(|name| !there(name) || there(&format!("{name}.minisig"))));
        }
        assert!(steps > 5, "{steps}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    }
}
