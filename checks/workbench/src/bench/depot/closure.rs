//! A closure to serve: store paths with NARs as large as packed ones of a system are, of content that does not pack, signed
//! as Nix signs.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use nix_derivation::{NixHash, StoreDir, StorePath};
use nix_narinfo::{Compression, NarInfo, NarInfoSignature};
use writ_client::Client;
use writ_policy::closure::{self, Closure};
use writ_trust::digest::Digest;
use writ_trust::minisign::SecretKey;
use writ_wire::publication::HashPart;
use writ_wire::{MAX_ENVELOPE, paths};

use super::cores::in_parallel;
use super::stats::float;

/// The smallest and the largest content, as powers of two: 2 KiB to 8 MiB, each doubling as frequent as the others.
const POWERS: (f64, f64) = (11.0, 23.0);
/// How many other paths each path refers to.
const REFERENCES: usize = 6;

/// One path of a closure, ready to be uploaded.
pub struct Entry {
    path: closure::StorePath,
    narinfo: Vec<u8>,
    /// Where a binary cache has its NAR, `nar/…`.
    pub url: String,
    nar: Vec<u8>,
}

impl Entry {
    /// The path's name in a binary cache.
    pub fn part(&self) -> Result<HashPart> {
        Ok(HashPart::of(&self.path.path.parse()?))
    }

    /// Bytes of its NAR.
    pub fn size(&self) -> usize {
        self.nar.len()
    }

    /// Uploads narinfo and NAR, in this order.
    pub fn upload(&self, client: &Client) -> Result<()> {
        let put = |target: &paths::Target, mut bytes: &[u8]| {
            let size = bytes.len() as u64;
            client.put_stream(target, &mut bytes, size, MAX_ENVELOPE as u64)
        };
        put(&paths::publish_narinfo(&self.part()?), &self.narinfo)?;
        put(&paths::publish_nar(&self.url).context("an odd URL")?, &self.nar)?;
        Ok(())
    }
}

/// So many paths, each referring to those before it, and the document that lists them. The last one is the system.
pub fn make(count: usize, name: &str, key: &SecretKey) -> Result<(Vec<Entry>, Vec<u8>, String)> {
    let store = StoreDir::default();
    let names: Vec<StorePath> = (0..count).map(|n| store_path(n, count)).collect::<Result<_>>()?;
    let numbers: Vec<usize> = (0..count).collect();
    let entries = in_parallel(&numbers, |n| {
        let (nar, references) = (nar(*n, count), &names[n.saturating_sub(REFERENCES)..*n]);
        let hash = NixHash::Sha256(*Digest::of(&nar).as_bytes());
        let base32 = hash.to_nix_nixbase32_string();
        let url = format!("nar/{}.nar", base32.strip_prefix("sha256:").unwrap_or(&base32));
        let size = nar.len() as u64;
        let unsigned = NarInfo::builder(names[*n].clone(), &*url, hash.clone(), size)
            .compression(Compression::None)
            .references(references.iter().cloned())
            .file_hash(Some(hash))
            .file_size(Some(size));
        let fingerprint = unsigned.clone().build()?.fingerprint(&store);
        let signature = NarInfoSignature::from_bytes(name, &key.sign_message(fingerprint.as_bytes()))?;
        let path = closure::StorePath {
            path: store.render_path(&names[*n]),
            nar_hash: Digest::of(&nar),
            nar_size: size,
            references: references.iter().map(|path| store.render_path(path)).collect(),
        };
        Ok(Entry { path, narinfo: unsigned.signature(signature).build()?.to_canonical_bytes(), url, nar })
    })?;
    let toplevel = entries.last().context("a closure without paths")?.path.path.clone();
    let document = Closure {
        schema: closure::SCHEMA.to_owned(),
        toplevel: toplevel.clone(),
        store_dir: store.as_str().to_owned(),
        paths: entries.iter().map(|entry| entry.path.clone()).collect(),
        programs: BTreeMap::new(),
    };
    Ok((entries, writ_trust::json::canonical(&document), toplevel))
}

fn store_path(n: usize, count: usize) -> Result<StorePath> {
    let digest = Digest::of(format!("measured path {n}").as_bytes());
    let name = if n + 1 == count { "system".to_owned() } else { format!("package-{n}-1.0") };
    Ok(StorePath::from_parts(digest.as_bytes()[..20].try_into()?, &name)?)
}

/// The NAR of one regular file (nix: libutil/archive.cc): strings, each with its length before it and zeroes up to a
/// multiple of eight bytes behind it.
fn nar(n: usize, count: usize) -> Vec<u8> {
    let content = content(n, count);
    let mut nar = Vec::with_capacity(content.len() + 128);
    let words: [&[u8]; 7] = [b"nix-archive-1", b"(", b"type", b"regular", b"contents", &content, b")"];
    for word in words {
        nar.extend((word.len() as u64).to_le_bytes());
        nar.extend(word);
        nar.resize(nar.len().next_multiple_of(8), 0);
    }
    nar
}

/// Bytes that look random (xorshift64), the same in every run.
fn content(n: usize, count: usize) -> Vec<u8> {
    let (least, most) = POWERS;
    let power = least + (most - least) * float(n) / float(count.max(2) - 1);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let size = power.exp2() as usize;
    let mut state = 0x9e37_79b9_7f4a_7c15 ^ (n as u64 + 1);
    let words = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    words.take(size / 8).flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nar_is_what_nix_would_write() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, content(0, 5)).unwrap();
        let id = writ_nix::nar::hash_tree(&file).unwrap();
        let nar = nar(0, 5);
        assert_eq!((id.hash, id.size), (Digest::of(&nar), nar.len() as u64));
    }
}
