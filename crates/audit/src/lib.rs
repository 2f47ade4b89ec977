//! The auditor's side: verifying an audit folder, comparing a baseline with its evidence, and telling about both.
//!
//! Everything read here may have been written by an enemy: files are bounded, names are checked before they are opened,
//! symbolic links are never followed, and nothing counts before its signature was verified by a key that a verified
//! release names. Nothing here needs a network, a server or a clock; times come in as arguments.
//!
//! [`archive::Archive::open`] reads trust roots, releases and documents; [`archive::Archive::walk`] verifies the evidence
//! bundle by bundle and hands each to a visitor. [`compare`] is such a visitor, [`query`] and [`show`] are others.

pub mod archive;
pub mod attest;
pub mod calendar;
pub mod checklist;
pub mod collect;
pub mod compare;
pub mod costs;
pub mod decided;
pub mod folder;
pub mod learn;
mod linked;
mod load;
pub mod log_chain;
pub mod log_summary;
pub mod period;
pub mod problem;
pub mod proof;
pub mod proposals;
pub mod pulse;
pub mod query;
pub mod report;
pub mod restore;
pub mod sample;
pub mod show;
pub mod story;
pub mod unpack;
pub mod verify;
pub mod words;

pub use archive::{Archive, Options, Trust};
pub use folder::{Folder, FolderError};
pub use period::Period;
