//! `POST /sign-out`: ends the session.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header;

use super::shape::{Answer, elsewhere};
use crate::answer::Did;
use crate::portal::Portal;
use crate::views::What;

pub async fn post(State(portal): State<Arc<Portal>>, request: Request) -> Answer {
    if let Some(token) = portal.gate.token(request.headers()) {
        portal.sessions.end(token);
    }
    let mut response = elsewhere("/sign-in");
    if let Some(cookie) = portal.gate.cookie(None) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response.extensions_mut().insert(Did(What::SignedOut));
    Ok(response)
}
