//! The secrets of the policy in force: decrypted when it is taken up, and again when that is asked for, and laid out for units.

use super::engine::Engine;
use crate::secrets::{lay, unseal};

impl Engine {
    /// The secrets are those of the policy in force. What cannot be decrypted is said, and told of by the checks that need it.
    pub(super) fn take_up_secrets(&mut self) {
        let Some(policy) = self.policy() else { return };
        let secrets = unseal::all(&policy.secrets, &policy.sealed, &self.config.keeping());
        let mut problems: Vec<String> = secrets.values().filter_map(|held| held.as_ref().err().cloned()).collect();
        // Who only looks changes nothing.
        if let Some(folder) = self.config.secrets_out.as_deref().filter(|_| self.is_in_charge())
            && let Err(why) = lay::out(folder, &secrets)
        {
            problems.push(format!("secrets cannot be laid out for units: {why}"));
        }
        self.context.secrets.replace(secrets);
        problems.into_iter().for_each(|problem| self.say_once(problem));
    }
}
