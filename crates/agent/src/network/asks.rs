//! What a policy wants to have looked at over the network.

use writ_policy::check::Check;
use writ_policy::policy::Policy;
use writ_trust::ids::{ApplianceId, SiteId};
use writ_wire::asks::{Ask, Asks, AsksSchema};
use writ_wire::looks::file_name;
use writ_wire::releases::ReleaseRef;

use crate::probes;

/// The folder of the spool, and the file in it.
pub const FOLDER: &str = "asks";
/// See [`FOLDER`].
pub const FILE: &str = "asks.json";
/// The folder of the spool with what was seen.
pub const LOOKS: &str = "looks";

/// What is asked for by a check; none for a check that is not looked at over the network.
pub fn ask(id: &str, check: &Check) -> Option<Ask> {
    (probes::is_network(&check.probe.name) && file_name(id).is_some()).then(|| Ask {
        probe: check.probe.name.clone(),
        parameters: check.probe.parameters.clone(),
        every: check.every.clone(),
    })
}

/// All that a policy asks for. The name of the machine that a check is about says nothing here: its parameters do.
pub fn of(policy: Option<&Policy>, site: &SiteId, appliance: &ApplianceId, release: Option<ReleaseRef>) -> Asks {
    let checks = policy.into_iter().flat_map(|policy| &policy.checks);
    let asks = checks.filter_map(|(id, check)| Some((id.clone(), ask(id, check)?))).collect();
    Asks { schema: AsksSchema::V1, site: site.clone(), appliance: appliance.clone(), release, asks }
}
