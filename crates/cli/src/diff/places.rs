//! Where a setting stands. Evaluation says it of items and of overrides; a setting has a place in the file of its site, or
//! in that of a baseline which prescribes it.

use std::path::Path;

use serde_json::Value as Json;
use writ_policy::validate::Part;

use crate::check::locate::{Wanted, locate_exactly};
use crate::check::source::Sources;

/// The files of both sides.
pub struct Places {
    before: Sources,
    after: Sources,
}

impl Places {
    /// Those below the roots of two trees.
    pub fn of(before: &Path, after: &Path) -> Self {
        Self { before: Sources::new(before.to_owned()), after: Sources::new(after.to_owned()) }
    }

    /// `file:line` of a setting of a site that has these `baselines`, by keys from the policy's root. Of what is gone it is
    /// where it was; of what stands in no file, such as a default, where something around it does.
    pub fn of_setting(&self, site: &str, baselines: &Json, path: &[String]) -> Option<String> {
        if path.first().is_none_or(|section| section != "settings") {
            return None;
        }
        // A site writes them without a section.
        let of_site = (format!("hosts/{site}/site.nix"), 1);
        let named = baselines.as_object().into_iter().flatten();
        let files: Vec<(String, usize)> = std::iter::once(of_site)
            .chain(named.map(|(name, _)| (format!("baselines/{name}/default.nix"), 0)))
            .collect();
        (2..=path.len()).rev().find_map(|end| {
            let sides = [&self.after, &self.before];
            sides.into_iter().find_map(|side| files.iter().find_map(|(file, from)| line(side, file, &path[*from..end])))
        })
    }
}

/// `file:line` of what the path leads to from the file's root expression.
fn line(side: &Sources, file: &str, path: &[String]) -> Option<String> {
    let source = side.get(file)?;
    // No line of the file begins the search: the path is followed from its root.
    let wanted = Wanted { line: u32::MAX, column: None, path, part: Part::Key, text: None };
    let found = locate_exactly(&source, &wanted)?;
    let (line, _) = source.position(found.start);
    Some(format!("{file}:{line}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_setting_is_found_where_it_is_or_was() {
        let (before, after) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let write = |side: &tempfile::TempDir, file: &str, text: &str| {
            let path = side.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        let site = "{ writ, ... }:\nwrit.site {\n  contacts = {\n    desk = { email = \"a@x\"; };\n  };\n";
        write(&before, "hosts/s/site.nix", &format!("{site}  tier = \"essential\";\n}}\n"));
        write(&after, "hosts/s/site.nix", &format!("{site}}}\n"));
        for side in [&before, &after] {
            write(
                side,
                "baselines/b/default.nix",
                "{ writ, ... }:\nwrit.baseline {\n  settings.sla = {\n    high = \"1h\";\n  };\n}\n",
            );
        }
        let places = Places::of(before.path(), after.path());
        for (path, at) in [
            (&["settings", "contacts", "desk", "email"][..], Some("hosts/s/site.nix:4")),
            // A contact that is not there any more, of a set that is.
            (&["settings", "contacts", "gone"], Some("hosts/s/site.nix:3")),
            (&["settings", "tier"], Some("hosts/s/site.nix:6")),
            (&["settings", "sla", "high"], Some("baselines/b/default.nix:4")),
            (&["settings", "posture", "vector"], None),
            (&["settings"], None),
            (&["checks", "contacts"], None),
        ] {
            let path: Vec<String> = path.iter().map(|key| (*key).to_owned()).collect();
            assert_eq!(places.of_setting("s", &json!({ "b": "1" }), &path).as_deref(), at, "{path:?}");
        }
        assert_eq!(places.of_setting("s", &json!({}), &["settings", "sla", "high"].map(str::to_owned)), None);
        assert_eq!(places.of_setting("other", &json!({}), &["settings", "tier"].map(str::to_owned)), None);
    }
}
