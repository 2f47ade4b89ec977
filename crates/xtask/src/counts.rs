//! What libtest says of the tests that it ran.

/// How many tests came to what.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// How many were to be run.
    pub begun: u64,
    pub passed: u64,
    pub failed: u64,
    pub ignored: u64,
    pub measured: u64,
    /// How many lines of results there were.
    pub results: u64,
}

impl Counts {
    /// Adds up lines such as `running 4 tests` and `test result: ok. 3 passed; 0 failed; 1 ignored; …`.
    pub fn of(said: &str) -> Self {
        let mut counts = Self::default();
        for line in said.lines() {
            if let Some(rest) = line.strip_prefix("running ") {
                counts.begin(rest);
            } else if let Some(rest) = line.strip_prefix("test result: ") {
                counts.end(rest);
            }
        }
        counts
    }

    fn begin(&mut self, rest: &str) {
        if let Some((number, "test" | "tests")) = rest.split_once(' ') {
            self.begun += number.parse::<u64>().unwrap_or_default();
        }
    }

    fn end(&mut self, rest: &str) {
        self.results += 1;
        let words: Vec<&str> = rest.split([' ', ';', '.']).filter(|w| !w.is_empty()).collect();
        for pair in words.windows(2) {
            let Ok(number) = pair[0].parse::<u64>() else { continue };
            match pair[1] {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.ignored += number,
                "measured" => self.measured += number,
                _ => {}
            }
        }
    }

    /// Of how many it was told what they came to.
    pub fn ended(&self) -> u64 {
        self.passed + self.failed + self.ignored + self.measured
    }

    /// How many were run to their end.
    pub fn ran(&self) -> u64 {
        self.passed + self.failed
    }

    pub fn add(&mut self, other: &Self) {
        self.begun += other.begun;
        self.passed += other.passed;
        self.failed += other.failed;
        self.ignored += other.ignored;
        self.measured += other.measured;
        self.results += other.results;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn result_lines_add_up() {
        let said = "\nrunning 13 tests\n.............\n\
            test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s\n\n\
            running 1 test\n.\nrunning over 60 seconds\n\
            test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 7 filtered out; finished in 0.01s\n";
        let counts = Counts::of(said);
        assert_eq!((counts.passed, counts.failed, counts.ignored), (15, 2, 1));
        assert_eq!((counts.begun, counts.ended(), counts.results), (14, 18, 2));
        let mut twice = counts.clone();
        twice.add(&counts);
        assert_eq!((twice.passed, twice.begun, twice.ran()), (30, 28, 34));
    }
}
