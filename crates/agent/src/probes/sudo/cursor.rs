//! The words of a line of sudoers, as sudo's lexer divides it.

/// Where reading has come to.
pub(super) struct Cursor<'a> {
    pub rest: &'a str,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(rest: &'a str) -> Self {
        Self { rest: rest.trim_start() }
    }

    fn blank(&mut self) {
        self.rest = self.rest.trim_start();
    }

    /// What follows a word at the very beginning; does not move.
    pub(super) fn keyword(&self, word: &str) -> Option<&'a str> {
        self.rest.strip_prefix(word)
    }

    /// Whether nothing follows but a comment.
    pub(super) fn end(&mut self) -> bool {
        self.blank();
        self.rest.is_empty() || self.rest.starts_with('#')
    }

    pub(super) fn sees(&mut self, mark: char) -> bool {
        self.blank();
        self.rest.starts_with(mark)
    }

    pub(super) fn eat(&mut self, mark: char) -> bool {
        self.blank();
        let rest = self.rest.strip_prefix(mark);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// `=`, `+=` or `-=`.
    pub(super) fn eat_operator(&mut self) -> Option<()> {
        self.blank();
        let rest = ["=", "+=", "-="].iter().find_map(|operator| self.rest.strip_prefix(operator))?;
        self.rest = rest;
        Some(())
    }

    /// Any number of `!`; whether it is an odd one.
    pub(super) fn bangs(&mut self) -> bool {
        let mut odd = false;
        while self.eat('!') {
            odd = !odd;
        }
        odd
    }

    /// Letters, digits and underscores.
    pub(super) fn name(&mut self) -> Option<String> {
        self.blank();
        let end = self.rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(self.rest.len());
        self.take(end)
    }

    fn take(&mut self, end: usize) -> Option<String> {
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        (!word.is_empty()).then(|| word.to_owned())
    }

    /// A name of a user, a group (`%`, `%:`) or a netgroup (`+`), a number (`#`); quoted, or with escaped characters.
    pub(super) fn word(&mut self) -> Option<String> {
        self.blank();
        let mut word = String::new();
        let mut characters = self.rest.char_indices().peekable();
        let mut end = self.rest.len();
        let mut quoted = false;
        while let Some((at, c)) = characters.next() {
            match c {
                '"' => quoted = !quoted,
                '\\' => word.push(characters.next()?.1),
                _ if quoted => word.push(c),
                // The number of a user, or behind `%` of a group.
                '#' if word.is_empty() || word == "%" => match characters.peek() {
                    Some((_, next)) if next.is_ascii_digit() || *next == '-' => word.push(c),
                    _ => return None,
                },
                '#' | '>' | '!' | '=' | ',' | '(' | ')' => {
                    end = at;
                    break;
                }
                ':' if word != "%" => {
                    end = at;
                    break;
                }
                _ if c.is_whitespace() => {
                    end = at;
                    break;
                }
                _ => word.push(c),
            }
        }
        if quoted {
            return None;
        }
        self.rest = &self.rest[end..];
        (!word.is_empty()).then_some(word)
    }

    /// A host: as a word, but an address of IPv6 holds colons.
    pub(super) fn host(&mut self) -> Option<String> {
        self.blank();
        let part = |c: char| c.is_ascii_hexdigit() || matches!(c, ':' | '.' | '/');
        let end = self.rest.find(|c| !part(c)).unwrap_or(self.rest.len());
        let address = self.rest[..end].trim_end_matches(':');
        if address.matches(':').count() >= 2 {
            return self.take(address.len());
        }
        self.word()
    }

    /// The value of a setting or an option: quoted, or up to a comma or white space.
    pub(super) fn value(&mut self) -> Option<String> {
        self.blank();
        if let Some(quoted) = self.rest.strip_prefix('"') {
            let mut before = ' ';
            let end = quoted.find(|c| std::mem::replace(&mut before, c) != '\\' && c == '"')?;
            self.rest = &quoted[end + 1..];
            return Some(quoted[..end].replace("\\\"", "\""));
        }
        let end = self.unescaped(|c| c == ',' || c.is_whitespace());
        self.take(end)
    }

    /// `NAME=`, if it is one of these.
    pub(super) fn option<'n>(&mut self, names: &[&'n str]) -> Option<&'n str> {
        self.marked(names, '=')
    }

    /// `NAME:`, if it is one of these.
    pub(super) fn tag<'n>(&mut self, names: &[&'n str]) -> Option<&'n str> {
        self.marked(names, ':')
    }

    fn marked<'n>(&mut self, names: &[&'n str], mark: char) -> Option<&'n str> {
        self.blank();
        let end = self.rest.find(|c: char| !c.is_ascii_uppercase() && c != '_')?;
        let name = names.iter().find(|name| **name == &self.rest[..end])?;
        self.rest = self.rest[end..].trim_start().strip_prefix(mark)?;
        Some(name)
    }

    /// The place of the first character that ends something and has no backslash before it.
    fn unescaped(&self, ends: impl Fn(char) -> bool) -> usize {
        let mut characters = self.rest.char_indices();
        while let Some((at, c)) = characters.next() {
            if c == '\\' {
                characters.next();
            } else if ends(c) {
                return at;
            }
        }
        self.rest.len()
    }

    /// A command with its arguments and digests: a path, a folder, an alias, `ALL`, `sudoedit` or `list`.
    pub(super) fn command(&mut self) -> Option<String> {
        while self.digest()? {}
        self.blank();
        if self.rest.starts_with(|c: char| c.is_ascii_uppercase()) {
            return self.name().filter(|name| super::grammar::is_alias(name));
        }
        let end = match self.rest.starts_with('^') {
            true => self.regular_expression()?,
            false => self.unescaped(|c| matches!(c, ',' | ':' | '=' | '#' | '\n')),
        };
        let command = self.take(end)?;
        let command = command.trim_end().to_owned();
        let program = command.split_whitespace().next()?;
        let known = program.starts_with('/') || program.starts_with('^') || matches!(program, "sudoedit" | "list");
        known.then_some(command)
    }

    /// A command without arguments, which end it where settings follow.
    pub(super) fn bare_command(&mut self) -> Option<String> {
        self.blank();
        let end = self.unescaped(|c| c == ',' || c.is_whitespace());
        Cursor { rest: &self.rest[..end] }.command()?;
        self.take(end)
    }

    /// `sha256:…` before a command; none when nothing stands behind its name.
    fn digest(&mut self) -> Option<bool> {
        self.blank();
        let kind = ["sha224:", "sha256:", "sha384:", "sha512:"].iter().find_map(|kind| self.rest.strip_prefix(kind));
        let Some(rest) = kind else { return Some(false) };
        self.rest = rest.trim_start();
        let end = self.rest.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '+' | '/' | '='))?;
        self.take(end)?;
        self.eat(',');
        Some(true)
    }

    /// `^…$`, and arguments of that form behind it.
    fn regular_expression(&self) -> Option<usize> {
        let ends = |from: usize| {
            let found = self.rest[from..].match_indices('$').find(|(at, _)| {
                let next = self.rest[from + at + 1..].chars().next();
                next.is_none_or(|c| c.is_whitespace() || matches!(c, ',' | ':' | '='))
            });
            found.map(|(at, _)| from + at + 1)
        };
        let end = ends(0)?;
        let behind = self.rest[end..].trim_start();
        match behind.starts_with('^') {
            true => ends(self.rest.len() - behind.len()),
            false => Some(end + Cursor { rest: &self.rest[end..] }.unescaped(|c| matches!(c, ',' | ':' | '=' | '#'))),
        }
    }
}
