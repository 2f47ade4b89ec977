//! The orders by which logs of the site took over from those before.

use writ_trust::json::MAX_DOCUMENT;
use writ_trust::log::restart::LogRestart;
use writ_wire::{MAX_ENVELOPE, Signed, paths};

use super::Fetch;
use crate::depot::{failed, if_there};
use crate::failure::Outcome;

impl Fetch<'_> {
    /// The order by which a log took over from the one before. It counts under the newest trust root: when a key that signed
    /// it was revoked since, the depot is asked for the same document with the signatures of others.
    pub fn restart(&mut self, number: u64, origin: &str) -> Outcome<()> {
        let path = format!("{}/restart.json", self.log_path(number));
        let kept = self.to.read(&path, MAX_DOCUMENT)?.filter(|kept| !kept.is_empty());
        if let Some(kept) = &kept
            && self.ordered(kept, &self.kept_signatures(&path)?, origin).is_ok()
        {
            return Ok(());
        }
        let answer = if_there(self.client.get(&paths::log_restart(self.site, number), MAX_ENVELOPE as u64));
        let answer =
            answer.map_err(|e| failed(format!("cannot ask for the restart of log {number}"), &self.client, &e))?;
        let Some(bytes) = answer else {
            return self.withhold(path, "the depot does not give the order by which this log began");
        };
        let signed = match Signed::parse(&bytes) {
            Ok(signed) if signed.check_bounds().is_ok() => signed,
            _ => return self.withhold(path, "what the depot gives is no signed document"),
        };
        if kept.is_some_and(|kept| kept != signed.document.0) {
            let name = self.to.state(&format!("refused/{}-{number}-restart.json", self.site));
            self.to.keep(&name, &bytes)?;
            let why = "the order that is here does not hold, and the depot gives another one, kept as";
            return self.withhold(path, format!("{why} {}", name.display()));
        }
        self.keep_signatures(&path, &signed)?;
        // With those that were here already.
        match self.ordered(&signed.document.0, &self.kept_signatures(&path)?, origin) {
            Ok(()) => self.to.add(&path, &signed.document.0),
            Err(why) => self.withhold(path, format!("the order by which this log began does not hold: {why}")),
        }
    }

    fn ordered<S: AsRef<[u8]>>(&self, bytes: &[u8], signatures: &[S], origin: &str) -> Result<(), String> {
        match LogRestart::verify(bytes, signatures, &self.chain, self.site) {
            Ok(restart) if restart.origin == origin => Ok(()),
            Ok(restart) => Err(format!("it begins the log {:?}", restart.origin)),
            Err(error) => Err(error.to_string()),
        }
    }
}
