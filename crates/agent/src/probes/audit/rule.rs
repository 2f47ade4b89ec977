//! A loaded rule as `auditctl -l` prints it (`struct audit_rule_data` of audit.h; auditctl-listing.c of audit 3).

use std::fmt::Write as _;

use super::names;

const MAX_FIELDS: usize = 64;
const MASK_WORDS: usize = 64;
/// Where the texts begin: three numbers, the mask, three arrays, and the length of the texts.
const TEXTS: usize = 4 * (3 + MASK_WORDS + 3 * MAX_FIELDS + 1);

const OPERATORS: u32 = 0x7800_0000;

const WATCH: u32 = 105;
const PERM: u32 = 106;
const DIR: u32 = 107;
const ARCH: u32 = 11;
const KEY: u32 = 210;

const LISTS: [&str; 8] = ["user", "task", "entry", "watch", "exit", "exclude", "filesystem", "io_uring"];

/// Names of fields by number.
const FIELDS: [(u32, &str); 46] = [
    (0, "pid"),
    (1, "uid"),
    (2, "euid"),
    (3, "suid"),
    (4, "fsuid"),
    (5, "gid"),
    (6, "egid"),
    (7, "sgid"),
    (8, "fsgid"),
    (9, "auid"),
    (10, "pers"),
    (ARCH, "arch"),
    (12, "msgtype"),
    (13, "subj_user"),
    (14, "subj_role"),
    (15, "subj_type"),
    (16, "subj_sen"),
    (17, "subj_clr"),
    (18, "ppid"),
    (19, "obj_user"),
    (20, "obj_role"),
    (21, "obj_type"),
    (22, "obj_lev_low"),
    (23, "obj_lev_high"),
    (24, "loginuid_set"),
    (25, "sessionid"),
    (26, "fstype"),
    (100, "devmajor"),
    (101, "devminor"),
    (102, "inode"),
    (103, "exit"),
    (104, "success"),
    (WATCH, "path"),
    (PERM, "perm"),
    (DIR, "dir"),
    (108, "filetype"),
    (109, "obj_uid"),
    (110, "obj_gid"),
    (111, "field_compare"),
    (112, "exe"),
    (113, "saddr_fam"),
    (200, "a0"),
    (201, "a1"),
    (202, "a2"),
    (203, "a3"),
    (KEY, "key"),
];

/// Pairs that `-C` compares, from number 1 on (AUDIT_COMPARE_*).
const PAIRS: [(&str, &str); 25] = [
    ("uid", "obj_uid"),
    ("gid", "obj_gid"),
    ("euid", "obj_uid"),
    ("egid", "obj_gid"),
    ("auid", "obj_uid"),
    ("suid", "obj_uid"),
    ("sgid", "obj_gid"),
    ("fsuid", "obj_uid"),
    ("fsgid", "obj_gid"),
    ("uid", "auid"),
    ("uid", "euid"),
    ("uid", "fsuid"),
    ("uid", "suid"),
    ("auid", "fsuid"),
    ("auid", "suid"),
    ("auid", "euid"),
    ("euid", "suid"),
    ("euid", "fsuid"),
    ("suid", "fsuid"),
    ("gid", "egid"),
    ("gid", "fsgid"),
    ("gid", "sgid"),
    ("egid", "fsgid"),
    ("egid", "sgid"),
    ("sgid", "fsgid"),
];

/// Kinds of record that rules leave out (`msgtype`).
const KINDS: [(u32, &str); 22] = [
    (1100, "USER_AUTH"),
    (1101, "USER_ACCT"),
    (1103, "CRED_ACQ"),
    (1104, "CRED_DISP"),
    (1105, "USER_START"),
    (1106, "USER_END"),
    (1107, "USER_AVC"),
    (1110, "CRED_REFR"),
    (1112, "USER_LOGIN"),
    (1123, "USER_CMD"),
    (1130, "SERVICE_START"),
    (1131, "SERVICE_STOP"),
    (1300, "SYSCALL"),
    (1302, "PATH"),
    (1305, "CONFIG_CHANGE"),
    (1307, "CWD"),
    (1309, "EXECVE"),
    (1320, "EOE"),
    (1325, "NETFILTER_CFG"),
    (1327, "PROCTITLE"),
    (1334, "BPF"),
    (1400, "AVC"),
];

