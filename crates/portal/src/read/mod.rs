//! Reading the audit folder: each site by itself, verified from the first trust root on.
//!
//! ```text
//! audit folder ─▶ pulse (what changed?) ─▶ site::read ─▶ Summary, for every site, held always
//!                                                    └─▶ Detail, of some sites, held as long as there is room
//! ```

pub mod detail;
pub mod fleet;
pub mod held;
pub mod keeper;
pub mod learned;
pub mod reports;
pub mod site;
pub mod summary;

pub use writ_audit::pulse;
