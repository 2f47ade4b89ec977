//! The people who may sign in, and what each may see.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use writ_notify::channel::mail::is_address;
use writ_trust::ids::SiteId;

/// What somebody is. Nobody changes anything here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Sees every site, and who looked at what.
    Operator,
    /// Sees the sites that are named.
    Auditor,
}

impl Role {
    /// In a word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Auditor => "auditor",
        }
    }
}

/// One person.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// Where their links are sent; also their name.
    pub address: String,
    /// What they are.
    pub role: Role,
    /// The sites that an auditor sees.
    #[serde(default)]
    pub sites: BTreeSet<SiteId>,
}

impl User {
    /// Whether they may see a site.
    pub fn may_see(&self, site: &SiteId) -> bool {
        self.role == Role::Operator || self.sites.contains(site)
    }
}

/// Who sees everything where no file names anybody, on a machine of one's own.
pub const LOCAL: &str = "local";

/// Everybody, by address in small letters.
#[derive(Debug, Clone, Default)]
pub struct Users(BTreeMap<String, Arc<User>>);

impl Users {
    /// These people.
    ///
    /// # Errors
    /// What is wrong with one of them, in a sentence.
    pub fn new(list: Vec<User>) -> Result<Self, String> {
        let mut users = BTreeMap::new();
        for user in list {
            let address = &user.address;
            if !is_address(address) {
                return Err(format!("{address:?} is no mail address: expected one such as kim@msp.example"));
            }
            match (user.role, user.sites.is_empty()) {
                (Role::Auditor, true) => {
                    return Err(format!("{address}: an auditor sees the sites that are named: give sites = [\"…\"]"));
                }
                (Role::Operator, false) => {
                    return Err(format!(
                        "{address}: an operator sees every site: leave sites out, or make them an auditor"
                    ));
                }
                _ => {}
            }
            let name = address.to_ascii_lowercase();
            if users.insert(name, Arc::new(user.clone())).is_some() {
                return Err(format!("{address} is named twice"));
            }
        }
        Ok(Self(users))
    }

    /// One person who sees everything, for a machine of one's own.
    pub fn local() -> Self {
        let user = User { address: LOCAL.to_owned(), role: Role::Operator, sites: BTreeSet::new() };
        Self(BTreeMap::from([(LOCAL.to_owned(), Arc::new(user))]))
    }

    /// The person with this address, whatever the case of its letters.
    pub fn get(&self, address: &str) -> Option<Arc<User>> {
        self.0.get(&address.to_ascii_lowercase()).cloned()
    }

    /// Every address.
    pub fn addresses(&self) -> impl Iterator<Item = &str> {
        self.0.values().map(|user| user.address.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(address: &str, role: Role, sites: &[&str]) -> User {
        User { address: address.into(), role, sites: sites.iter().map(|site| site.parse().unwrap()).collect() }
    }

    #[test]
    fn an_auditor_sees_the_sites_that_are_named_and_an_operator_all() {
        let users = Users::new(vec![
            user("Kim@msp.example", Role::Operator, &[]),
            user("a@b.example", Role::Auditor, &["clinic-001"]),
        ]);
        let users = users.unwrap();
        let (one, other) = ("clinic-001".parse().unwrap(), "clinic-002".parse().unwrap());
        let kim = users.get("kim@MSP.example").unwrap();
        assert!(kim.may_see(&one) && kim.may_see(&other));
        let auditor = users.get("a@b.example").unwrap();
        assert!(auditor.may_see(&one) && !auditor.may_see(&other) && users.get("c@d").is_none());
        for bad in [
            vec![user("not an address", Role::Operator, &[])],
            vec![user("a@b", Role::Auditor, &[])],
            vec![user("a@b", Role::Operator, &["clinic-001"])],
            vec![user("a@b", Role::Operator, &[]), user("A@b", Role::Operator, &[])],
        ] {
            assert!(Users::new(bad).is_err());
        }
    }
}
