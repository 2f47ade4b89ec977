//! The secrets that this appliance has: decrypted in memory, handed to what is told to use them, and taken out of what that
//! says before anybody keeps it.
//!
//! A policy brings them encrypted to this appliance's key (`sealed`). Of a name that it does not bring, the file that somebody
//! laid into the folder of secrets by hand serves.

pub mod lay;
pub mod redact;
pub mod unseal;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use serde_json::Value;
use zeroize::Zeroizing;

use self::redact::{Cut, Redactor};

/// The value of a secret, or why it cannot be had.
pub type Held = Result<Zeroizing<Vec<u8>>, String>;

/// The most values of earlier that are still taken out of what is said.
const MOST_FORMER: usize = 64;

/// What is known of secrets. Every copy knows the same at any time: threads that look and work hold one.
#[derive(Clone, Default)]
pub struct Secrets(Arc<RwLock<Known>>);

#[derive(Default)]
struct Known {
    by_name: BTreeMap<String, Held>,
    /// Values that were known before, the oldest first.
    former: Vec<Zeroizing<Vec<u8>>>,
    redactor: Redactor,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secrets(hidden)")
    }
}

impl Secrets {
    /// Knows these from now on, and no others. What was known before, also long before, is still taken out of what is said: a
    /// program that got it may be running, and what it was used for may have it in its files.
    pub fn replace(&self, by_name: BTreeMap<String, Held>) {
        let mut guard = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let known = &mut *guard;
        let is = |held: &Held, value: &[u8]| held.as_ref().is_ok_and(|held| held.as_slice() == value);
        for value in std::mem::take(&mut known.by_name).into_values().flatten() {
            let is_current = by_name.values().any(|held| is(held, &value));
            if !is_current && !known.former.iter().any(|former| former.as_slice() == value.as_slice()) {
                known.former.push(value);
            }
        }
        let beyond = known.former.len().saturating_sub(MOST_FORMER);
        known.former.drain(..beyond);
        let values = by_name.values().filter_map(|held| held.as_ref().ok()).chain(&known.former);
        known.redactor = Redactor::of(values.map(|value| value.as_slice()));
        known.by_name = by_name;
    }

    /// The value of a secret.
    ///
    /// # Errors
    /// Why it cannot be had, with its name.
    pub fn value(&self, name: &str) -> Held {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        match known.by_name.get(name) {
            Some(Ok(value)) => Ok(value.clone()),
            Some(Err(why)) => Err(why.clone()),
            None => Err(format!("the policy brings no secret `{name}`, and none was laid down here by hand")),
        }
    }

    /// Why a secret that is named somewhere in these parameters cannot be had; none where all can, and of names that the policy does
    /// not bring and nobody laid down.
    pub fn locked<'v>(&self, parameters: impl IntoIterator<Item = &'v Value>) -> Option<String> {
        let named =
            |value: &Value| value.as_object().filter(|o| o.len() == 1)?.get("secret")?.as_str().map(str::to_owned);
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        parameters.into_iter().filter_map(named).find_map(|name| known.by_name.get(&name)?.as_ref().err().cloned())
    }

    /// The text without any secret.
    pub fn redact<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.redactor.text(text)
    }

    /// The bytes without any secret, and at an end where they were cut without a part of one.
    pub fn redact_bytes<'t>(&self, bytes: &'t [u8], cut: Cut) -> Cow<'t, [u8]> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.redactor.bytes(bytes, cut)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_secret_that_cannot_be_decrypted_is_told_by_name_and_others_are_given() {
        let secrets = Secrets::default();
        let shared = secrets.clone();
        secrets.replace(BTreeMap::from([
            ("good".to_owned(), Ok(Zeroizing::new(b"open sesame".to_vec()))),
            ("bad".to_owned(), Err("the secret `bad` cannot be decrypted here".to_owned())),
        ]));
        assert_eq!(shared.value("good").unwrap().as_slice(), b"open sesame");
        assert!(shared.value("bad").unwrap_err().contains("`bad`"));
        assert!(shared.value("none").unwrap_err().contains("`none`"));
        assert_eq!(shared.locked(&[json!({ "secret": "good" }), json!("x"), json!({ "secret": "none" })]), None);
        assert!(shared.locked(&[json!({ "secret": "bad" })]).is_some());
        assert_eq!(shared.redact("it is open sesame"), "it is [scrubbed:secret]");
        // What was known before is not told either.
        secrets.replace(BTreeMap::new());
        assert_eq!(shared.redact("it is open sesame"), "it is [scrubbed:secret]");
        // Nor after many more rotations, and what is taken up again and again unchanged takes nothing's place.
        let rotated =
            |n: usize| BTreeMap::from([("good".to_owned(), Ok(Zeroizing::new(format!("value-{n:04}").into_bytes())))]);
        for n in 0..MOST_FORMER {
            (0..3).for_each(|_| secrets.replace(rotated(n)));
        }
        let said = "open sesame, value-0000 and value-0063";
        assert_eq!(shared.redact(said), "[scrubbed:secret], [scrubbed:secret] and [scrubbed:secret]");
        secrets.replace(rotated(MOST_FORMER));
        assert_eq!(shared.redact(said), "open sesame, [scrubbed:secret] and [scrubbed:secret]", "the oldest goes");
        assert!(!format!("{secrets:?}").contains("sesame"));
    }
}
