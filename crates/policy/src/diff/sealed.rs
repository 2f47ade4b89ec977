//! Secrets that a policy brings: of each the digest of its age file, as nobody compares those by eye.

use std::borrow::Cow;

use serde_json::{Map, Value as Json};
use writ_trust::digest::Digest;

/// The section `sealed` of a policy, each age file as its digest; an empty one where there is none.
pub fn digests(sealed: Option<&Json>) -> Json {
    let sealed = sealed.and_then(Json::as_object).into_iter().flatten();
    let digest = |file: &Json| match file.as_str() {
        Some(file) => Json::String(format!("an age file of {}", Digest::of(file.as_bytes()))),
        None => file.clone(),
    };
    Json::Object(sealed.map(|(name, file)| (name.clone(), digest(file))).collect::<Map<_, _>>())
}

/// A policy with its secrets told so.
pub(super) fn told(policy: &Json) -> Cow<'_, Json> {
    let Some(mut told) = policy.as_object().filter(|policy| policy.contains_key("sealed")).cloned() else {
        return Cow::Borrowed(policy);
    };
    told.insert("sealed".to_owned(), digests(policy.get("sealed")));
    Cow::Owned(Json::Object(told))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{Effect, diff_json};

    #[test]
    fn a_secret_that_is_set_anew_is_told_by_name_and_never_as_its_file() {
        let policy = |file: &str| json!({ "sealed": { "backup": file, "other": "c2FtZQ==" } });
        let diff = diff_json(&policy("b25l"), &policy("dHdv"));
        let [change] = &diff.changes[..] else { panic!("{diff:?}") };
        assert_eq!((change.path.join("."), change.effect), ("sealed.backup".to_owned(), Effect::Unclear));
        assert!(change.after.as_ref().is_some_and(|after| after.as_str().is_some_and(|t| t.contains("sha256:"))));
        let first = diff_json(&json!({}), &policy("b25l"));
        assert!(first.changes.iter().all(|change| change.path[0] == "sealed"), "{first:?}");
        assert!(!format!("{first:?}").contains("b25l"));
    }
}
