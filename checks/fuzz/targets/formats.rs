//! Formats that are not our documents: keys and signatures, the site log, the binary cache, requests, predicates, free text.

use std::convert::Infallible;
use std::path::Path;
use std::sync::LazyLock;

use serde_json::Value;
use writ_evidence::chain;
use writ_evidence::scrub::{MAX_SCRUB, Options, removed, scrub_with};
use writ_nix::cache::Entry;
use writ_nix::cache_key::CacheKey;
use writ_nix::import::parse_keys;
use writ_nix::nar::{NarId, examine};
use writ_policy::closure::StorePath;
use writ_policy::delta::Delta;
use writ_policy::observation::Observation;
use writ_policy::predicate::{Op, Predicate, Truth};
use writ_policy::schema::Registry;
use writ_policy::validate::validate;
use writ_trust::claim_code::ClaimCode;
use writ_trust::digest::Digest;
use writ_trust::json::{self, MAX_DOCUMENT};
use writ_trust::log::checkpoint::Checkpoint;
use writ_trust::log::note::Note;
use writ_trust::log::proof;
use writ_trust::log::tile::{EntryBundle, Tile};
use writ_trust::log::witness::CosignatureName;
use writ_trust::minisign::{PublicKey, SecretKeyFile, Signature};
use writ_trust::time::{Span, Time};
use writ_trust::timestamp::{Certificate, TimestampName, Token};
use writ_wire::http::verify::{Headers, verify};
use writ_wire::http::{Request, content_digest, parameters::Parameters};
use writ_wire::log_batch::LogBatch;
use writ_wire::mac::MacAddress;
use writ_wire::paths::nar_file;

use super::Parser;

