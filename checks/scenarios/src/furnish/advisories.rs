//! A list of flaws, as whoever builds systems would lay into them: a current one, and nothing that is installed is in it.

use anyhow::Result;

use super::{ago, lay};
use crate::container::Container;

pub(super) fn furnish(container: &Container) -> Result<()> {
    let (now, then) = (ago(0), ago(super::DAY));
    let text = format!(
        r#"{{ "schema": "writ.advisories.v1", "issued_at": "{now}", "source": "made for this container", "advisories": [
  {{ "id": "CVE-2026-0001", "package": "no-such-package", "fixed_in": null, "severity": "critical", "exploited": true,
    "published_at": "{then}" }} ] }}
"#
    );
    lay(container, "/etc/writ/advisories/made.json", 0o644, text)
}