/// A rule, read.
pub(super) struct Rule<'a> {
    flags: u32,
    action: u32,
    mask: Vec<u32>,
    fields: Vec<Field<'a>>,
}

struct Field<'a> {
    number: u32,
    value: u32,
    operator: &'static str,
    /// Of fields that are text.
    text: &'a [u8],
}

impl<'a> Rule<'a> {
    /// Reads the body of an AUDIT_LIST_RULES; none when it is cut off or says of itself what cannot be.
    pub(super) fn parse(body: &'a [u8]) -> Option<Self> {
        let word = |at: usize| Some(u32::from_ne_bytes(body.get(at * 4..at * 4 + 4)?.try_into().ok()?));
        let (flags, action, fields) = (word(0)?, word(1)?, usize::try_from(word(2)?).ok()?);
        let mut texts = body.get(TEXTS..)?;
        if fields > MAX_FIELDS {
            return None;
        }
        let mask = (0..MASK_WORDS).map(|at| word(3 + at)).collect::<Option<_>>()?;
        let array = |which: usize, at: usize| word(3 + MASK_WORDS + which * MAX_FIELDS + at);
        let read = |at: usize| {
            let (number, value) = (array(0, at)? & !OPERATORS, array(1, at)?);
            let length = if is_text(number) { usize::try_from(value).ok()? } else { 0 };
            let text = texts.get(..length)?;
            texts = &texts[length..];
            Some(Field { number, value, operator: operator(array(2, at)? & OPERATORS), text })
        };
        let fields = (0..fields).map(read).collect::<Option<_>>()?;
        Some(Self { flags, action, mask, fields })
    }

    /// The keys that its records are found by; there may be several.
    pub(super) fn keys(&self) -> Vec<String> {
        self.fields.iter().filter(|field| field.number == KEY).flat_map(Field::keys).collect()
    }

    fn list(&self) -> &'static str {
        usize::try_from(self.flags & 0x7).ok().and_then(|at| LISTS.get(at)).copied().unwrap_or("?")
    }

    /// Whether it says nothing of system calls, as rules of these lists.
    fn is_without_calls(&self) -> bool {
        matches!(self.list(), "user" | "task" | "exclude" | "filesystem")
    }

    /// The last word of the mask is not looked at: it holds the classes.
    fn takes_all_calls(&self) -> bool {
        self.mask[..MASK_WORDS - 1].iter().all(|word| *word == u32::MAX)
    }

    fn is_watch(&self) -> bool {
        let of_watches = |field: &Field| matches!(field.number, PERM | KEY | DIR | WATCH);
        let permissions = self.fields.iter().any(|field| field.number == PERM);
        let calls = self.takes_all_calls() || matches!(self.list(), "user" | "task" | "exclude");
        self.fields.iter().all(of_watches) && permissions && calls
    }

    /// The line that `auditctl -l` prints.
    pub(super) fn line(&self) -> String {
        let watch = self.is_watch();
        let mut line = String::new();
        if !watch {
            let action = ["never", "possible", "always"].get(usize::try_from(self.action).unwrap_or(9)).unwrap_or(&"?");
            let _ = write!(line, "-a {action},{}", self.list());
            let architecture = self.fields.iter().rfind(|field| field.number == ARCH);
            if let Some(field) = architecture {
                let bits = if field.value & 0x8000_0000 == 0 { "b32" } else { "b64" };
                let _ = write!(line, " -F arch{}{bits}", field.operator);
            }
            line.push_str(&self.calls(architecture.map_or(native(), |field| field.value)));
        }
        for field in self.fields.iter().filter(|field| field.number != ARCH) {
            field.print(watch, &mut line);
        }
        line
    }

    fn calls(&self, architecture: u32) -> String {
        if self.is_without_calls() {
            return String::new();
        }
        if self.takes_all_calls() {
            return " -S all".into();
        }
        let set = |number: &u32| {
            let word = usize::try_from(number / 32).unwrap_or(0);
            self.mask[word] & (1 << (number % 32)) != 0
        };
        let numbers = (0..u32::try_from(MASK_WORDS * 32).unwrap_or(0)).filter(set);
        let named = numbers.map(|n| names::call(architecture, n).map_or_else(|| n.to_string(), str::to_owned));
        let named: Vec<String> = named.collect();
        if named.is_empty() { String::new() } else { format!(" -S {}", named.join(",")) }
    }
}

