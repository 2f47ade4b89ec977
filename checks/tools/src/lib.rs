//! What tasks and tests drive the tools of this machine with. Knows nothing of Writ but where its policy lies.

pub mod flake;
pub mod peers;
pub mod phase;
pub mod python;
pub mod run;
pub mod setup;
