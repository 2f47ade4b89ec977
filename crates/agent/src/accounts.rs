//! Accounts and groups, from /etc/passwd, /etc/shadow and /etc/group (passwd(5), shadow(5), group(5)).
//!
//! Only the files are read, not NSS: an appliance's own accounts are what its policy speaks of, and a network
//! directory must not be able to rename them.

use std::cell::RefCell;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

/// The largest account file that is read.
pub const MAX_ACCOUNT_FILE: usize = 4 * 1024 * 1024;

/// The account files' `name:password:number:…` lines.
#[derive(Debug, Clone, Default)]
pub struct Names(Vec<(String, u32)>);

impl Names {
    /// The users of /etc/passwd; none when it cannot be read.
    pub fn users() -> Rc<Self> {
        thread_local!(static USERS: Kept = Kept::default());
        USERS.with(|kept| read(Path::new("/etc/passwd"), kept))
    }

    /// The groups of /etc/group; none when it cannot be read.
    pub fn groups() -> Rc<Self> {
        thread_local!(static GROUPS: Kept = Kept::default());
        GROUPS.with(|kept| read(Path::new("/etc/group"), kept))
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

/// What tells that a file is still the same: where it is, how long, and when anything of it was last changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    place: (u64, u64),
    size: u64,
    changed: (i64, i64),
}

impl Stamp {
    /// None when the file was changed a moment ago, or in the future: the next change might get the same time.
    fn of(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        let changed = (metadata.ctime(), metadata.ctime_nsec());
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(changed.0).ok()?);
        let age = SystemTime::now().duration_since(at).ok()?;
        (age > SETTLED).then_some(Self { place: (metadata.dev(), metadata.ino()), size: metadata.size(), changed })
    }
}

/// How long ago a file was changed at least of which is known what stands in it; times of files are some milliseconds coarse.
const SETTLED: Duration = Duration::from_secs(2);

/// What was read of a file, as long as that is still so.
type Kept = RefCell<Option<(Stamp, Rc<Names>)>>;

/// Every look at a file asks who owns it: the account files are read again only when they have changed.
fn read(path: &Path, kept: &Kept) -> Rc<Names> {
    let stamp = Stamp::of(path);
    if let (Some(stamp), Some((known, names))) = (stamp, &*kept.borrow())
        && stamp == *known
    {
        return Rc::clone(names);
    }
    let names = Rc::new(Names::parse(&writ_durable::read_bounded(path, MAX_ACCOUNT_FILE).unwrap_or_default()));
    *kept.borrow_mut() = stamp.map(|stamp| (stamp, Rc::clone(&names)));
    names
}

/// Programs that stand where a shell would and let nobody in.
const NO_SHELLS: [&str; 6] = ["nologin", "false", "true", "sync", "shutdown", "halt"];

/// One account of /etc/passwd.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its name.
    pub name: String,
    /// Its number.
    pub uid: u32,
    /// The number of its first group.
    pub gid: u32,
    /// Its folder.
    pub home: String,
    /// What is started when it logs in; empty is /bin/sh.
    pub shell: String,
    /// Whether something that is typed can match the password that stands here; none when it stands in /etc/shadow.
    pub open: Option<bool>,
}

impl Account {
    fn parse(line: &str) -> Option<Self> {
        let fields: Vec<&str> = line.split(':').collect();
        let [name, password, uid, gid, _, home, shell] = fields.as_slice() else { return None };
        let (uid, gid) = (uid.parse().ok()?, gid.parse().ok()?);
        let text = |field: &&str| (*field).to_owned();
        let open = (*password != "x").then(|| is_open(password));
        (!name.is_empty()).then(|| Self { name: text(name), uid, gid, home: text(home), shell: text(shell), open })
    }

    /// Whether its shell is one.
    pub fn has_shell(&self) -> bool {
        !NO_SHELLS.contains(&self.shell.rsplit('/').next().unwrap_or_default())
    }
}

/// The password of an account in /etc/shadow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shadow {
    /// Whose it is.
    pub name: String,
    /// Whether something that is typed can match.
    pub open: bool,
    /// The day when it was set, counted from 1970.
    pub changed: Option<i64>,
    /// The day from which the account is closed, counted from 1970.
    pub expires: Option<i64>,
}

