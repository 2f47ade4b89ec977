//! `GET /procedures`: what people do, as it was written when this program was built.

use std::sync::Arc;

use axum::Extension;

use super::shape::Answer;
use crate::access::users::User;
use crate::documents::{Document, OTHERS, PROCEDURES};
use crate::html::{Block, Line, Page};

pub async fn get(Extension(who): Extension<Arc<User>>) -> Answer {
    let mut page = Page::new("Procedures");
    page.say("These came with the portal; they are of the version that runs, and not signed.");
    let list = |all: &[(&str, &str)]| {
        let link = |(name, text): &(&str, &str)| {
            Line::default().link(format!("/procedures/{name}"), Document::title(name, text))
        };
        Block::List(all.iter().map(link).collect())
    };
    if !PROCEDURES.is_empty() {
        page.heading("Procedures").add(list(PROCEDURES));
    }
    page.heading("How the product works").add(list(OTHERS));
    page.answer(Some(&who))
}
