//! What is in a NAR, as a binary cache's `.ls` file tells it (nix `libstore/nar-accessor.cc`, `listNar`).
//!
//! Nix uses it to fetch single files out of a cache. Names that are not UTF-8 cannot stand in JSON, so a NAR that has one
//! gets no listing of that directory's odd entries; everything else is told.

use std::collections::BTreeMap;
use std::io::Read;

use nix_archive::nar::{Error, ReadEvent, decode_events_reader};
use serde_json::{Value, json};

use crate::nar::Counted;

/// The most entries that a listing has; what has more gets an empty one.
const MOST: usize = 1_000_000;

/// A directory under way: its own name, and what it has so far.
type Open = (Option<String>, BTreeMap<String, Value>);

/// Reads a whole NAR and lists it; an error says why it is none.
pub(crate) fn of<R: Read>(nar: &mut Counted<R>) -> Result<Vec<u8>, String> {
    let position = nar.position();
    let mut open: Vec<Open> = Vec::new();
    let (mut root, mut count) = (Value::Null, 0_usize);
    decode_events_reader(nar, |event: ReadEvent<'_, Counted<R>>| {
        let text = |name: Option<&[u8]>| name.map(|name| String::from_utf8(name.to_vec()).unwrap_or_default());
        let (name, node) = match event {
            ReadEvent::DirectoryStart { name } => {
                open.push((text(name), BTreeMap::new()));
                return Ok(());
            }
            ReadEvent::DirectoryEnd { .. } => {
                let (name, entries) = open.pop().unwrap_or_default();
                (name, json!({ "type": "directory", "entries": entries }))
            }
            ReadEvent::Symlink { name, target } => {
                (text(name), json!({ "type": "symlink", "target": String::from_utf8_lossy(target) }))
            }
            ReadEvent::Regular { name, executable, mut contents } => {
                let (size, at) = (contents.size(), position.get());
                let mut node = json!({ "type": "regular", "size": size, "narOffset": at });
                if executable {
                    node["executable"] = true.into();
                }
                contents.copy_to(&mut std::io::sink()).map_err(Error::from)?;
                (text(name), node)
            }
        };
        count += 1;
        match (open.last_mut(), name) {
            (None, _) => root = node,
            (Some((_, entries)), Some(name)) if !name.is_empty() && count <= MOST => drop(entries.insert(name, node)),
            _ => {}
        }
        Ok(())
    })
    .map_err(|e| e.to_string())?;
    Ok(json!({ "version": 1, "root": root }).to_string().into_bytes())
}
