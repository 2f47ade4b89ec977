//! `/sign-in`: asks for a mail address; whoever asks hears the same, whether somebody has it or not.

use std::sync::Arc;

use askama::Template as _;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Response, header};

use super::shape::{Answer, form};
use crate::answer::Numbered;
use crate::fault::Fault;
use crate::html::{Page, STYLE_PATH, SignIn};
use crate::portal::Portal;

/// The longest address, in bytes (RFC 5321, 4.5.3.1).
const LONGEST: usize = 320;

pub async fn get() -> Answer {
    html(SignIn { style: STYLE_PATH }.render())
}

pub(super) fn html(rendered: Result<String, askama::Error>) -> Answer {
    let text = rendered.map_err(|error| Fault::Broken(format!("a page cannot be written: {error}")))?;
    let mut response = Response::new(Body::from(text));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    Ok(response)
}

pub async fn post(State(portal): State<Arc<Portal>>, request: Request) -> Answer {
    let (parts, body) = request.into_parts();
    let numbered = parts.extensions.get::<Numbered>().cloned();
    let numbered = numbered.ok_or_else(|| Fault::Broken("a request without a number".to_owned()))?;
    let now = portal.now();
    portal.from_place.take(&numbered.source, now).map_err(|after| Fault::TooMany { after })?;
    let fields = form(&parts.headers, body).await?;
    let address = fields.get("address").map(|address| address.trim()).filter(|_| fields.len() == 1);
    let address = address.filter(|address| (1..=LONGEST).contains(&address.len()));
    let address = address.ok_or_else(|| Fault::Malformed("it names no address".to_owned()))?;
    // For an address that nobody has as well: who asks hears no difference.
    if portal.for_address.take(address, &numbered.source, now).is_ok() {
        portal.post.ask(address, &numbered.source, &numbered.id);
    } else {
        tracing::info!(
            request = numbered.id,
            "no link is sent: as many were asked for this address within a quarter of an hour as are sent, from there or in all"
        );
    }
    let mut page = Page::new("Look into your mail");
    page.say("If somebody here has this address, a link to sign in is on its way to it. It is good once, and for 15 minutes.");
    page.say("Nothing came? Look among the unwanted mail, and wait a little: three links are sent within 15 minutes at most where you ask, and twelve where others ask as well. Each of them is good for you, whoever asked.");
    page.answer(None)
}
