//! Which values of its type a field or a parameter can have.
//!
//! A set or a form that is told here is believed: what lies outside of it is a mistake in a policy. So a field says one
//! only where the probe itself writes nothing else, or where the version is named of the program that its values are from.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;

use crate::nearest;
use crate::observation::Value;

/// Which values a field or a parameter can have; of a list, which entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Values {
    /// All that its type has.
    Any,
    /// These alone, whatever the world holds: nothing else is ever written or taken.
    Closed(&'static [&'static str]),
    /// These, as another program writes them up to this version, for instance `systemd 258`. A newer one may have more.
    Known(&'static [&'static str], &'static str),
    /// Text of this form.
    Form(Form),
    /// Integers from the first to the second.
    Between(i64, i64),
}

/// A form that text can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Permission bits, as in `0644`.
    Mode,
    /// Permission bits with or without leading noughts, as in `644`.
    ModeGiven,
    /// A digest, as in `sha256:9f86…`.
    Sha256,
    /// An instant in UTC, as in `2026-11-23T14:40:56Z`.
    Instant,
    /// The number of a port, as in `22`.
    Port,
    /// An address with a port, as in `[::]:22`.
    Socket,
    /// A path from the root without `..`, as in `/etc/motd`.
    AbsolutePath,
    /// A name without `/`, as in `sshd`.
    FileName,
    /// The id of a check, as in `ssh.config`: one that the policy has.
    CheckId,
}

impl Form {
    /// Every form.
    pub const ALL: [Self; 9] = [
        Self::Mode,
        Self::ModeGiven,
        Self::Sha256,
        Self::Instant,
        Self::Port,
        Self::Socket,
        Self::AbsolutePath,
        Self::FileName,
        Self::CheckId,
    ];

    /// The regular expression that the whole text matches, in the syntax that Rust and JSON Schema share.
    pub fn pattern(self) -> &'static str {
        match self {
            Self::Mode => "[0-7]{4}",
            Self::ModeGiven => "[0-7]{3,4}|0[0-7]{4}",
            Self::Sha256 => "sha256:[0-9a-f]{64}",
            Self::Instant => {
                "[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?Z"
            }
            Self::Port => "0|[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]",
            Self::Socket => "([0-9]{1,3}(\\.[0-9]{1,3}){3}|\\[[0-9a-f:.]{2,45}(%[0-9]+)?\\]):[0-9]{1,5}",
            // What follows a slash: nothing, ".", or what does not begin with two dots or has more behind them.
            Self::AbsolutePath => r"(/(\.?|\.?[^/.\x00][^/\x00]*|\.\.[^/\x00]+))+",
            Self::FileName => r"[^/\x00]+",
            Self::CheckId => r"[^\x00]+",
        }
    }

    /// What it is, in words, with an example.
    pub fn words(self) -> &'static str {
        match self {
            Self::Mode => "four octal digits, such as \"0644\"",
            Self::ModeGiven => "three or four octal digits, such as \"0644\"",
            Self::Sha256 => "\"sha256:\" and 64 hexadecimal digits in small letters",
            Self::Instant => "an instant in UTC, such as \"2026-11-23T14:40:56Z\"",
            Self::Port => "a port's number, such as \"22\"",
            Self::Socket => "an address with a port, such as \"0.0.0.0:22\" or \"[::]:22\"",
            Self::AbsolutePath => "an absolute path without \"..\", such as \"/etc/motd\"",
            Self::FileName => "a name without \"/\", such as \"sshd\"",
            Self::CheckId => "the id of a check, such as \"ssh.config\"",
        }
    }

    /// Whether a text has this form.
    pub fn allows(self, text: &str) -> bool {
        COMPILED.get(self.pattern()).is_some_and(|pattern| pattern.is_match(text))
    }

    /// The text of this form that a near miss most likely stands for.
    fn repaired(self, text: &str) -> Option<String> {
        let repaired = match self {
            Self::Mode | Self::ModeGiven => format!("{:0>4}", text.strip_prefix("0o").unwrap_or(text)),
            Self::Sha256 => format!("sha256:{}", text.trim_start_matches("sha256:").to_ascii_lowercase()),
            Self::AbsolutePath => format!("/{text}"),
            Self::FileName => text.rsplit('/').next()?.to_owned(),
            Self::Instant | Self::Port | Self::Socket | Self::CheckId => return None,
        };
        (text.len() <= 200 && repaired != text && self.allows(&repaired)).then_some(repaired)
    }
}

/// One automaton for each form: policies of many appliances are judged by them.
static COMPILED: LazyLock<BTreeMap<&'static str, Regex>> = LazyLock::new(|| {
    let compiled = |form: Form| Some((form.pattern(), Regex::new(&format!("^(?:{})$", form.pattern())).ok()?));
    Form::ALL.into_iter().filter_map(compiled).collect()
});

