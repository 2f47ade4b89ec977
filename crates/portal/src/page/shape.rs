//! What pages have in common.

use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use writ_audit::compare::model::{Link, Score, Verdict};
use writ_audit::words::{thousands, when};
use writ_trust::ids::SiteId;
use writ_trust::time::Time;

use crate::address;
use crate::fault::Fault;
use crate::html::{Line, Page};
use crate::read::detail::Detail;
use crate::read::summary::{LogBasis, Summary};

/// What a page is answered with.
pub type Answer = Result<Response<Body>, Fault>;

/// The largest form, in bytes.
const MAX_FORM: usize = 4 * 1024;
/// How long a form may take to come.
const PATIENCE: Duration = Duration::from_secs(10);

/// From what a page of a site was made.
pub fn basis(site: &SiteId, read_at: Time, verified: bool, log: &LogBasis) -> Vec<Line> {
    let state = if verified {
        "Everything of it verified."
    } else {
        "Not everything of it verified; what did not was not counted."
    };
    let read = Line::of(format!("{site} was read and verified at {}. {state} ", when(read_at)));
    let mut lines = vec![read.link(format!("/site/{site}/verification"), "What was verified, and from what")];
    let text = format!("Its log is {}", log.state);
    lines.push(match (&log.origin, log.size, &log.root) {
        (Some(origin), Some(size), Some(root)) => {
            let said = log
                .fresh_at
                .map(|at| format!(", which its key said at {} to be the newest", when(at)))
                .unwrap_or_default();
            Line::of(format!("{text}: checkpoint of {origin} with {} entries, root ", thousands(size)))
                .code(root)
                .text(format!("{said}."))
        }
        _ => Line::of(format!("{text}: whether the newest evidence was withheld cannot be seen.")),
    });
    lines
}

/// A page of a site, below it, with what it rests on.
pub fn page_of(detail: &Detail, title: impl std::fmt::Display) -> Page {
    let c = &detail.comparison;
    let log = LogBasis::of(&c.verification, &detail.site);
    Page::new(title).below("/", "Fleet").below(address::site(&detail.site), &c.title).resting_on(basis(
        &detail.site,
        detail.read_at,
        c.verification.ok,
        &log,
    ))
}

/// What a page over all sites rests on.
pub fn basis_of_all<'a>(all: impl IntoIterator<Item = &'a Summary>) -> Vec<Line> {
    let (mut oldest, mut newest, mut n): (Option<Time>, Option<Time>, u64) = (None, None, 0);
    for summary in all {
        oldest = Some(oldest.map_or(summary.read_at, |at| at.min(summary.read_at)));
        newest = Some(newest.map_or(summary.read_at, |at| at.max(summary.read_at)));
        n += 1;
    }
    let line = match (oldest, newest) {
        (Some(oldest), Some(newest)) => Line::of(format!(
            "{}, read and verified between {} and {}; the page of each says from which checkpoint.",
            writ_audit::words::of(n, "site"),
            when(oldest),
            when(newest)
        )),
        _ => Line::of("Nothing was read yet."),
    };
    vec![line]
}

/// A verdict in its colour.
pub fn verdict(verdict: Verdict) -> Line {
    Line::default().pill(verdict.slug(), verdict)
}

/// `12 of 14 (85 %)`.
pub fn score(score: &Score) -> String {
    let percent = score.percent().map(|percent| format!(" ({percent}\u{a0}%)")).unwrap_or_default();
    format!("{} of {}{percent}", thousands(score.met), thousands(score.of))
}

/// A time, or that there is none.
pub fn at(time: Option<Time>) -> String {
    time.map_or_else(|| "never".to_owned(), when)
}

/// Links to bundles.
pub fn links(all: &[Link]) -> Line {
    let mut line = Line::default();
    for (n, link) in all.iter().enumerate() {
        let before = if n > 0 { ", " } else { "" };
        line = line.text(before).link(address::bundle(&link.path), link.bundle_id);
    }
    if all.is_empty() { Line::of("none") } else { line }
}

/// Something to be kept as a file.
pub fn download(bytes: Vec<u8>, name: &str) -> Answer {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let name: String = name.chars().filter(|c| plain(*c)).collect();
    let mut response = Response::new(Body::from(bytes));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    let how = HeaderValue::try_from(format!("attachment; filename=\"{name}\""));
    headers.insert(header::CONTENT_DISPOSITION, how.map_err(|_| Fault::Broken("a name that is none".to_owned()))?);
    Ok(response)
}

/// What programs read.
///
/// # Errors
/// [`Fault::Broken`]
pub fn json(value: &impl serde::Serialize) -> Answer {
    let bytes = serde_json::to_vec(value).map_err(|error| Fault::Broken(format!("JSON cannot be written: {error}")))?;
    let mut response = Response::new(Body::from(bytes));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

/// Another page to go to.
pub fn elsewhere(path: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    response.headers_mut().insert(header::LOCATION, HeaderValue::from_static(path));
    response
}

/// The body of a form: small, and soon there.
///
/// # Errors
/// [`Fault`]
pub async fn form(headers: &HeaderMap, body: Body) -> Result<std::collections::BTreeMap<String, String>, Fault> {
    let kind = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if length.is_some_and(|length| length > MAX_FORM) {
        return Err(Fault::TooLarge(MAX_FORM));
    }
    let read = tokio::time::timeout(PATIENCE, Limited::new(body, MAX_FORM).collect()).await.map_err(|_| Fault::Slow)?;
    let bytes = match read {
        Ok(whole) => whole.to_bytes(),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => return Err(Fault::TooLarge(MAX_FORM)),
        Err(error) => return Err(Fault::Malformed(error.to_string())),
    };
    // A form without fields has no kind.
    if !bytes.is_empty() && kind != b"application/x-www-form-urlencoded" {
        return Err(Fault::Malformed("it is no form".to_owned()));
    }
    address::form(&bytes)
}
