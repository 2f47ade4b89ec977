//! The parsers of what `writ` reads and did not write, in one list: what the fuzzer throws bytes at. What is in here is for it
//! alone.
//!
//! Each panics only when a promise is broken.

use writ_policy::delta::Position;
use writ_policy::validate::Part;
use writ_trust::document;
use writ_trust::json::{self, MAX_DOCUMENT};
use writ_trust::time::Time;

use crate::check::cache::reach::reach;
use crate::check::hint::hint;
use crate::check::locate::{Wanted, bound_names, constructor, locate, locate_exactly, names};
use crate::check::nix_error::NixError;
use crate::check::source::Source;
use crate::diff::lay;
use crate::keys::register::Register;
use crate::notify::page as link_page;
use crate::notify::store::Answered;
use crate::release::promotion::Promotion;
use crate::release::{ledger, promotion};
use crate::status::{http, page};
use crate::{appliance_state, doctor};

/// One parser: its name, and what reads any bytes with it.
pub type Parser = (&'static str, fn(&[u8]));

const PARSERS: &[Parser] = &[
    ("archive-tar", |bytes| {
        let Ok(files) = writ_audit::unpack::tar::read_all(bytes, 1 << 20) else { return };
        for (path, _) in files {
            let plain = |part: &str| !part.is_empty() && !part.starts_with('.');
            assert!(path.split('/').count() > 1 && path.split('/').all(plain), "it leads out of a folder: {path:?}");
        }
    }),
    ("bucket-xml", |bytes| forget(writ_bucket::xml::parse(bytes))),
    ("courier-status", |bytes| forget(doctor::courier::parse(bytes))),
    ("git-listing", |bytes| {
        let entries: Vec<_> = bytes.split(|b| *b == 0).filter_map(lay::Entry::read).collect();
        forget(lay::sound(&entries));
    }),
    ("http-head", |bytes| {
        let judged = http::judge(bytes, &["desk.example".to_owned()]);
        let whole = bytes.windows(4).any(|part| part == b"\r\n\r\n");
        assert_eq!(judged == http::Asked::Unfinished, !whole && bytes.len() < http::MAX_HEAD);
    }),
    ("link-request", |bytes| {
        let judged = link_page::judge(bytes);
        let whole = bytes.windows(4).any(|part| part == b"\r\n\r\n");
        assert_eq!(judged == link_page::Asked::Unfinished, !whole && bytes.len() < http::MAX_HEAD);
    }),
    ("nix-error", |bytes| {
        let text = String::from_utf8_lossy(bytes);
        let error = NixError::parse(&text, "/t/", "exit code 1", |file| file.ends_with(".nix"));
        let source = Source::new(text.into_owned());
        for at in error.trace.iter().chain(&error.library).take(4) {
            let (range, _) = hint(&error, at, &source);
            assert!(source.text.get(range).is_some(), "a hint leads out of the file");
        }
    }),
    ("nix-places", |bytes| places(&Source::new(String::from_utf8_lossy(bytes).into_owned()))),
    ("nix-reach", |bytes| forget(reach(&String::from_utf8_lossy(bytes), "baselines/a.nix"))),
    ("writ.enforcer-status.v1", |bytes| forget(serde_json::from_slice::<appliance_state::Status>(bytes))),
    ("writ.key-register.v1", |bytes| forget(json::parse::<Register>(bytes, MAX_DOCUMENT))),
    ("writ.ledger.v1", |bytes| forget(document::parse::<ledger::Document>(bytes, ledger::SCHEMA))),
    ("writ.notify-ack.v1", |bytes| forget(json::parse::<Answered>(bytes, MAX_DOCUMENT))),
    ("writ.promotion.v1", |bytes| {
        let Ok(read) = document::parse::<Promotion>(bytes, promotion::SCHEMA) else { return };
        let lines = read.lines();
        assert!(!lines.iter().any(|line| line.contains('\n')), "one line each: {lines:?}");
    }),
    ("writ.status.v1", page_of),
    ("writ.unclaimed.v1", page_of),
];

/// Shows what there is to be shown.
fn page_of(bytes: &[u8]) {
    let Ok(shown) = page::read(bytes) else { return };
    let now = Time::from_unix_millis(1_795_000_000_000);
    let page = page::render(&shown, now).expect("a page");
    assert!(!page.contains("<script"), "the page has a script");
}

/// For parsers of which no more is promised than that they come to an end.
fn forget<T>(_: T) {}

/// Looks for places as `writ check` does: where they are within the file, and on one line.
fn places(source: &Source) {
    forget((bound_names(source), names(source).count()));
    let on_one_line = |range: std::ops::Range<usize>| {
        let text = source.text.get(range).expect("a place within the file");
        assert!(!text.contains('\n'), "a place over several lines: {text:?}");
    };
    constructor(source).into_iter().for_each(on_one_line);
    let path = ["checks", "a.b", "expect", "mode", "0"].map(str::to_owned);
    let lines = u32::try_from(source.text.lines().count()).unwrap_or(u32::MAX);
    for line in [1, 2, lines / 2, lines, u32::MAX] {
        for (column, part, text) in [(None, Part::Value, Some("0644")), (Some(3), Part::Key, None)] {
            for path in [&path[..], &path[3..], &[]] {
                let wanted = Wanted { line, column, path, part, text };
                on_one_line(locate(source, &wanted));
                locate_exactly(source, &wanted).into_iter().for_each(on_one_line);
            }
        }
    }
    let at = Position { file: "a.nix".to_owned(), line: lines, column: 5 };
    for message in ["syntax error, unexpected '=', expecting ';'", "unexpected ','", "undefined variable 'a'"] {
        let error = NixError { message: message.to_owned(), suggestion: None, trace: Vec::new(), library: None };
        on_one_line(hint(&error, &at, source).0);
    }
}

/// Every parser of this command that is not another crate's.
pub fn parsers() -> &'static [Parser] {
    PARSERS
}
