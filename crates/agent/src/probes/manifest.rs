//! `manifest`: whether stored files are what a signed manifest says: a list of digests as sha256sum(1) writes it, in the
//! folder that it is about, and beside it `<manifest>.minisig` as minisign(1) writes that.
//!
//! Records may be many and large. A look reads the list, then files for half a second, and goes on at the next one where it
//! broke off; what was found altered or missing is told at once, and that nothing is, when every file was read, with the time
//! since the one that was read longest ago.

mod beside;
mod list;
mod pass;

use std::path::{Path, PathBuf};
use std::time::Duration;

use writ_policy::observation::Observation;
use writ_policy::schema::{Kind, ProbeSchema};
use writ_policy::values::Form;
use writ_trust::minisign::{PublicKey, Signature};
use writ_trust::time::Time;

use self::list::List;
pub(crate) use self::pass::Manifests;
use super::{Pace, Parameters, Probe, ProbeContext, Unseen, Watch, count, field, optional, reading, required};

/// How long one look may read: whoever looks may have no thread of its own for it.
const BUDGET: Duration = Duration::from_millis(500);
/// The largest manifest: some hundred thousand files.
const MAX_MANIFEST: usize = 32 * 1024 * 1024;
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
            "pass_age_seconds",
            Kind::Int,
            "how long ago the one of them was read that was read longest ago; absent while not all were read yet",
        ),
        field(
            "extra_count",
            Kind::Int,
            "files beside them that it does not list, when they were last counted; absent where there are too many to count",
        ),
    ],
};

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
    context.manifests.look(&path, &bytes, &list, (context.monotonic, BUDGET), &mut seen);
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
