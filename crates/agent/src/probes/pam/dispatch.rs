//! What a stack comes to when its modules return this or that: `_pam_dispatch_aux` of libpam's pam_dispatch.c.

use super::stack::{Action, Line, Runs};

/// What a module returns, by the names of pam.d(5).
pub(super) const SUCCESS: &str = "success";
pub(super) const AUTH_ERR: &str = "auth_err";
pub(super) const IGNORE: &str = "ignore";
/// What libpam lets a line return that it could not read.
const PERM_DENIED: &str = "perm_denied";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Impression {
    Undefined,
    Positive,
    Negative,
}

#[derive(Debug, Clone, Copy)]
struct State {
    impression: Impression,
    succeeds: bool,
}

/// Whether a stack lets somebody pass, and by which of its lines that was decided.
#[derive(Debug)]
pub(super) struct Outcome {
    pub passes: bool,
    /// The places of the modules that were called.
    pub called: Vec<usize>,
}

/// Runs a stack; `returns` says of the line at a place what its module, with its arguments, returns.
pub(super) fn dispatch(stack: &[Line], returns: impl Fn(usize, &str, &[String]) -> &'static str) -> Outcome {
    let mut state = State { impression: Impression::Undefined, succeeds: false };
    // The state before each substack that is open, for `reset`.
    let mut before = vec![state];
    let mut called = vec![];
    let mut at = 0;
    while let Some(line) = stack.get(at) {
        before.truncate(line.level + 1);
        while before.len() <= line.level {
            before.push(state);
        }
        let returned = match &line.runs {
            Runs::Substack => {
                at += 1;
                continue;
            }
            Runs::Malformed => PERM_DENIED,
            Runs::Module { name, arguments } => {
                called.push(at);
                returns(at, name, arguments)
            }
        };
        let action = line.control.action(returned);
        let decided = judge(&mut state, action, returned, before[line.level]);
        at = match action {
            Action::Skip(lines) => skip(stack, at, lines).unwrap_or_else(|| {
                state = State { impression: Impression::Negative, succeeds: false };
                at + 1
            }),
            // A decision within a substack ends the substack alone.
            _ if decided && line.level == 0 => break,
            _ if decided => after(stack, at, line.level),
            _ => at + 1,
        };
    }
    Outcome { passes: state.succeeds && state.impression == Impression::Positive, called }
}

/// Takes over what one line came to; returns whether that decides.
fn judge(state: &mut State, action: Action, returned: &str, before: State) -> bool {
    match action {
        Action::Ignore | Action::Skip(_) => false,
        Action::Reset => {
            *state = before;
            false
        }
        Action::Ok | Action::Done => {
            let open = match state.impression {
                Impression::Undefined => true,
                Impression::Positive => state.succeeds,
                Impression::Negative => false,
            };
            if open && returned != IGNORE {
                *state = State { impression: Impression::Positive, succeeds: returned == SUCCESS };
            }
            action == Action::Done && state.impression == Impression::Positive
        }
        Action::Bad | Action::Die => {
            *state = State { impression: Impression::Negative, succeeds: false };
            action == Action::Die
        }
    }
}

/// The place behind so many lines of the same level, a substack counting as one; none when there are too few.
fn skip(stack: &[Line], at: usize, lines: usize) -> Option<usize> {
    let level = stack[at].level;
    let mut next = at + 1;
    for _ in 0..lines {
        stack.get(next).filter(|line| line.level >= level)?;
        next += 1;
        while stack.get(next).is_some_and(|line| line.level > level) {
            next += 1;
        }
    }
    Some(next)
}

/// The first place behind a substack.
fn after(stack: &[Line], at: usize, level: usize) -> usize {
    stack[at..].iter().position(|line| line.level < level).map_or(stack.len(), |more| at + more)
}

#[cfg(test)]
mod tests {
    use super::super::stack::{self, Facility};
    use super::*;

    /// The stack of `auth` of a service `x`, with a file `sub` beside it.
    fn stack_of(text: &str, sub: &str) -> Vec<Line> {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("etc/pam.d");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("x"), text).unwrap();
        std::fs::write(folder.join("sub"), sub).unwrap();
        stack::read(dir.path(), "x").unwrap().remove(&Facility::Auth).unwrap_or_default()
    }

    /// Modules `good` succeed, `none` are ignored, all others fail.
    fn passes(text: &str, sub: &str) -> bool {
        dispatch(&stack_of(text, sub), |_, module, _| match module {
            "good" => SUCCESS,
            "none" => IGNORE,
            _ => AUTH_ERR,
        })
        .passes
    }

    #[test]
    fn a_stack_comes_to_what_libpam_makes_of_it() {
        for (expected, text) in [
            (true, "auth required good"),
            (false, "auth required bad"),
            (false, "auth optional bad"),
            (true, "auth optional bad\nauth optional good"),
            (false, "auth required none"),
            (false, ""),
            (false, "auth required bad\nauth required good"),
            (true, "auth sufficient good\nauth required bad"),
            (false, "auth required bad\nauth sufficient good"),
            (true, "auth sufficient bad\nauth required good"),
            (false, "auth sufficient bad"),
            (false, "auth requisite bad\nauth sufficient good"),
            // What Debian writes.
            (true, "auth [success=1 default=ignore] good\nauth requisite deny\nauth required good"),
            (false, "auth [success=1 default=ignore] bad\nauth requisite deny\nauth required good"),
            // More lines than there are to skip.
            (false, "auth [success=2 default=ignore] good\nauth required good"),
            (false, "auth [success=1 default=ignore] good\nauth required good"),
            (true, "auth required bad\nauth [default=reset] good\nauth required good"),
            (false, "auth whatever good"),
            (false, "wrong required good\nauth required good"),
            (false, "auth required"),
            (false, "auth [success=what] good"),
        ] {
            assert_eq!(passes(text, ""), expected, "{text}");
        }
    }

    #[test]
    fn a_substack_decides_for_itself_alone() {
        let text = "auth substack sub\nauth required bad";
        assert!(!passes(text, "auth sufficient good\nauth required bad"));
        let text = "auth substack sub\nauth required good";
        assert!(passes(text, "auth sufficient good\nauth required bad"));
        // An include decides for all.
        assert!(passes("auth include sub\nauth required bad", "auth sufficient good"));
        // A substack counts as one line.
        let text = "auth [success=1 default=ignore] good\nauth substack sub\nauth required good";
        assert!(passes(text, "auth required bad\nauth required bad"));
    }
}
