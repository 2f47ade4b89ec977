//! The value of a secret: from a prompt, from standard input, or made up. Never from an argument, which `ps` shows to everybody.

use std::io::{IsTerminal as _, Read as _};

use writ_age::MAX_SECRET;
use zeroize::Zeroizing;

use crate::failure::{Failure, Outcome};
use crate::{random, screen};

/// The fewest bytes that are no white space: what is shorter is guessed, and cannot be taken out of what programs print.
pub const LEAST: usize = writ_agent::secrets::redact::LEAST;
/// The most random bytes that are made up.
const MOST_RANDOM: usize = 1024;

/// Where a value comes from; without an option it is asked for on the terminal, or read from standard input.
#[derive(Debug, Clone, clap::Args)]
pub struct ValueOptions {
    /// Make the value up: this many random bytes, as hexadecimal digits
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u16).range(16..=MOST_RANDOM as i64))]
    generate: Option<u16>,
    /// Print the value that was made up, once, for whoever must know it too: without that only the appliance ever does
    #[arg(long, requires = "generate")]
    print: bool,
    /// Take standard input as it is: without this a line break at its end is none of the value
    #[arg(long, conflicts_with = "generate")]
    exact: bool,
}

impl ValueOptions {
    /// The value. `name` is the secret's.
    pub fn value(&self, name: &str) -> Outcome<Zeroizing<Vec<u8>>> {
        let value = match self.generate {
            Some(bytes) => made_up(usize::from(bytes))?,
            None if std::io::stdin().is_terminal() => asked(name)?,
            None => given(self.exact)?,
        };
        let dense = value.iter().filter(|byte| !byte.is_ascii_whitespace()).count();
        if dense < LEAST {
            return Err(Failure::refused(format!(
                "a secret has at least {LEAST} characters, and this one has {dense}"
            ))
            .because("a shorter one is guessed, and could not be taken out of what programs print")
            .next("choose a longer one, or --generate 32; nothing was written"));
        }
        Ok(value)
    }

    /// Prints the value, where it was made up and is asked for.
    pub fn tell(&self, value: &[u8]) {
        if self.print {
            screen::line(&Zeroizing::new(String::from_utf8_lossy(value).into_owned()));
        }
    }
}

fn made_up(bytes: usize) -> Outcome<Zeroizing<Vec<u8>>> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut value = Zeroizing::new(Vec::with_capacity(bytes * 2));
    while value.len() < bytes * 2 {
        let random = random::bytes::<32>()?;
        for byte in random.iter().take(bytes - value.len() / 2) {
            value.extend([byte >> 4, byte & 15].map(|digit| DIGITS[usize::from(digit)]));
        }
    }
    Ok(value)
}

fn asked(name: &str) -> Outcome<Zeroizing<Vec<u8>>> {
    let ask = |text: &str| {
        let asked = rpassword::prompt_password(text).map(Zeroizing::new);
        asked.map_err(|e| Failure::could_not("cannot ask for the secret").because(e).next("give it by standard input"))
    };
    let value = ask(&format!("Value of {name}: "))?;
    if *ask("The same again: ")? != *value {
        return Err(Failure::refused("the two differ").next("try again; nothing was written"));
    }
    Ok(Zeroizing::new(value.as_bytes().to_vec()))
}

fn given(exact: bool) -> Outcome<Zeroizing<Vec<u8>>> {
    // So much at once that nothing of it is moved, and left behind, while it is read.
    let mut value = Zeroizing::new(Vec::with_capacity(MAX_SECRET + 16));
    let read = std::io::stdin().take(MAX_SECRET as u64 + 3).read_to_end(&mut value);
    read.map_err(|e| Failure::could_not("cannot read the secret from standard input").because(e))?;
    if !exact {
        let end = [&b"\r\n"[..], b"\n"].into_iter().find(|end| value.ends_with(end)).unwrap_or_default();
        let length = value.len() - end.len();
        value.truncate(length);
    }
    if value.len() > MAX_SECRET {
        return Err(Failure::refused(format!("a secret has at most {} KiB", MAX_SECRET / 1024))
            .next("keep large files elsewhere, and their key here; nothing was written"));
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_up_is_as_long_as_asked_for_and_never_the_same() {
        for bytes in [16, 32, 33, 64, 1024] {
            let value = made_up(bytes).unwrap();
            assert_eq!(value.len(), bytes * 2);
            assert!(value.iter().all(u8::is_ascii_hexdigit));
            assert_ne!(*value, *made_up(bytes).unwrap());
        }
    }
}
