//! What is said of a new site, and how people say it in an option or an answer.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// Everything that is written of a new site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// Its folder's name.
    pub name: String,
    /// Its name for people.
    pub title: String,
    /// As in the IANA list.
    pub time_zone: String,
    /// The service that it bought.
    pub tier: Option<String>,
    /// Versions by baseline.
    pub baselines: BTreeMap<String, String>,
    /// What heals there.
    pub rule_families: Vec<String>,
    /// Who may accept a risk.
    pub approvers: Vec<String>,
    /// Whom an incident reaches, in the order in which they are called.
    pub contacts: Vec<Contact>,
    /// Where news goes.
    pub notify: Vec<Channel>,
    /// When what disturbs people may happen.
    pub windows: Vec<Window>,
    /// When people look at what a planner chose.
    pub review: String,
    /// Names of the secrets that are kept for it.
    pub secrets: Vec<String>,
    /// Folder names of its appliances.
    pub appliances: Vec<String>,
    /// The symbols that their systems provide to runbooks.
    pub programs: Vec<String>,
}

/// A person that can be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// Such as `primary`; `writ check` knows which there are.
    pub role: String,
    /// Who answers.
    pub person: String,
    /// An address.
    pub email: Option<String>,
    /// A number.
    pub phone: Option<String>,
}

/// `ROLE=PERSON,EMAIL[,PHONE]`; of e-mail and phone, one will do, and the name of a person may have commas.
impl FromStr for Contact {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str =
            "a contact is ROLE=PERSON,EMAIL,PHONE, such as \"primary=Sam Reed,sam@msp.example,+1 555 0150\"";
        let (role, rest) = text.split_once('=').ok_or(FORM)?;
        let (mut person, mut email, mut phone) = (Vec::new(), None, None);
        for part in rest.split(',').map(str::trim) {
            if part.contains('@') && email.is_none() {
                email = Some(part.to_owned());
            } else if is_phone(part) && phone.is_none() {
                phone = Some(part.to_owned());
            } else if email.is_some() || phone.is_some() {
                return Err(FORM);
            } else {
                person.push(part);
            }
        }
        if email.is_none() && phone.is_none() {
            return Err("nobody can be reached without an e-mail address or a phone number: ROLE=PERSON,EMAIL,PHONE");
        }
        Ok(Self { role: role.trim().to_owned(), person: person.join(", "), email, phone })
    }
}

/// At least three digits, and nothing that is in no phone number.
fn is_phone(text: &str) -> bool {
    text.chars().filter(char::is_ascii_digit).count() >= 3
        && text.chars().all(|c| c.is_ascii_digit() || matches!(c, '+' | '-' | ' ' | '(' | ')' | '/' | '.'))
}

/// Where news goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    /// Its name at the site.
    pub name: String,
    /// `email`, `pagerduty` or `webhook`.
    pub kind: String,
    /// An address, which is no secret, or the name of a secret.
    pub to: To,
}

/// The address of a [`Channel`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum To {
    /// In the clear.
    Address(String),
    /// The name of a secret that the site keeps.
    Secret(String),
}

/// `NAME=email:ADDRESS`, `NAME=pagerduty:SECRET`, `NAME=webhook:SECRET`.
impl FromStr for Channel {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "a notification is NAME=email:ADDRESS, or NAME=pagerduty:SECRET or NAME=webhook:SECRET with the name of a secret";
        let (name, rest) = text.split_once('=').ok_or(FORM)?;
        let (kind, to) = rest.split_once(':').ok_or(FORM)?;
        let to = to.trim().to_owned();
        // The address of a webhook often is all that one needs to write there.
        let to = if kind.trim() == "email" { To::Address(to) } else { To::Secret(to) };
        Ok(Self { name: name.trim().to_owned(), kind: kind.trim().to_owned(), to })
    }
}

/// When what disturbs people may happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// Such as `sat`.
    pub days: Vec<String>,
    /// `HH:MM` in the site's time zone.
    pub from: String,
    /// `HH:MM`; past midnight where it is earlier than `from`.
    pub to: String,
    /// Such as `switch`.
    pub allows: Vec<String>,
}

/// `DAYS FROM-TO [ALLOWS]`, such as `sat,sun 22:00-02:00 switch,reboot`.
impl FromStr for Window {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str =
            "a window is DAYS FROM-TO, such as \"sun 02:00-06:00\" or \"sat,sun 22:00-02:00 switch,reboot\"";
        let mut words = text.split_whitespace();
        let (days, times) = words.next().zip(words.next()).ok_or(FORM)?;
        let (from, to) = times.split_once('-').ok_or(FORM)?;
        let allows = words.next().unwrap_or("switch,reboot");
        if words.next().is_some() {
            return Err(FORM);
        }
        let names = |list: &str| list.split(',').map(str::to_owned).collect();
        Ok(Self { days: names(days), from: from.to_owned(), to: to.to_owned(), allows: names(allows) })
    }
}

/// A baseline, and its version unless it is the one of the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Baseline {
    /// Its name.
    pub name: String,
    /// The version that is meant.
    pub version: Option<String>,
}

/// `NAME` or `NAME=VERSION`.
impl FromStr for Baseline {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text.split_once('=') {
            Some((name, version)) => Self { name: name.to_owned(), version: Some(version.to_owned()) },
            None => Self { name: text.to_owned(), version: None },
        })
    }
}

impl fmt::Display for Baseline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        self.version.iter().try_for_each(|version| write!(f, "={version}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contacts_are_read_as_people_write_them() {
        let contact = |text: &str| text.parse::<Contact>();
        let full = contact("primary=Sam Reed, sam@msp.example, +1 (555) 0150").unwrap();
        assert_eq!((full.role.as_str(), full.person.as_str()), ("primary", "Sam Reed"));
        assert_eq!((full.email.as_deref(), full.phone.as_deref()), (Some("sam@msp.example"), Some("+1 (555) 0150")));
        let titled = contact("clinic=Maria Santos, office manager,office@clinic.example").unwrap();
        assert_eq!((titled.person.as_str(), titled.phone), ("Maria Santos, office manager", None));
        assert_eq!(contact("primary=Sam,+1 555 0150").unwrap().email, None);
        for wrong in ["Sam Reed", "primary=Sam Reed", "primary=a@b.example,Sam", "primary=Sam,a@b.example,c@d.example"]
        {
            assert!(contact(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn windows_and_channels_are_read_as_people_write_them() {
        let window: Window = "sat,sun 22:00-02:00".parse().unwrap();
        assert_eq!(
            (window.days, window.allows),
            (vec!["sat".into(), "sun".into()], vec!["switch".into(), "reboot".into()])
        );
        assert_eq!("sun 02:00-06:00 scan".parse::<Window>().unwrap().allows, ["scan"]);
        for wrong in ["sun", "sun 02:00", "sun 02:00-06:00 scan more", ""] {
            assert!(wrong.parse::<Window>().is_err(), "{wrong}");
        }
        assert_eq!("desk=email:a@b.example".parse::<Channel>().unwrap().to, To::Address("a@b.example".into()));
        assert_eq!("pager=pagerduty:pager-key".parse::<Channel>().unwrap().to, To::Secret("pager-key".into()));
        assert!("desk=a@b.example".parse::<Channel>().is_err());
    }
}
