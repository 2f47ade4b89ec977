//! A machine that belongs nowhere yet, `writ.unclaimed.v1`: what it shows to whoever stands before it, so that its key can be compared.

use std::path::Path;

use serde::{Deserialize, Serialize};
use writ_trust::claim_code::ClaimCode;
use writ_trust::ids::{ApplianceId, SiteId};
use writ_trust::time::Time;
use writ_wire::claim::PlainName;
use writ_wire::mac::MacAddress;

use crate::provision::qr_code::Matrix;
use crate::provision::{ClaimUri, offer};
use crate::screen;

/// The schema of [`Unclaimed`].
pub const SCHEMA: &str = "writ.unclaimed.v1";

/// A machine that waits for its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unclaimed {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// When it was looked.
    pub at: Time,
    /// The card that the machine is known by.
    pub mac: MacAddress,
    /// What the firmware calls it.
    pub hardware: PlainName,
    /// The claim code of its key, in groups.
    pub claim_code: String,
    /// The site that it was told it is for; null where nobody said.
    pub site: Option<SiteId>,
    /// The name that it was told it gets; null where nobody said.
    pub appliance: Option<ApplianceId>,
    /// Why nothing comes, in words; null where nothing is in the way.
    pub trouble: Option<String>,
}

impl Unclaimed {
    /// What the machine lays out of itself, and what is in its way; none where it lays out nothing.
    pub fn look(claim: &Path, answer: &Path, now: Time) -> Option<Self> {
        let said = offer::current(claim, now)?;
        Some(Self {
            schema: SCHEMA.to_owned(),
            at: now,
            mac: said.mac,
            hardware: said.hardware,
            claim_code: ClaimCode::of(&said.public_key).to_string(),
            site: said.site,
            appliance: said.appliance,
            trouble: offer::trouble(answer),
        })
    }

    /// The code.
    pub fn code(&self) -> Result<ClaimCode, String> {
        self.claim_code.parse().map_err(|e| format!("its claim code: {e}"))
    }

    /// What its QR code holds.
    pub fn uri(&self) -> Result<ClaimUri, String> {
        let (site, appliance) = (self.site.clone(), self.appliance.clone());
        Ok(ClaimUri { mac: Some(self.mac), code: self.code()?, site, appliance })
    }

    /// Its QR code.
    pub fn matrix(&self) -> Result<Matrix, String> {
        Matrix::of(&self.uri()?.for_qr()).map_err(|e| e.to_string())
    }

    /// Prints it for people.
    pub fn print(&self) {
        screen::line("This machine belongs nowhere yet: it waits until a release names its key.");
        screen::line(&format!("  card        {}", self.mac));
        screen::line(&format!("  machine     {}", self.hardware));
        for (n, line) in self.code().map_or_else(|_| Vec::new(), |code| code.lines()).iter().enumerate() {
            screen::line(&format!("  {:<12}{line}", if n == 0 { "claim code" } else { "" }));
        }
        if let Some(trouble) = &self.trouble {
            screen::line(&format!("  depot       {trouble}"));
        }
    }
}
