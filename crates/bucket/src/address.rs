//! Where objects lie: `s3://BUCKET` or `s3://BUCKET/PREFIX`.

use std::fmt;
use std::str::FromStr;

/// The longest prefix, in bytes: a key has at most 1024 (Amazon S3 User Guide, "Naming Amazon S3 objects").
const MAX_PREFIX: usize = 512;

/// A bucket, and what the keys in it begin with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// The bucket's name.
    pub bucket: String,
    /// What keys begin with: empty, or with a slash at its end.
    pub prefix: String,
}

/// Why a text is no [`Address`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no bucket: {why}; expected s3://BUCKET or s3://BUCKET/PREFIX")]
pub struct AddressError {
    text: String,
    why: &'static str,
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let wrong = |why| AddressError { text: text.chars().take(200).collect(), why };
        let rest = text.strip_prefix("s3://").ok_or_else(|| wrong("it does not begin with s3://"))?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
        let ends = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        let name = bucket.as_bytes();
        // Amazon S3 User Guide, "General purpose bucket naming rules".
        if !(3..=63).contains(&name.len()) || !name.iter().all(|byte| fits(*byte)) || bucket.contains("..") {
            return Err(wrong("a bucket's name has 3 to 63 lower-case letters, digits, hyphens and single dots"));
        }
        if !ends(name.first()) || !ends(name.last()) {
            return Err(wrong("a bucket's name begins and ends with a letter or a digit"));
        }
        let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
        let plain = |part: &str| {
            let all = part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
            all && !matches!(part, "" | "." | "..")
        };
        if prefix.len() > MAX_PREFIX || !(prefix.is_empty() || prefix.split('/').all(plain)) {
            return Err(wrong("a prefix has letters, digits, hyphens, underscores and dots between single slashes"));
        }
        let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
        Ok(Self { bucket: bucket.to_owned(), prefix })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.bucket, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_has_a_name_and_perhaps_a_prefix() {
        for (text, bucket, prefix) in [
            ("s3://evidence", "evidence", ""),
            ("s3://evidence/", "evidence", ""),
            ("s3://clinic-evidence.example/depot/one", "clinic-evidence.example", "depot/one/"),
            ("s3://a1b/x_y/", "a1b", "x_y/"),
        ] {
            let address: Address = text.parse().unwrap();
            assert_eq!((address.bucket.as_str(), address.prefix.as_str()), (bucket, prefix), "{text}");
            assert_eq!(address.to_string().parse::<Address>().unwrap(), address);
        }
    }

    #[test]
    fn what_is_no_bucket_is_refused() {
        for bad in [
            "",
            "evidence",
            "http://evidence",
            "s3://",
            "s3://ab",
            "s3://Evidence",
            "s3://-evidence",
            "s3://evidence.",
            "s3://evi..dence",
            "s3://evidence//x",
            "s3://evidence/../x",
            "s3://evidence/x y",
            "s3://evidence/x?y",
            "s3://evidence/%2e",
            "s3://user:secret@evidence",
        ] {
            let message = bad.parse::<Address>().unwrap_err().to_string();
            assert!(message.contains("expected s3://BUCKET"), "{message}");
        }
    }
}
