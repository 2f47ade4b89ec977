//! On the real Nix of this machine: publishing, importing, and every way in which an import must refuse.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

mod closures;
mod imports;
mod nars;
mod profiles;
mod publishing;
mod world;
