//! A copy of a tree with one more file in it: what `writ check` says of it holds before anything is written.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use tempfile::TempDir;
use writ_policy::delta::Delta;

use super::flake::Flake;
use crate::check::Whole;
use crate::check::tree::Tree;
use crate::failure::{Failure, Outcome};
use crate::{files, screen};

/// The folders of a tree that are evaluated.
const FOLDERS: [&str; 4] = ["modules/policy", "baselines", "rules", "hosts"];

/// The sites whose policies have a rule once its file is there; a refusal where the tree then has mistakes.
pub fn sites_with(flake: &Flake, file: &str, text: &str, rule: &str) -> Outcome<BTreeSet<String>> {
    let folder = copy(&flake.tree.root, file, text)
        .map_err(|e| Failure::could_not("this tree cannot be copied to try the rule in").because(e))?;
    let tree = Tree::at(folder.path())?;
    let whole = Whole::of(&tree, None)?;
    if let Some(unsound) = whole.mistakes(&tree, None)? {
        unsound.shown.iter().for_each(|mistake| screen::aside(mistake));
        let failure =
            Failure::refused(format!("with this rule the tree has {}", screen::count(unsound.count, "mistake")));
        let overlaps =
            unsound.shown.iter().any(|mistake| mistake.contains("[overlapping-rules]") && mistake.contains(rule));
        return Err(match overlaps {
            true => failure
                .because("another rule of the same priority answers the same")
                .next("--priority N gives it another one, below 50: of two rules that match, the higher runs first"),
            false => {
                failure.because("nothing was written").next("writ check: it shows every mistake of the tree as it is")
            }
        });
    }
    Ok(whole.parts().iter().flat_map(|part| sites(part, rule)).collect())
}

fn copy(root: &Path, file: &str, text: &str) -> std::io::Result<TempDir> {
    let folder = tempfile::Builder::new().prefix("writ-learn-").tempdir()?;
    for name in FOLDERS {
        files::copy_folder(&root.join(name), &folder.path().join(name))?;
    }
    fs::write(folder.path().join(file), text)?;
    Ok(folder)
}

/// The sites of a part whose policies have a rule.
fn sites(part: &Delta, rule: &str) -> Vec<String> {
    let key = format!("\"{rule}\":");
    let has = |site: &writ_policy::delta::Site| {
        site.appliances.values().any(|appliance| {
            let base = appliance.base.as_ref().and_then(|base| part.bases.get(base));
            let own = appliance.policy.as_ref();
            let dropped = own.and_then(|own| own.drop.get("rules")).is_some_and(|ids| ids.get().contains(rule));
            base.is_some_and(|base| !dropped && base.rules.get().contains(&key))
                || own.and_then(|own| own.set.get("rules")).is_some_and(|rules| rules.get().contains(&key))
        })
    };
    part.sites.iter().filter(|(_, site)| has(site)).map(|(name, _)| name.clone()).collect()
}
