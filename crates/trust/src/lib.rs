//! Trust: keys, minisign files, trust roots, releases and the rules by which an appliance accepts one.
//!
//! This is the left-most crate of the house: it knows nothing of policy, does no I/O, reads no clock and draws no
//! randomness. Times and random bytes come in as arguments, so every rule here can be tested with any past or future.

pub mod acceptance;
pub mod claim_code;
pub mod digest;
pub mod document;
pub mod documents;
pub mod floor;
pub mod history;
pub mod ids;
pub mod json;
pub mod key_history;
pub mod key_register;
pub mod log;
pub mod minisign;
pub mod numbers;
pub mod order;
pub mod refusal;
pub mod release;
pub mod role;
pub mod root;
pub mod root_chain;
pub mod rotation;
mod rules;
pub mod store_path;
pub mod text;
pub mod threshold;
pub mod time;
pub mod timestamp;
