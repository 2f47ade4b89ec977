//! The trust roots: from the one that was given to the newest that the depot has.

use writ_trust::json::MAX_DOCUMENT;

use super::Fetch;
use crate::depot::roots;
use crate::failure::{Failure, Outcome};

impl Fetch<'_> {
    /// Walks the roots of the folder and then those of the depot, and keeps what is new.
    pub fn roots(&mut self, pinned: &[u8]) -> Outcome<()> {
        let version = self.chain.newest().version;
        if let Some(given) = roots::given(&self.client, &self.chain, pinned) {
            self.keep_signatures(&format!("trust/{version}.json"), &given)?;
        }
        self.to.add(&format!("trust/{version}.json"), pinned)?;
        let mut added = Vec::new();
        roots::extend(&self.client, &mut self.chain, &mut added)?;
        for signed in added {
            let version = writ_trust::root::TrustRoot::parse(&signed.document.0).map(|root| root.version);
            let version = version.map_err(|e| Failure::refused("not a trust root").because(e))?;
            self.keep_signatures(&format!("trust/{version}.json"), &signed)?;
            self.to.add(&format!("trust/{version}.json"), &signed.document.0)?;
        }
        self.nothing_forgotten()
    }

    /// A root that an earlier fetch got must still be there.
    fn nothing_forgotten(&self) -> Outcome<()> {
        let newest = self.chain.newest().version;
        let next = format!("trust/{}.json", newest.get() + 1);
        match self.to.read(&next, MAX_DOCUMENT)? {
            None => Ok(()),
            Some(_) => Err(Failure::refused(format!("the depot shows trust root {newest} as the newest"))
                .at(self.client.depot())
                .because(format!("an earlier fetch got a newer one: {}", self.to.path(&next).display()))
                .next("the depot was set back, or withholds it: tell the holders of the trust keys")),
        }
    }
}
