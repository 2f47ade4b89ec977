//! Who may see what: people named in a file, one-time links, sessions, and what bounds all of that.

pub mod gate;
pub mod links;
pub mod rates;
pub mod serving;
pub mod sessions;
pub mod token;
pub mod users;
