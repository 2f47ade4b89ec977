//! The baselines that an export is about.

use std::collections::BTreeMap;

use crate::failure::{Failure, Outcome};
use crate::library::catalogue::Baseline;

/// The baselines of these names, or all that are declared, in order of name.
pub fn choose<'a>(
    declared: &'a BTreeMap<String, Baseline>,
    names: &[String],
) -> Outcome<Vec<(&'a String, &'a Baseline)>> {
    if let Some(unknown) = names.iter().find(|name| !declared.contains_key(*name)) {
        let known = || declared.keys().map(String::as_str);
        let failure = Failure::refused(format!("there is no baseline `{}`", writ_trust::text::one_line(unknown)));
        let all = || format!("there are: {}", known().collect::<Vec<_>>().join(", "));
        return Err(failure.nearest(unknown, known(), all));
    }
    Ok(declared.iter().filter(|(name, _)| names.is_empty() || names.contains(*name)).collect())
}
