//! Twenty bad inputs, and more, for every document, through the real programs: refused in one line that names the thing,
//! with the exit code that the help promises, and never a panic.

mod config;
mod documents;
mod evidence;
mod keys;
mod mutations;

use crate::house::Ran;

/// The most that a refusal may print, in bytes: a hostile document must not flood a terminal or a journal.
const MOST: usize = 6_000;

/// Collects what is wrong with the answers, so that one run shows all of it.
#[derive(Default)]
struct Verdicts {
    looked: usize,
    wrong: Vec<String>,
}

impl Verdicts {
    /// Judges an answer to a bad input: this exit code, exactly one line that says so, nothing that a terminal obeys.
    fn refused(&mut self, name: &str, ran: &Ran, code: i32, marks: &[&str]) {
        self.looked += 1;
        let said = format!("{}{}", ran.stdout, ran.stderr);
        let lines = said.lines().filter(|line| marks.iter().all(|mark| line.contains(mark))).count();
        let mut wrong = Vec::new();
        if ran.code != Some(code) {
            wrong.push(format!("exit {:?}, not {code}", ran.code));
        }
        if lines != 1 {
            wrong.push(format!("{lines} lines with {marks:?}, not 1"));
        }
        if said.len() > MOST {
            wrong.push(format!("{} bytes of output", said.len()));
        }
        if said.chars().any(|c| c.is_control() && c != '\n') {
            wrong.push("control characters in the output".to_owned());
        }
        if !wrong.is_empty() {
            let shown: String = said.chars().take(800).collect();
            self.wrong.push(format!("{name}: {}:\n{shown}", wrong.join(", ")));
        }
    }

    /// At least twenty, and all refused as they should be.
    fn all_well(self) {
        assert!(self.looked >= 20, "only {} inputs", self.looked);
        let (wrong, looked) = (self.wrong.len(), self.looked);
        assert!(self.wrong.is_empty(), "{wrong} of {looked}:\n{}", self.wrong.join("\n"));
    }
}
