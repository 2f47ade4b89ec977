//! The file that names people, and where mail is handed over.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use writ_notify::channel::mail::Server;
use zeroize::Zeroizing;

use crate::access::users::{User, Users};

/// The largest configuration, in bytes.
const MAX_CONFIG: usize = 1024 * 1024;
/// The largest file with a password, in bytes.
const MAX_PASSWORD: usize = 4 * 1024;

/// The configuration.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where the portal is found, as in `https://portal.msp.example`; without it, where it listens.
    pub url: Option<String>,
    /// Where mail is handed over; without it links are made by `writ-portal link` alone.
    pub mail: Option<MailConfig>,
    /// Who may sign in.
    #[serde(default)]
    pub users: Vec<User>,
}

/// Where mail is handed over.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MailConfig {
    /// `smtps://host`, `smtp://host` with STARTTLS, or `smtp+plain://127.0.0.1`.
    pub server: String,
    /// Whom mail is from.
    pub from: String,
    /// As whom to log in.
    pub user: Option<String>,
    /// A file with the password.
    pub password_file: Option<PathBuf>,
    /// Authorities (PEM) that may vouch for the server, instead of the public web's.
    pub ca_file: Option<PathBuf>,
}

/// Why a configuration is of no use.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It cannot be read.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is not what was expected.
    #[error("{}: {what}", path.display())]
    Unfit {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        what: String,
    },
}

impl Config {
    /// Reads a configuration.
    ///
    /// # Errors
    /// What is wrong with it, in words for whoever wrote it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let config: Self = toml::from_str(text).map_err(|error| error.to_string().trim().to_owned())?;
        Users::new(config.users.clone())?;
        if config.users.is_empty() {
            return Err("it names nobody: add [[users]] with an address and a role".to_owned());
        }
        if let Some(mail) = &config.mail
            && mail.user.is_some() != mail.password_file.is_some()
        {
            return Err("[mail]: give user and password_file, or neither".to_owned());
        }
        Ok(config)
    }

    /// Reads the file.
    ///
    /// # Errors
    /// [`ConfigError`]
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let bytes = writ_durable::read_bounded(path, MAX_CONFIG)
            .map_err(|source| ConfigError::Io { path: path.to_owned(), source })?;
        let unfit = |what: String| ConfigError::Unfit { path: path.to_owned(), what };
        let text = std::str::from_utf8(&bytes).map_err(|_| unfit("it is not UTF-8".to_owned()))?;
        Self::parse(text).map_err(unfit)
    }

    /// The people.
    pub fn users(&self) -> Users {
        // They were judged when the configuration was read.
        Users::new(self.users.clone()).unwrap_or_default()
    }
}

impl MailConfig {
    /// The server, ready to be handed mail.
    ///
    /// # Errors
    /// One line.
    pub fn server(&self) -> Result<Server, String> {
        let login = match (&self.user, &self.password_file) {
            (Some(user), Some(file)) => {
                let read = writ_durable::read_bounded(file, MAX_PASSWORD);
                let bytes = Zeroizing::new(read.map_err(|error| format!("{}: {error}", file.display()))?);
                let text = std::str::from_utf8(&bytes).map_err(|_| format!("{}: it is not UTF-8", file.display()))?;
                Some((user.clone(), Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned())))
            }
            _ => None,
        };
        Server::new(&self.server, &self.from, login, self.ca_file.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_names_people_and_a_mail_server() {
        let config = Config::parse(
            r#"
            url = "https://portal.msp.example"
            [mail]
            server = "smtps://mail.msp.example"
            from = "writ@msp.example"
            [[users]]
            address = "kim@msp.example"
            role = "operator"
            [[users]]
            address = "auditor@firm.example"
            role = "auditor"
            sites = ["clinic-001"]
            "#,
        )
        .unwrap();
        assert_eq!(config.users().addresses().count(), 2);
        assert!(config.mail.unwrap().server().is_ok());
    }

    #[test]
    fn mistakes_are_named() {
        for (text, said) in [
            ("", "names nobody"),
            ("[[users]]\naddress = \"kim@msp.example\"\nrole = \"admin\"", "admin"),
            ("[[users]]\naddress = \"kim@msp.example\"\nrole = \"auditor\"", "sees the sites"),
            ("[[users]]\naddress = \"kim\"\nrole = \"operator\"", "no mail address"),
            ("[[users]]\naddress = \"kim@msp.example\"\nrole = \"operator\"\npassword = \"x\"", "password"),
            ("[[user]]\naddress = \"kim@msp.example\"", "user"),
            (
                "[mail]\nserver = \"smtps://m\"\nfrom = \"a@b\"\nuser = \"x\"\n[[users]]\naddress = \"a@b\"\nrole = \"operator\"",
                "neither",
            ),
            ("url = 3", "string"),
        ] {
            let wrong = Config::parse(text).unwrap_err();
            assert!(wrong.contains(said), "{text}: {wrong}");
        }
    }
}
