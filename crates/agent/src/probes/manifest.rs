//! `manifest`: whether stored files are what a signed manifest says: a list of digests as sha256sum(1) writes it, in the
//! folder that it is about, and beside it `<manifest>.minisig` as minisign(1) writes that.
//!
//! Records may be many and large. A look reads for half a second and goes on at the next one where it broke off; what was
//! found altered or missing is told at once, and that nothing is, after a whole pass through a manifest that did not change.

mod list;

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};
use writ_policy::observation::Observation;
use writ_policy::schema::{Kind, ProbeSchema};
use writ_policy::values::Form;
use writ_trust::minisign::{PublicKey, Signature};
use writ_trust::time::Time;

use self::list::{Entry, List};
use super::{Pace, Parameters, Probe, ProbeContext, Unseen, Watch, count, field, optional, reading, required};

/// How long one look may read: whoever looks may have no thread of its own for it.
const BUDGET: Duration = Duration::from_millis(500);
/// The largest manifest: some hundred thousand files.
const MAX_MANIFEST: usize = 32 * 1024 * 1024;
/// How many manifests are followed.
const MAX_READINGS: usize = 16;
/// How many files are counted that a manifest does not list.
const MAX_WALKED: usize = 200_000;
const MAX_SIGNATURE: usize = 4096;
const MAX_KEY: usize = 4096;

pub(super) const PROBE: Probe = Probe { schema: SCHEMA, run, watch, pace: Pace::Slow };

const SCHEMA: ProbeSchema = ProbeSchema {
    name: "manifest",
    about: "whether stored files are what a signed manifest says",
    parameters: &[
        required("path", Kind::Text, "the manifest").form(Form::AbsolutePath),
        optional(
            "public_key",
            Kind::Text,
            "the minisign public key, as its line or its file; default: the appliance's own",
        ),
    ],
    observation: &[
        field("exists", Kind::Bool, "whether the manifest is there; what follows is absent where it is not"),
        field("signature_ok", Kind::Bool, "whether its signature is good"),
        field(
            "age_seconds",
            Kind::Int,
            "time since it was signed, as its trusted comment says; absent where it says nothing",
        ),
        field("listed_count", Kind::Int, "files that it lists"),
        field("altered_count", Kind::Int, "of them, how many differ; absent while none did and not all were read yet"),
        field("missing_count", Kind::Int, "of them, how many are gone; likewise absent"),
        field(
            "extra_count",
            Kind::Int,
            "files beside them that it does not list; absent where there are too many to count",
        ),
    ],
};

/// Passes through manifests, kept from one look to the next.
#[derive(Default)]
pub(crate) struct Manifests(Vec<Reading>);

/// One pass.
struct Reading {
    path: PathBuf,
    /// Of which bytes of the manifest.
    of: [u8; 32],
    /// What is known of each file, in the order of the list.
    known: Vec<Option<Found>>,
    /// Which is next, and how much of it was read.
    next: usize,
    open: Option<(File, Sha256)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    AsListed,
    Altered,
    Missing,
}

fn run(parameters: &Parameters, context: &mut ProbeContext) -> Result<Observation, Unseen> {
    let shown = parameters.path("path")?;
    let path = context.root.join(shown.strip_prefix("/").unwrap_or(shown));
    let key = match parameters.optional_text("public_key")? {
        Some(text) => public_key(text)?,
        None => context.own_key.clone().ok_or_else(|| {
            Unseen::failed("public_key", "nobody here knows the appliance's own key; only the enforcer does")
        })?,
    };
    let Some(bytes) = reading::read(&path, MAX_MANIFEST).map_err(|e| Unseen::failed(shown.display(), e))? else {
        return Ok(Observation::new().with("exists", false));
    };
    let mut seen = Observation::new().with("exists", true);
    let Some(signature) = signature(&path, &bytes, &key)? else {
        // By what nobody signed no file is judged.
        return Ok(seen.with("signature_ok", false));
    };
    seen.set("signature_ok", true);
    if let Some(signed_at) = signed_at(signature.trusted_comment()) {
        seen.set("age_seconds", (context.now.millis_since(signed_at) / 1000).max(0));
    }
    let list = List::parse(&bytes).map_err(|reason| Unseen::failed(shown.display(), reason))?;
    seen.set("listed_count", count(list.entries.len()));
    if let Some(extra) = extra(&path, &list) {
        seen.set("extra_count", count(extra));
    }
    context.manifests.look(&path, &bytes, &list, Instant::now() + BUDGET, &mut seen);
    Ok(seen)
}

/// The key as a line, or as a file of it.
fn public_key(text: &str) -> Result<PublicKey, Unseen> {
    if text.starts_with('/') {
        let bytes = reading::read(Path::new(text), MAX_KEY).map_err(|e| Unseen::failed(text, e))?;
        let bytes = bytes.ok_or_else(|| Unseen::failed(text, "there is no such file"))?;
        return PublicKey::parse(&String::from_utf8_lossy(&bytes)).map_err(|e| Unseen::failed(text, e));
    }
    PublicKey::parse(text).map_err(|e| Unseen::failed("public_key", e))
}

