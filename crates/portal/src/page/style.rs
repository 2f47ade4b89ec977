//! The style sheet, the one thing that browsers may keep.

use axum::body::Body;
use axum::http::{HeaderValue, Response, header};

use crate::html::STYLE;

pub async fn get() -> Response<Body> {
    let mut response = Response::new(Body::from(STYLE));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/css; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600"));
    response
}
