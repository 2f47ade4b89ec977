//! The logs of the sites, as files and as the trees that grow them.
//!
//! What the database committed is the log. The files below `log/<site>/<number>/` are derived from it, in C2SP's layout, so that
//! any web server could serve them; they are written after the commit, and completed at the next start if that was prevented. What
//! others say of when (`timestamps/`, `cosignatures/`) is in files alone, and not derived from anything.

mod check;
mod files;
mod grow;
mod heads;
mod times;

pub use check::tiles_lead_to_root;
pub use files::{LogFileError, LogFiles};
pub use grow::{LogError, OpenLog};
pub use heads::{Head, Heads};
pub use times::{COSIGNATURES, Kept, TIMESTAMPS, TimeFiles};
