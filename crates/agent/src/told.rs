//! Errors as the programs print them.

/// An error and what it comes from, in one line. What the error before has said already is not said again: some of ours hold
/// the words of their cause, and some leave them to it.
pub fn chain(error: &anyhow::Error) -> String {
    let mut text = String::new();
    let mut before = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if !before.is_empty() && before.contains(&cause) {
            continue;
        }
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&cause);
        before = cause;
    }
    text
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use anyhow::Context as _;

    use super::*;
    use crate::network::config::Config;

    #[test]
    fn nothing_is_said_twice() {
        let config = Config::read(Path::new("/nonexistent/probe.toml")).unwrap_err();
        let told = chain(&anyhow::Error::new(config).context("it cannot run"));
        assert_eq!(told.matches("No such file").count(), 1, "{told}");
        assert!(told.starts_with("it cannot run: /nonexistent/probe.toml: "), "{told}");
        let nested = Err::<(), _>(anyhow::anyhow!("inner")).context("middle").context("outer").unwrap_err();
        assert_eq!(chain(&nested), "outer: middle: inner");
    }
}
