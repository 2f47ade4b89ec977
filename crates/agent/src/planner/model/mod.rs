//! Asking a language model which runbooks to run, where the signed policy names one and this machine lets it be reached.
//!
//! A model can name runbooks that were offered, and nothing else; whatever is wrong with its answer, or in the way of one, the
//! fixed rule of [`super::select`] chooses. What was asked, what came back and what it cost goes into the plan, for the evidence.
//!
//! ```text
//! request → prompt (pure) → budget (pure; on disk before anything is sent) → call → answer (pure) → plan
//! ```

pub mod answer;
pub mod asking;
pub mod budget;
pub mod call;
pub mod foreign;
pub mod key;
pub mod outcome;
pub mod prompt;

pub use asking::{Asking, Chosen};
pub use outcome::Outcome;
