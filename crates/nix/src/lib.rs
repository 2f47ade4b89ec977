//! Nix as a tool: closures read off the store, published as signed binary caches, imported from caches that nobody
//! trusts, and the profiles that say what a machine runs.
//!
//! Nix's own programs do the work on the store; formats (NAR, narinfo, hashes) come from `nix-archive`, `nix-narinfo` and
//! `nix-derivation`, checked against Nix by tests. Nothing here reads the machine's nix.conf, but for
//! the building of systems ([`evaluate::Tree::build`]): where and with whose help is for the builder to say.

pub mod cache;
pub mod cache_key;
pub mod closure;
pub mod evaluate;
pub mod gc_root;
pub mod import;
mod listing;
pub mod nar;
pub mod profile;
pub mod publish;
pub mod tool;
mod window;