impl Field<'_> {
    fn keys(&self) -> Vec<String> {
        let parts = self.text.split(|byte| *byte == 1).filter(|part| !part.is_empty());
        parts.map(|part| String::from_utf8_lossy(part).into_owned()).collect()
    }

    fn print(&self, watch: bool, line: &mut String) {
        let (operator, value) = (self.operator, self.value);
        let signed = value.cast_signed();
        let known = FIELDS.iter().find(|(number, _)| *number == self.number);
        let name = known.map_or_else(|| format!("f{}", self.number), |(_, name)| (*name).to_owned());
        let text = String::from_utf8_lossy(self.text);
        let shown = match self.number {
            KEY => {
                let mark = if watch { " -k " } else { " -F key=" };
                self.keys().iter().for_each(|key| line.extend([mark, key]));
                return;
            }
            // It leaves out the blank there.
            WATCH | DIR if watch => format!("-w {text}"),
            WATCH | DIR | 112 => format!(" -F {name}={text}"),
            PERM => format!(" {}{}", if watch { "-p " } else { "-F perm=" }, permissions(value)),
            103 => match names::error(signed.unsigned_abs()) {
                Some(error) if signed < 0 => format!(" -F {name}{operator}-{error}"),
                Some(error) => format!(" -F {name}{operator}{error}"),
                None => format!(" -F {name}{operator}{signed}"),
            },
            102 => format!(" -F {name}{operator}{value}"),
            12 => match KINDS.iter().find(|(number, _)| *number == value) {
                Some((_, kind)) => format!(" -F {name}{operator}{kind}"),
                None => format!(" -F {name}{operator}{signed}"),
            },
            26 if value == 0x6462_6720 => format!(" -F {name}{operator}debugfs"),
            26 if value == 0x7472_6163 => format!(" -F {name}{operator}tracefs"),
            108 => match file_type(value) {
                Some(kind) => format!(" -F {name}{operator}{kind}"),
                None => format!(" -F {name}{operator}{signed}"),
            },
            111 => match usize::try_from(value).ok().and_then(|n| PAIRS.get(n.wrapping_sub(1))) {
                Some((left, right)) => format!(" -C {left}{operator}{right}"),
                None => format!(" -C {signed}"),
            },
            200..=203 => format!(" -F {name}{operator}0x{value:X}"),
            number if is_text(number) => format!(" -F {name}{operator}{text}"),
            _ => format!(" -F {name}{operator}{signed}"),
        };
        line.push_str(&shown);
    }
}

/// Fields whose value is the length of a text.
fn is_text(number: u32) -> bool {
    matches!(number, 13..=17 | 19..=23 | WATCH | DIR | 112 | KEY)
}

fn operator(bits: u32) -> &'static str {
    match bits {
        0x0800_0000 => "&",
        0x1000_0000 => "<",
        0x2000_0000 => ">",
        0x3000_0000 => "!=",
        0x4800_0000 => "&=",
        0x5000_0000 => "<=",
        0x6000_0000 => ">=",
        _ => "=",
    }
}

fn permissions(bits: u32) -> String {
    // AUDIT_PERM_READ, WRITE, EXEC, ATTR, in this order.
    [(4, 'r'), (2, 'w'), (1, 'x'), (8, 'a')].iter().filter(|(bit, _)| bits & bit != 0).map(|(_, c)| c).collect()
}

/// S_IFMT of stat.h.
fn file_type(bits: u32) -> Option<&'static str> {
    match bits {
        0o060_000 => Some("block"),
        0o020_000 => Some("character"),
        0o040_000 => Some("dir"),
        0o100_000 => Some("file"),
        0o010_000 => Some("fifo"),
        0o120_000 => Some("link"),
        0o140_000 => Some("socket"),
        _ => None,
    }
}

/// The architecture that a rule means which names none.
const fn native() -> u32 {
    if cfg!(target_arch = "aarch64") { 0xC000_00B7 } else { 0xC000_003E }
}
