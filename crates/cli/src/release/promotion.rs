//! What a draft that promotes says of itself (`writ.promotion.v1`): for whoever signs it. It decides nothing.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use writ_trust::document;
use writ_trust::ids::{ApplianceId, SiteId};
use writ_trust::json::{self, MAX_DOCUMENT};
use writ_trust::text::escaped;

use super::timing;
use crate::failure::{Failure, Outcome};
use crate::files;
use crate::layout::Layout;
use crate::screen;

/// The schema of [`Promotion`].
pub const SCHEMA: &str = "writ.promotion.v1";
/// The longest reason, in bytes.
pub const MAX_REASON: usize = 500;

/// A promotion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Promotion {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// The site.
    pub site: SiteId,
    /// What is promoted, as it was asked for, such as `ring rest`.
    pub what: String,
    /// The appliances that may take up the release at once by it.
    pub appliances: Vec<ApplianceId>,
    /// What spoke against it, one line each.
    pub against: Vec<String>,
    /// Why it is made all the same; null where nothing spoke against it.
    pub anyway: Option<String>,
}

/// Where it lies in a draft.
fn path(draft: &Layout, site: &SiteId) -> PathBuf {
    draft.root().join("promotions").join(format!("{site}.json"))
}

impl Promotion {
    /// Reads that of a site in a draft; none where the draft promotes nobody.
    pub fn read(draft: &Layout, site: &SiteId) -> Outcome<Option<Self>> {
        let path = path(draft, site);
        let Some(bytes) = files::read_if_there(&path, MAX_DOCUMENT, "the promotion")? else { return Ok(None) };
        let read: Self = document::parse(&bytes, SCHEMA).map_err(|e| {
            Failure::refused("what the draft says of its promotion cannot be read").at(path.display()).because(e)
        })?;
        Ok(Some(read))
    }

    /// Writes it into a draft.
    pub fn write(&self, draft: &Layout) -> Outcome<()> {
        let path = path(draft, &self.site);
        files::make_directory(files::parent_of(&path))?;
        files::create_or_same(&path, &json::canonical(self), "the promotion")
    }

    /// The same for people.
    pub fn lines(&self) -> Vec<String> {
        let names: Vec<&str> = self.appliances.iter().map(ApplianceId::as_str).collect();
        let title = format!("  promotes {}: {}", escaped(&self.what), timing::named(&names));
        let mut lines = vec![screen::paint(screen::YELLOW, &title)];
        lines.extend(self.against.iter().take(20).map(|line| format!("    against it: {}", escaped(line))));
        lines.extend(self.anyway.iter().map(|reason| format!("    and anyway, for: {}", escaped(reason))));
        lines
    }
}
