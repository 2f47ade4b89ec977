//! The tools, in one list. What is not in it is not offered.

mod controls;
mod coverage;
mod drift;
mod evidence;
mod explain;
mod incidents;
mod propose_plan;
mod schema;

use serde_json::{Map, Value};

use crate::answer::{Answer, Refusal};
use crate::desk::Desk;

/// One tool.
pub struct Tool {
    /// Its name.
    pub name: &'static str,
    /// The same for people.
    pub title: &'static str,
    /// What it is for, for models.
    pub description: &'static str,
    /// The properties that it takes, and which of them it needs: a JSON schema of an object without others.
    pub schema: fn() -> Value,
    /// Whether it leaves everything as it is.
    pub reads_only: bool,
    run: Run,
}

/// What answers a call: given what is read, what the client calls itself, and the arguments.
type Run = fn(&Desk, &str, Map<String, Value>) -> Result<Answer, Refusal>;

/// Every tool.
pub const TOOLS: [&Tool; 7] = [
    &controls::TOOL,
    &drift::TOOL,
    &incidents::TOOL,
    &evidence::TOOL,
    &coverage::TOOL,
    &explain::TOOL,
    &propose_plan::TOOL,
];

impl Tool {
    /// The tool of a name, if it is offered.
    pub fn named(desk: &Desk, name: &str) -> Option<&'static Self> {
        Self::offered(desk).find(|tool| tool.name == name)
    }

    /// The tools that are offered: what writes is so only where proposals are wanted.
    pub fn offered(desk: &Desk) -> impl Iterator<Item = &'static Self> + use<> {
        let queues = desk.queue.is_some();
        TOOLS.into_iter().filter(move |tool| tool.reads_only || queues)
    }

    /// Answers a call; `asker` is what the client calls itself.
    ///
    /// # Errors
    /// Why there is no answer, in one line.
    pub fn call(&self, desk: &Desk, asker: &str, arguments: Map<String, Value>) -> Result<(Value, String), Refusal> {
        (self.run)(desk, asker, arguments).map(Answer::finish)
    }
}
