//! How much of anything is taken from anybody.

pub mod body;
pub mod places;
pub mod rates;
pub mod stalled;
