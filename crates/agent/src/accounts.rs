//! Names of users and groups, from /etc/passwd and /etc/group (passwd(5), group(5)).
//!
//! Only the files are read, not NSS: an appliance's own accounts are what its policy speaks of, and a network
//! directory must not be able to rename them.

use std::path::Path;

/// The largest account file that is read.
pub const MAX_ACCOUNT_FILE: usize = 4 * 1024 * 1024;

/// The account files' `name:password:number:…` lines.
#[derive(Debug, Clone, Default)]
pub struct Names(Vec<(String, u32)>);

impl Names {
    /// The users of /etc/passwd; none when it cannot be read.
    pub fn users() -> Self {
        Self::read(Path::new("/etc/passwd"))
    }

    /// The groups of /etc/group; none when it cannot be read.
    pub fn groups() -> Self {
        Self::read(Path::new("/etc/group"))
    }

    fn read(path: &Path) -> Self {
        Self::parse(&writ_durable::read_bounded(path, MAX_ACCOUNT_FILE).unwrap_or_default())
    }

    /// Reads lines of the form `name:password:number:…`; other lines are skipped.
    pub fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let lines = text.lines().filter_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next().filter(|name| !name.is_empty())?;
            let number = fields.nth(1)?.parse().ok()?;
            Some((name.to_owned(), number))
        });
        Self(lines.collect())
    }

    /// The first name of a number; the number itself when it has none.
    pub fn name(&self, number: u32) -> String {
        self.0.iter().find(|(_, n)| *n == number).map_or_else(|| number.to_string(), |(name, _)| name.clone())
    }

    /// The number of a name, or of a number's decimal digits.
    pub fn number(&self, name: &str) -> Option<u32> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, n)| *n).or_else(|| name.parse().ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_find_each_other() {
        let names = Names::parse(
            b"root:x:0:0:root:/root:/bin/sh\nbad\n:x:9:\nx:y:z:\n\xff\xfe:x:7:\nweb:x:33:33::/:\nalias:x:0:",
        );
        assert_eq!(names.name(0), "root");
        assert_eq!(names.number("web"), Some(33));
        assert_eq!(names.number("alias"), Some(0));
        assert_eq!(names.name(9), "9");
        assert_eq!(names.number("1000"), Some(1000));
        for bad in ["nobody-here", "-1", "", "4294967296", "0x0", "bad"] {
            assert_eq!(names.number(bad), None, "{bad}");
        }
    }
}
