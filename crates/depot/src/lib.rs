//! The depot: it stores and forwards what others signed, and has no authority over any of it.
//!
//! Requests are answered by many threads from one [`depot::Depot`]; everything that is stored goes through one thread
//! ([`writer`]), which commits what waits in one transaction before it answers. The endpoints are in [`endpoint`], one file
//! each and one list of all.

pub mod beats;
pub mod claims;
pub mod clock;
pub mod cosigned;
pub mod database;
pub mod depot;
pub mod directory;
pub mod endpoint;
pub mod fault;
pub mod folders;
pub mod forecast;
pub mod held;
pub mod identity;
pub mod ingestion;
pub mod judge;
pub mod limits;
pub mod metrics;
pub mod options;
pub mod orders;
pub mod publication;
pub mod sandbox;
pub mod server;
pub mod sitelog;
pub mod static_files;
pub mod store;
pub mod upkeep;
pub mod writer;
