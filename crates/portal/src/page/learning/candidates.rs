//! `GET /learning/candidates`: the patterns that wait for a decision, for programs (`writ.learning-candidates.v1`).

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::Uri;
use serde::Serialize;
use writ_audit::learn::Pattern;

use super::together;
use crate::access::users::User;
use crate::address;
use crate::html::Shown;
use crate::page::shape::{Answer, json};
use crate::portal::Portal;

/// How many candidates one part has.
const EACH: usize = 50;

/// A part of the candidates, the most frequent first.
#[derive(Serialize)]
struct Candidates<'c> {
    /// Always `writ.learning-candidates.v1`.
    schema: &'static str,
    /// Which part, from 1.
    page: usize,
    /// How many there are.
    pages: usize,
    /// How many candidates there are in all.
    all: usize,
    /// Those of this part.
    candidates: Vec<&'c Pattern>,
}

pub async fn get(State(portal): State<Arc<Portal>>, Extension(who): Extension<Arc<User>>, uri: Uri) -> Answer {
    let part = address::part(&uri)?;
    let learned = together(&portal, &who).await?;
    let candidates = learned.candidates();
    let shown = Shown::of(part, candidates.len(), EACH)?;
    json(&Candidates {
        schema: "writ.learning-candidates.v1",
        page: shown.part,
        pages: shown.parts,
        all: shown.all,
        candidates: shown.slice(&candidates).to_vec(),
    })
}