/// The formats.
pub const FORMATS: &[Parser] = &[
    ("bundle-name", |bytes| {
        let text = String::from_utf8_lossy(bytes);
        if let Some((sequence, id)) = chain::parse_file_name(&text) {
            assert_eq!(chain::file_name(sequence, id), text);
        }
    }),
    ("cache-keys", |bytes| {
        let text = secret(bytes);
        forget(parse_keys(&text.lines().map(str::to_owned).collect::<Vec<_>>()));
        if let Ok(key) = CacheKey::parse(&text) {
            let again = CacheKey::parse(&key.secret_text()).expect("what was written can be read");
            assert_eq!(again.public_text(), key.public_text());
        }
    }),
    ("claim-code", |bytes| {
        let text = String::from_utf8_lossy(bytes);
        if let Ok(code) = text.parse::<ClaimCode>() {
            assert_eq!(code.to_string().parse::<ClaimCode>(), Ok(code));
        }
        if let Ok(mac) = MacAddress::from_label(&text) {
            assert_eq!(mac.to_string().parse::<MacAddress>(), Ok(mac));
        }
    }),
    ("checkpoint", |bytes| {
        let Ok(note) = Note::parse(bytes) else { return };
        if let Ok(checkpoint) = Checkpoint::parse(&note.text) {
            assert_eq!(Checkpoint::parse(&checkpoint.text()), Ok(checkpoint));
        }
    }),
    ("delta", |bytes| forget((Delta::read(bytes), Delta::read_report(bytes)))),
    ("http-signature", http_signature),
    ("json", |bytes| {
        // Whoever has a value of ours has one that everybody reads alike.
        let Ok(value) = json::parse_value(bytes, MAX_DOCUMENT) else { return };
        assert_eq!(serde_json::from_slice::<Value>(bytes).ok().as_ref(), Some(&value));
        assert_eq!(json::parse_value(&json::canonical(&value), usize::MAX).as_ref().ok(), Some(&value));
    }),
    ("log-batch", |bytes| forget(LogBatch::judge(bytes))),
    ("minisign-public-key", |bytes| {
        if let Ok(key) = PublicKey::parse(&String::from_utf8_lossy(bytes)) {
            assert_eq!(PublicKey::parse(&key.to_file()).as_ref(), Ok(&key));
            assert_eq!(PublicKey::parse(&key.line()).as_ref(), Ok(&key));
        }
    }),
    ("minisign-secret-key", |bytes| {
        if let Ok(file) = SecretKeyFile::parse(&secret(bytes))
            && !file.is_locked()
        {
            forget(file.open());
        }
    }),
    ("minisign-signature", |bytes| {
        if let Ok(signature) = Signature::parse(bytes) {
            let again = Signature::parse(signature.to_string().as_bytes()).expect("what was written can be read");
            assert_eq!(again.to_string(), signature.to_string());
        }
    }),
    ("nar", |bytes| {
        let id = NarId { hash: Digest::of(bytes), size: bytes.len() as u64 };
        if let Ok(listing) = examine(&mut &*bytes, false, id) {
            serde_json::from_slice::<Value>(&listing).expect("a listing is JSON");
            assert!(listing.len() <= 64 * (bytes.len() + 16), "{} bytes of {}", listing.len(), bytes.len());
        }
    }),
    ("nar-zst", |bytes| {
        let id = NarId { hash: Digest::of(b""), size: 1 << 20 };
        forget(examine(&mut &*bytes, true, id));
    }),
    ("narinfo", |bytes| {
        let Ok(entry) = Entry::parse(bytes.to_vec(), &STORE_PATH, Path::new("x.narinfo")) else { return };
        forget((entry.named_by_content(), entry.is_compressed(), entry.is_signed_by(&[])));
        if let Ok(file) = entry.nar_file() {
            assert!(!file.contains('/') && !file.starts_with('.'), "{file} leads elsewhere");
        }
    }),
    ("policy-validation", |bytes| {
        let Ok(policy) = json::parse_value(bytes, MAX_DOCUMENT) else { return };
        forget(validate(&policy, &REGISTRY, Time::from_unix_millis(1_795_000_000_000)));
    }),
    ("predicate", predicate),
    ("proof", log_proof),
    ("scrub", |bytes| {
        let text = String::from_utf8_lossy(bytes);
        for addresses in [false, true] {
            let options = Options { addresses };
            let once = scrub_with(&text, options);
            assert!(once.len() <= MAX_SCRUB);
            assert_eq!(scrub_with(&once, options), once, "scrubbing twice is not scrubbing once");
            let ranges = removed(&text, options);
            assert!(ranges.windows(2).all(|pair| pair[0].end <= pair[1].start), "ranges overlap");
            assert!(ranges.iter().all(|range| text.get(range.start..range.end).is_some()), "a range splits a letter");
        }
    }),
    ("tile", |bytes| {
        let text = String::from_utf8_lossy(bytes);
        if let Some(tile) = Tile::parse(&text) {
            assert_eq!(tile.path(), text);
        }
        if let Some(bundle) = EntryBundle::parse(&text) {
            assert_eq!(bundle.path(), text);
        }
        let Some((width, rest)) = bytes.split_first() else { return };
        let bundle = EntryBundle::holding(0, u64::from(*width) + 1).expect("the first bundle");
        if let Ok(entries) = bundle.decode(rest) {
            assert_eq!(bundle.decode(&EntryBundle::encode(&entries)), Ok(entries));
        }
    }),
    ("time", |bytes| {
        let text = String::from_utf8_lossy(bytes);
        if let Ok(time) = text.parse::<Time>() {
            assert_eq!(time.to_string().parse(), Ok(time));
        }
        if let Ok(span) = text.parse::<Span>() {
            assert_eq!(span.to_string().parse(), Ok(span));
        }
    }),
    ("timestamp", |bytes| {
        forget(Certificate::parse(bytes));
        // Of the corpus, these are the bytes that were stamped: so the path of certificates is walked too.
        forget(Token::parse(bytes).and_then(|token| token.verify(b"hello\n", &[])));
        let text = String::from_utf8_lossy(bytes);
        if let Ok(name) = text.parse::<TimestampName>() {
            assert_eq!(name.to_string(), text);
        }
        if let Ok(name) = text.parse::<CosignatureName>() {
            assert_eq!(name.to_string(), text);
        }
    }),
];

static REGISTRY: LazyLock<Registry> = LazyLock::new(writ_agent::probes::registry);

