//! Writing down where a machine belongs: the settings of its daemons, and then the key, which says that all of it is there.

use std::fs;
use std::path::Path;

use writ_trust::ids::{ApplianceId, SiteId};

use super::offer::State;
use crate::depot::DepotOptions;
use crate::failure::{Failure, Outcome};
use crate::files;

/// Where a machine belongs, and what its daemons go by.
pub struct Settling<'a> {
    /// The site.
    pub site: &'a SiteId,
    /// The name there.
    pub appliance: &'a ApplianceId,
    /// The exact bytes of the trust root that it began with.
    pub trust: &'a [u8],
    /// The depot.
    pub depot: &'a DepotOptions,
    /// Where the enforcer lays out secrets for units.
    pub secrets_out: &'a Path,
}

impl Settling<'_> {
    /// Writes it all. Killed at any instant, it is as if it had not begun, or done.
    pub fn write(&self, state: &State) -> Outcome<()> {
        let at = |name: &str| state.folder().join(name);
        files::replace(&at("trust.json"), self.trust, 0o644, "the trust root")?;
        files::replace(&at("enforce.toml"), self.enforce(state)?.as_bytes(), 0o644, "the enforcer's configuration")?;
        files::replace(&at("sync.toml"), self.sync(state)?.as_bytes(), 0o644, "the courier's configuration")?;
        let failed = |e| Failure::could_not("cannot give the key its place").at(state.key().display()).because(e);
        fs::rename(state.claimed_key(), state.key()).map_err(failed)?;
        writ_durable::sync_directory(state.folder()).map_err(failed)?;
        // It is empty now; that it stays would mean nothing.
        let _ = fs::remove_dir(state.claimed());
        Ok(())
    }

    fn enforce(&self, state: &State) -> Outcome<String> {
        let at = |name: &str| quoted(&state.folder().join(name));
        Ok(format!(
            "site = \"{}\"\nappliance = \"{}\"\nreleases = {}\ntrust = {}\nkey = {}\nstate_dir = {}\noutbox_dir = {}\n\
             secrets_out = {}\n",
            self.site,
            self.appliance,
            at("spool/inbox")?,
            at("trust.json")?,
            at("appliance.key")?,
            at("enforce")?,
            at("spool/outbox")?,
            quoted(self.secrets_out)?,
        ))
    }

    fn sync(&self, state: &State) -> Outcome<String> {
        let at = |name: &str| quoted(&state.folder().join(name));
        let mut text = format!(
            "site = \"{}\"\nappliance = \"{}\"\ndepot = {}\ntrust = {}\nspool = {}\nstate_dir = {}\n",
            self.site,
            self.appliance,
            quoted(Path::new(&self.depot.depot))?,
            at("trust.json")?,
            at("spool")?,
            at("sync")?,
        );
        if let Some(authorities) = &self.depot.ca_file {
            text += &format!("ca_file = {}\n", quoted(authorities)?);
        }
        if self.depot.allow_http {
            text += "allow_http = true\n";
        }
        Ok(text)
    }
}

/// A path or an address as a TOML string; every JSON string is one.
fn quoted(path: &Path) -> Outcome<String> {
    let text = path.to_str().ok_or_else(|| Failure::refused("this path is not UTF-8").at(path.display()))?;
    serde_json::to_string(text).map_err(Failure::could_not)
}
