//! `GET /procedures/{name}`: one of them.

use std::sync::Arc;

use axum::Extension;
use axum::extract::Path;
use axum::http::Uri;

use super::shape::Answer;
use crate::access::users::User;
use crate::address;
use crate::documents::Document;
use crate::fault::Fault;
use crate::html::{Block, Page, Shown};

pub async fn get(Extension(who): Extension<Arc<User>>, Path(name): Path<String>, uri: Uri) -> Answer {
    let document = Document::find(&name).ok_or(Fault::NotFound)?;
    let shown = Shown::of(address::part(&uri)?, document.parts.len(), 1)?;
    let mut page = Page::new(&document.title).below("/procedures", "Procedures");
    let part = document.parts.get(shown.from).ok_or(Fault::NotFound)?;
    page.add(Block::Written(document.html(part))).parts(&format!("/procedures/{name}"), &shown);
    page.answer(Some(&who))
}
