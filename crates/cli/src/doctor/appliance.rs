//! All that is known of this appliance, gathered once; the questions are answered from it without another look.

use writ_agent::config::Config;
use writ_agent::planner::config::ModelConfig;
use writ_audit::words;
use writ_trust::time::Time;

use super::courier::{self, Courier};
use super::enforcer::Enforcer;
use super::offer::Offer;

/// How far ahead a time may be that was written in the past, in milliseconds: 10 minutes.
pub const MOST_AHEAD: i64 = 600_000;

/// The appliance.
pub struct Appliance {
    /// When it was looked at.
    pub now: Time,
    /// The enforcer's configuration.
    pub config: Config,
    /// The enforcer.
    pub enforcer: Enforcer,
    /// The courier; none where releases come by other ways.
    pub courier: Option<Courier>,
    /// What looks over the network; none where it never said anything.
    pub probe: Option<courier::Status>,
    /// What writ-planner says of itself, while it runs.
    pub planner: Option<courier::Status>,
    /// How this machine lets a model be reached; none where it lets none.
    pub model: Option<ModelConfig>,
    /// The folder of releases; none before the enforcer has ever started.
    pub offer: Option<Offer>,
}

impl Appliance {
    /// How long ago something was, for people.
    pub fn ago(&self, then: Time) -> String {
        format!("{} ago", lasting(self.now.millis_since(then)))
    }

    /// Whether a time that should be past lies further ahead than clocks differ: nothing can be said by it.
    pub fn is_to_come(&self, then: Time) -> bool {
        then.millis_since(self.now) > MOST_AHEAD
    }

    /// How long until something is, for people.
    pub fn left(&self, then: Time) -> String {
        lasting(then.millis_since(self.now))
    }
}

/// A length of time for people, in milliseconds; what lies on the other side of now is none.
pub fn lasting(millis: i64) -> String {
    words::lasting(u64::try_from(millis / 1000).unwrap_or(0))
}

/// How often something was done, for people.
pub fn times(n: u64) -> String {
    if n == 1 { "once".to_owned() } else { format!("{n} times") }
}
