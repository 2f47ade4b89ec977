//! `GET /nix-cache-info`: what a Nix binary cache says of itself.

use axum::body::Body;
use axum::http::Response;

use super::shape::bytes;

/// For the one store there is; asked for everything at once; tried after caches nearer by (nixos.org has 40 too).
const INFO: &str = "StoreDir: /nix/store\nWantMassQuery: 1\nPriority: 40\n";

pub async fn get() -> Response<Body> {
    bytes(INFO.into(), "text/x-nix-cache-info")
}