impl Shadow {
    fn parse(line: &str) -> Option<Self> {
        let fields: Vec<&str> = line.split(':').collect();
        let [name, hash, changed, _, _, _, _, expires, ..] = fields.as_slice() else { return None };
        let day = |field: &str| field.parse::<i32>().ok().map(i64::from);
        let open = is_open(hash);
        // A negative day is none, as shadow's tools have it.
        let expires = day(expires).filter(|day| *day >= 0);
        (!name.is_empty()).then(|| Self { name: (*name).to_owned(), open, changed: day(changed), expires })
    }
}

/// `!` and `*` at the beginning are no hash: nothing that is typed matches.
fn is_open(hash: &str) -> bool {
    !hash.starts_with(['!', '*'])
}

/// One group of /etc/group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// Its number.
    pub gid: u32,
    /// Who is in it besides those whose first group it is.
    pub members: Vec<String>,
}

impl Group {
    fn parse(line: &str) -> Option<Self> {
        let fields: Vec<&str> = line.split(':').collect();
        let [name, _, gid, members] = fields.as_slice() else { return None };
        let members = members.split(',').filter(|member| !member.is_empty()).map(str::to_owned).collect();
        let gid = gid.parse().ok()?;
        (!name.is_empty()).then(|| Self { name: (*name).to_owned(), gid, members })
    }
}

/// The lines that are accounts.
pub fn accounts(bytes: &[u8]) -> Vec<Account> {
    lines(bytes, Account::parse)
}

/// The lines that are passwords.
pub fn shadows(bytes: &[u8]) -> Vec<Shadow> {
    lines(bytes, Shadow::parse)
}

/// The lines that are groups.
pub fn groups(bytes: &[u8]) -> Vec<Group> {
    lines(bytes, Group::parse)
}

fn lines<T>(bytes: &[u8], parse: impl Fn(&str) -> Option<T>) -> Vec<T> {
    String::from_utf8_lossy(bytes).lines().filter_map(parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_again_when_their_file_has_changed_and_only_then() {
        let dir = tempfile::tempdir().unwrap();
        let (path, kept) = (dir.path().join("passwd"), Kept::default());
        let name = || read(&path, &kept).name(1000);
        assert_eq!(name(), "1000", "there is no such file");
        fs::write(&path, "ann:x:1000:1000::/home/ann:/bin/sh\n").unwrap();
        assert_eq!(name(), "ann");
        fs::write(&path, "bob:x:1000:1000::/home/bob:/bin/sh\n").unwrap();
        assert_eq!(name(), "bob", "as long, and changed within the same moment");
        assert!(kept.borrow().is_none(), "what was changed a moment ago is not kept");

        let group = Path::new("/etc/group");
        let (first, second) = (read(group, &kept), read(group, &kept));
        assert_eq!(Rc::ptr_eq(&first, &second), Stamp::of(group).is_some());
        let stamp = Stamp::of(dir.path()).unwrap_or(Stamp { place: (0, 0), size: 0, changed: (0, 0) });
        *kept.borrow_mut() = Some((stamp, first));
        assert_eq!(name(), "bob", "kept of another file");
    }

    #[test]
    fn lines_of_another_form_are_passed_over() {
        let all = accounts(
            b"root:x:0:0:root:/root:/bin/bash\nbad:x:0\n:x:1:1:::\nd:x:1:1::/:/usr/sbin/nologin\nn:x:-1:1:::\n",
        );
        assert_eq!(
            all.iter().map(|a| (a.name.as_str(), a.has_shell())).collect::<Vec<_>>(),
            [("root", true), ("d", false)]
        );
        let all = shadows(b"root:$y$j:20000:0:90:7::20100:\nann:!$y:20000:0:90:7::-1:\nb::x::::::\nshort:x\n");
        let told: Vec<_> = all.iter().map(|s| (s.name.as_str(), s.open, s.changed, s.expires)).collect();
        let expected =
            [("root", true, Some(20_000), Some(20_100)), ("ann", false, Some(20_000), None), ("b", true, None, None)];
        assert_eq!(told, expected);
        let all = groups(b"sudo:x:27:ann,ben\nwheel:x:1:\nbad:x:x:\n");
        assert_eq!(all.iter().map(|g| g.members.len()).collect::<Vec<_>>(), [2, 0]);
    }

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