/// The signature beside a manifest, if it is good.
fn signature(path: &Path, bytes: &[u8], key: &PublicKey) -> Result<Option<Signature>, Unseen> {
    let beside = PathBuf::from(format!("{}.minisig", path.display()));
    let read = reading::read(&beside, MAX_SIGNATURE).map_err(|e| Unseen::failed(beside.display(), e))?;
    let signature = read.and_then(|bytes| Signature::parse(&bytes).ok());
    Ok(signature.filter(|signature| key.verify_strict(bytes, signature).is_ok()))
}

/// `timestamp:1763900000`, a tab, `file:records.manifest`, as minisign writes it where nobody wishes another comment.
fn signed_at(comment: &str) -> Option<Time> {
    let words = comment.split_ascii_whitespace();
    let seconds: i64 = words.filter_map(|word| word.strip_prefix("timestamp:")).find_map(|text| text.parse().ok())?;
    (0..=32_503_680_000).contains(&seconds).then(|| Time::from_unix_millis(seconds * 1000))
}

/// How many files lie beside the manifest that it does not list, itself and its signature aside; none when there are too many.
fn extra(manifest: &Path, list: &List) -> Option<usize> {
    let folder = manifest.parent()?;
    let (mut folders, mut walked, mut extra) = (vec![PathBuf::new()], 0, 0);
    while let Some(below) = folders.pop() {
        for entry in std::fs::read_dir(folder.join(&below)).ok()? {
            let entry = entry.ok()?;
            walked += 1;
            if walked > MAX_WALKED {
                return None;
            }
            let relative = below.join(entry.file_name());
            if entry.file_type().ok()?.is_dir() {
                folders.push(relative);
            } else {
                let own = below.as_os_str().is_empty()
                    && manifest.file_name().is_some_and(|name| {
                        let found = entry.file_name();
                        found == name || found.as_encoded_bytes() == [name.as_encoded_bytes(), b".minisig"].concat()
                    });
                extra += usize::from(!own && relative.to_str().is_none_or(|path| !list.lists(path)));
            }
        }
    }
    Some(extra)
}

impl Manifests {
    fn look(&mut self, path: &Path, bytes: &[u8], list: &List, until: Instant, seen: &mut Observation) {
        let of: [u8; 32] = Sha256::digest(bytes).into();
        let at = self.0.iter().position(|reading| reading.path == path).unwrap_or_else(|| {
            if self.0.len() == MAX_READINGS {
                self.0.remove(0);
            }
            self.0.push(Reading::begin(path, of, list));
            self.0.len() - 1
        });
        if self.0[at].of != of {
            self.0[at] = Reading::begin(path, of, list);
        }
        self.0[at].go_on(list, until);
        self.0[at].tell(seen);
    }
}

impl Reading {
    fn begin(path: &Path, of: [u8; 32], list: &List) -> Self {
        Self { path: path.to_owned(), of, known: vec![None; list.entries.len()], next: 0, open: None }
    }

    /// Reads on until it is time, at most once through everything.
    fn go_on(&mut self, list: &List, until: Instant) {
        let folder = self.path.parent().unwrap_or(Path::new("/")).to_owned();
        for _ in 0..list.entries.len() {
            let Some(entry) = list.entries.get(self.next) else { break };
            match self.read(&folder, entry, until) {
                Some(found) => self.known[self.next] = Some(found),
                None => return,
            }
            self.next = (self.next + 1) % list.entries.len();
            if Instant::now() >= until {
                return;
            }
        }
    }

    /// Reads one file to its end; none when it is time, and then it goes on from there.
    fn read(&mut self, folder: &Path, entry: &Entry, until: Instant) -> Option<Found> {
        let (mut file, mut digest) = match self.open.take() {
            Some(open) => open,
            None => match reading::open(&folder.join(&entry.path)) {
                Ok(Some(file)) => (file, Sha256::new()),
                Ok(None) => return Some(Found::Missing),
                // What cannot be read is not what was signed: another kind of file, or a disk that fails.
                Err(_) => return Some(Found::Altered),
            },
        };
        let mut buffer = vec![0; 256 * 1024];
        loop {
            match file.read(&mut buffer) {
                Ok(0) => break,
                Ok(length) => digest.update(&buffer[..length]),
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                Err(_) => return Some(Found::Altered),
            }
            if Instant::now() >= until {
                self.open = Some((file, digest));
                return None;
            }
        }
        let same = <[u8; 32]>::from(digest.finalize()) == entry.digest;
        Some(if same { Found::AsListed } else { Found::Altered })
    }

    fn tell(&self, seen: &mut Observation) {
        let whole = self.known.iter().all(Option::is_some);
        for (name, wanted) in [("altered_count", Found::Altered), ("missing_count", Found::Missing)] {
            let number = self.known.iter().filter(|found| **found == Some(wanted)).count();
            if whole || number > 0 {
                seen.set(name, count(number));
            }
        }
    }
}

/// What the parsers come to, for any bytes: as a manifest, and as what is said of its signature.
pub(super) fn observe_bytes(bytes: &[u8]) -> Result<Observation, String> {
    let _ = signed_at(&String::from_utf8_lossy(bytes));
    let list = List::parse(bytes)?;
    Ok(Observation::new().with("exists", true).with("listed_count", count(list.entries.len())))
}

fn watch(parameters: &Parameters, context: &ProbeContext) -> Vec<Watch> {
    let path = parameters.path("path").ok();
    path.map(|path| Watch::Path(context.root.join(path.strip_prefix("/").unwrap_or(path)))).into_iter().collect()
}

#[cfg(test)]
mod tests;
