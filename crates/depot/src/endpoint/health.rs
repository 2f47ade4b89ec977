//! `GET /health`: this process answers.

use axum::body::Body;
use axum::http::Response;

use super::shape::text;

pub async fn get() -> Response<Body> {
    text("ok\n")
}