impl Values {
    /// Whether a value is among these; of a list, whether each entry is. A value of another type is: its type is
    /// somebody else's question.
    pub fn allow(self, value: &Value) -> bool {
        match value {
            Value::Bool(_) => true,
            Value::Int(number) => self.allows_number(*number),
            Value::Text(text) => self.allows_text(text),
            Value::List(entries) => entries.iter().all(|entry| self.allows_text(entry)),
        }
    }

    /// Whether a text is among these.
    pub fn allows_text(self, text: &str) -> bool {
        match self {
            Self::Any | Self::Between(..) => true,
            Self::Closed(values) | Self::Known(values, _) => values.contains(&text),
            Self::Form(form) => form.allows(text),
        }
    }

    fn allows_number(self, number: i64) -> bool {
        match self {
            Self::Between(least, most) => (least..=most).contains(&number),
            _ => true,
        }
    }

    /// What they are, in words; none where all of the type are.
    pub fn words(self) -> Option<String> {
        let one_of = |values: &[&str]| {
            let quoted: Vec<String> = values.iter().map(|value| format!("{value:?}")).collect();
            match quoted.as_slice() {
                [first, second] => format!("{first} or {second}"),
                _ => format!("one of {}", quoted.join(", ")),
            }
        };
        match self {
            Self::Any => None,
            Self::Closed(values) => Some(one_of(values)),
            Self::Known(values, version) => Some(format!("{} ({version})", one_of(values))),
            Self::Form(form) => Some(form.words().to_owned()),
            Self::Between(i64::MIN, i64::MAX) => None,
            Self::Between(least, i64::MAX) => Some(format!("{least} or more")),
            Self::Between(i64::MIN, most) => Some(format!("{most} or less")),
            Self::Between(least, most) => Some(format!("{least} to {most}")),
        }
    }

    /// The value that a text which is none of them most likely stands for.
    pub fn nearest(self, text: &str) -> Option<String> {
        match self {
            Self::Any | Self::Between(..) => None,
            Self::Closed(values) | Self::Known(values, _) => {
                nearest::nearest(text, values.iter().copied().filter(|value| !value.is_empty())).map(str::to_owned)
            }
            Self::Form(form) => form.repaired(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_has_a_pattern_that_takes_its_own_examples() {
        for form in Form::ALL {
            let examples: Vec<&str> = form.words().split('"').skip(1).step_by(2).filter(|e| e.len() > 1).collect();
            let given = examples.iter().filter(|example| **example != ".." && **example != "sha256:");
            for example in given {
                assert!(form.allows(example), "{form:?}: {example}");
            }
            assert!(COMPILED.contains_key(form.pattern()), "{form:?}");
        }
    }

    #[test]
    fn forms_tell_near_misses_and_what_they_stand_for() {
        let digest = "9F".repeat(32);
        for (form, text, meant) in [
            (Form::Mode, "700", Some("0700")),
            (Form::Mode, "0o644", Some("0644")),
            (Form::Mode, "0888", None),
            (Form::Mode, "rwxr-xr-x", None),
            (Form::ModeGiven, "44", Some("0044")),
            (Form::Sha256, &digest, Some(&*format!("sha256:{}", "9f".repeat(32)))),
            (Form::Sha256, "sha256:9f", None),
            (Form::Instant, "2026-13-01T00:00:00Z", None),
            (Form::Instant, "2026-11-23", None),
            (Form::Port, "ssh", None),
            (Form::Port, "65536", None),
            (Form::Port, "022", None),
            (Form::Socket, "22", None),
            (Form::Socket, ":::22", None),
            (Form::AbsolutePath, "srv/dicom", Some("/srv/dicom")),
            (Form::AbsolutePath, "/srv/../etc", None),
            (Form::AbsolutePath, "/srv/..", None),
            (Form::AbsolutePath, "", Some("/")),
            (Form::FileName, "/usr/bin/sshd", Some("sshd")),
            (Form::FileName, "", None),
            (Form::CheckId, "", None),
        ] {
            assert!(!form.allows(text), "{form:?}: {text}");
            assert_eq!(form.repaired(text).as_deref(), meant, "{form:?}: {text}");
        }
    }

    #[test]
    fn forms_take_what_they_are_for() {
        for (form, text) in [
            (Form::Mode, "4755"),
            (Form::ModeGiven, "644"),
            (Form::Instant, "9999-12-30T22:00:00Z"),
            (Form::Instant, "2026-11-23T14:40:56.123Z"),
            (Form::Port, "0"),
            (Form::Port, "65535"),
            (Form::Socket, "[fe80::1%2]:443"),
            (Form::Socket, "[::ffff:10.0.0.1]:80"),
            (Form::AbsolutePath, "/"),
            (Form::AbsolutePath, "/srv/..data/.hidden/a..b//x/"),
            (Form::AbsolutePath, "/."),
            (Form::AbsolutePath, "/a b\nc"),
        ] {
            assert!(form.allows(text), "{form:?}: {text}");
        }
    }
}
