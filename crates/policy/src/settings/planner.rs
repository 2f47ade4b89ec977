//! Whether something that is no rule may choose among signed runbooks, and which language model it may ask.

use serde::{Deserialize, Serialize};
use writ_trust::time::Span;

/// The longest time that an answer of a model is waited for, in milliseconds.
pub const LONGEST_DEADLINE: i64 = 5_000;
/// The shortest, in milliseconds.
pub const SHORTEST_DEADLINE: i64 = 100;
/// The most runbooks that one plan names.
pub const MOST_RUNBOOKS: u32 = 5;
/// The most calls of a model within an hour or a day: the time of each is kept.
pub const MOST_CALLS: u32 = 1_000;
/// The longest name of a model, in bytes.
pub const LONGEST_MODEL: usize = 128;

/// When people look at what a planner chose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Review {
    /// Before it runs.
    Before,
    /// After it ran.
    After,
    /// Not at all.
    Never,
}

/// What a site allows a planner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Planner {
    /// Whether there may be one.
    pub enabled: bool,
    /// When people look at what it chose.
    pub review: Review,
    /// The language model that it may ask; left out where it asks none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<Model>,
}

/// A language model that a planner may ask. What money is concerned is in millionths of a US dollar.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// The base of an OpenAI-compatible interface, before `/chat/completions`; an [`super::Endpoint`].
    pub url: String,
    /// Its name, as the endpoint knows it.
    pub name: String,
    /// The name of the secret that is its key; null where it asks for none.
    pub key: Option<String>,
    /// Whether it may be asked by plain HTTP beyond this machine, at a private address.
    pub insecure: bool,
    /// How long one answer is waited for, at most [`LONGEST_DEADLINE`].
    pub deadline: Span,
    /// The most runbooks that one plan may name, at most [`MOST_RUNBOOKS`].
    pub most_runbooks: u32,
    /// What may be used up.
    pub budget: ModelBudget,
    /// What is paid.
    pub price: ModelPrice,
}

/// What a planner may use up of a language model, by the hours that the machine runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelBudget {
    /// Calls within any hour.
    pub calls_per_hour: u32,
    /// Calls within any 24 hours.
    pub calls_per_day: u32,
    /// Money within any 24 hours, in millionths of a US dollar.
    pub microdollars_per_day: u64,
}

/// What a language model costs, in millionths of a US dollar for a thousand tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelPrice {
    /// Of what it is asked.
    pub input_microdollars_per_1000_tokens: u64,
    /// Of what it answers.
    pub output_microdollars_per_1000_tokens: u64,
}
