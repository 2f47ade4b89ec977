//! What keeps a good verdict from being told as one where only good and bad have words.

use crate::compare::model::Comparison;

/// What puts every good verdict of a folder in doubt: that it does not verify.
pub fn on_folder(c: &Comparison) -> Option<String> {
    (!c.verification.ok).then(|| "the folder does not verify".to_owned())
}

/// What puts every good verdict on a control in doubt: that, or an appliance that could not be judged all the time.
pub fn on_controls(c: &Comparison) -> Option<String> {
    let unjudged = c.appliances.iter().find(|a| a.not_assessable.is_some());
    on_folder(c).or_else(|| unjudged.map(|a| format!("{} was not judged", a.appliance)))
}
