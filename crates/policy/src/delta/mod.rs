//! What a tree evaluates to, for every command that looks at policies: `writ check`, `diff`, `explain`.
//!
//! ```text
//! let delta = Delta::read(&bytes)?;                  // of `-A delta`, or Delta::read_report of `-A report`
//! let policies = Policies::of(&delta)?;
//! for (site, said) in &delta.sites {                 // titles, findings, overrides, public keys
//!     for (appliance, _) in &said.appliances {
//!         policies.policy(site, appliance)?;         // Some(the whole policy document) or None
//!         policies.merged(site, appliance);          // what merging baselines decided
//!         delta.overrides(site, appliance);          // the site's, then its own
//!     }
//! }
//! ```
//!
//! `-A delta` of `modules/policy/evaluate.nix` says once what policies share, so that a thousand sites cost what is
//! different about them. A tree whose library is older has no such attribute ([`lacks_delta`]); its `report` is read into
//! the same shape.

mod older;
mod overlay;
mod policies;
mod shape;

pub use self::overlay::{Overlay, SECTIONS};
pub use self::policies::Policies;
pub use self::shape::{
    Appliance, Base, Baseline, Broken, Delta, Known, Merged, NixFinding, NixRelated, Override, Own, Position, Site,
};

/// The attribute of `modules/policy/evaluate.nix` to evaluate.
pub const DELTA: &str = "delta";
/// The attribute to evaluate where there is no [`DELTA`].
pub const REPORT: &str = "report";

/// Whether Nix failed because the tree's library is older than [`DELTA`]; `message` is what it said.
pub fn lacks_delta(message: &str) -> bool {
    message.contains("attribute 'delta' in selection path 'delta'")
}

impl Delta {
    /// Reads what `-A delta` printed.
    pub fn read(json: &[u8]) -> serde_json::Result<Self> {
        serde_json::from_slice(json)
    }

    /// Reads what `-A report` printed. Appliances whose sections are the same word for word have one base.
    pub fn read_report(json: &[u8]) -> serde_json::Result<Self> {
        older::read(json)
    }

    /// The overrides that count for an appliance: its site's, then its own.
    pub fn overrides<'a>(&'a self, site: &str, appliance: &str) -> impl Iterator<Item = &'a Override> + use<'a> {
        let site = self.sites.get(site);
        let own = site.and_then(|site| site.appliances.get(appliance));
        site.into_iter().flat_map(|site| &site.overrides).chain(own.into_iter().flat_map(|own| &own.overrides))
    }
}
