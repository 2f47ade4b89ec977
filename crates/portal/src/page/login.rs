//! `/login/{token}`: the page behind a link, whose button uses it up. Programs that look at links in mails press no buttons.

use std::sync::Arc;

use askama::Template as _;
use axum::extract::{Path, Request, State};
use axum::http::header;

use super::shape::{Answer, elsewhere, form};
use super::sign_in::html;
use crate::access::token;
use crate::answer::Numbered;
use crate::fault::Fault;
use crate::html::{Login, STYLE_PATH};
use crate::portal::Portal;
use crate::views::{View, What};

pub async fn get(Path(token): Path<String>) -> Answer {
    if token::kept(&token).is_none() {
        return Err(Fault::NotFound);
    }
    html(Login { style: STYLE_PATH, token: &token }.render())
}

pub async fn post(State(portal): State<Arc<Portal>>, Path(token): Path<String>, request: Request) -> Answer {
    let (parts, body) = request.into_parts();
    let numbered = parts.extensions.get::<Numbered>().cloned();
    let numbered = numbered.ok_or_else(|| Fault::Broken("a request without a number".to_owned()))?;
    let now = portal.now();
    portal.tries.take(&numbered.source, now).map_err(|after| Fault::TooMany { after })?;
    if !form(&parts.headers, body).await?.is_empty() {
        return Err(Fault::Malformed("the form has fields".to_owned()));
    }
    let gone = |error: &dyn std::fmt::Display| Fault::Broken(error.to_string());
    let redeeming = {
        let portal = portal.clone();
        tokio::task::spawn_blocking(move || portal.links.redeem(&token, now))
    };
    let user = redeeming.await.map_err(|error| gone(&error))?.map_err(|error| Fault::Link(error.to_string()))?;
    let nobody = || Fault::Link("its user may not sign in any more".to_owned());
    let user = portal.access().users.get(&user).ok_or_else(nobody)?;
    let session = portal.sessions.begin(&user.address, now).map_err(|error| gone(&error))?;
    let view = View::of(&user, What::SignedIn, now, "/login/…", 303, &numbered.source, &numbered.id);
    if let Err(error) = portal.trail.record(view).await {
        portal.sessions.end(&session);
        return Err(Fault::Busy(error.to_string()));
    }
    let mut response = elsewhere("/");
    let cookie = portal.gate.cookie(Some(&session)).ok_or_else(|| Fault::Broken("a cookie that is none".to_owned()))?;
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    Ok(response)
}