/// What the narinfos of the corpus are of.
static STORE_PATH: LazyLock<StorePath> = LazyLock::new(|| {
    let path = "/nix/store/0c3q9pbzv2bmkx1k8k8hrkxr8m5a4l5z-front-desk";
    StorePath { path: path.to_owned(), nar_hash: Digest::of(b""), nar_size: 120, references: vec![path.to_owned()] }
});

/// For parsers of which no more is promised than that they come to an end.
fn forget<T>(_: T) {}

/// The text of a secret key. In the corpus, tildes are in it, or `writ check` would find secret keys in this repository.
fn secret(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).replace('~', "")
}

/// The headers of a signed request, one a line: `Signature-Input`, `Signature`, `Content-Digest`, and the path.
fn http_signature(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut lines = text.lines();
    let [input, signature, digest, path] = std::array::from_fn(|_| lines.next());
    let headers = Headers { signature_input: input, signature, content_digest: digest };
    let request = Request { method: "POST", path: path.unwrap_or("/"), query: None };
    let now = Time::from_unix_millis(1_618_884_473_000);
    forget(verify(&request, &headers, |_| None, now));
    if let Some((parameters, text)) = input.and_then(|input| Parameters::parse(input).ok()) {
        let written = format!("writ={parameters}");
        let (again, _) = Parameters::parse(&written).expect("what was written can be read");
        assert_eq!(again, parameters, "{text}");
    }
    if let Some(found) = digest.and_then(content_digest::from_header) {
        assert_eq!(content_digest::to_header(&found), digest.unwrap_or_default());
    }
    if let Some(name) = path.and_then(nar_file) {
        assert!(!name.contains(['/', '\\', '\0']) && !name.starts_with('.'), "{name} leads elsewhere");
    }
}

/// `{"predicate": …, "observation": …}`.
fn predicate(bytes: &[u8]) {
    #[derive(serde::Deserialize)]
    struct Case {
        predicate: Value,
        observation: Observation,
    }
    let Ok(Case { predicate, observation }) = json::parse(bytes, MAX_DOCUMENT) else { return };
    let Ok(predicate) = Predicate::from_json(&predicate) else { return };
    let written = predicate.to_json();
    let again = Predicate::from_json(&written).expect("what was written can be read");
    assert_eq!(again.to_json(), written);
    let truth = predicate.evaluate(&observation);
    assert_eq!(again.evaluate(&observation), truth);
    // What was not seen passes nothing.
    for clause in predicate.clauses().into_iter().filter(|clause| clause.op != Op::Exists) {
        let alone = Predicate::Clause(clause.clone()).evaluate(&Observation::new());
        assert_eq!(alone, Truth::Unknown, "{}", clause.field);
    }
    let not = Predicate::Not(Box::new(again)).evaluate(&observation);
    assert_eq!(not == Truth::True, truth == Truth::False);
    forget(predicate.explain(&observation));
}

/// Two sizes, an index and hashes: no proof that anybody makes up holds for a leaf that is not there.
fn log_proof(bytes: &[u8]) {
    let Some((head, rest)) = bytes.split_first_chunk::<24>() else { return };
    let number = |at: usize| u64::from_be_bytes(std::array::from_fn(|n| head[at + n]));
    let (old, new, index) = (number(0), number(8), number(16));
    let (hashes, _) = rest.as_chunks::<32>();
    let hashes = &hashes[..hashes.len().min(80)];
    let [leaf, root] = [b"a leaf", b"a root"].map(|text| *Digest::of(text).as_bytes());
    assert!(proof::verify_inclusion(&leaf, index, new, hashes, &root).is_err());
    if old != new {
        assert!(old == 0 || proof::verify_consistency(old, &leaf, new, &root, hashes).is_err());
    }
    struct Anything;
    impl proof::Nodes for Anything {
        type Error = Infallible;
        fn node(&mut self, _: u8, _: u64) -> Result<[u8; 32], Infallible> {
            Ok([7; 32])
        }
    }
    let Ok(made) = proof::inclusion(&mut Anything, index.min(new.saturating_sub(1)), new.max(1));
    assert!(made.len() <= 64, "a proof of {} hashes", made.len());
}
