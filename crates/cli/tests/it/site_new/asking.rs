//! Asking on a real terminal: script(1) makes one.

use std::io::{Read as _, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use super::world::World;

/// `writ site new` on a terminal.
pub struct Terminal {
    child: Child,
    input: ChildStdin,
    output: ChildStdout,
    /// Everything that was shown so far.
    shown: String,
    /// How much of it was looked at.
    seen: usize,
}

impl Terminal {
    pub fn open(world: &World, arguments: &str) -> Self {
        let command = format!("{} site new {arguments}", env!("CARGO_BIN_EXE_writ"));
        let mut script = Command::new("script");
        script.args(["--quiet", "--return", "--command", &command, "/dev/null"]);
        script.current_dir(world.tree()).env("TMPDIR", world.temporary()).env("NO_COLOR", "1").env("TERM", "dumb");
        let mut child = script.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("script(1) of bsdutils");
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self { child, input, output, shown: String::new(), seen: 0 }
    }

    /// Waits until a question is asked; returns what was shown since the last one.
    #[track_caller]
    pub fn until(&mut self, question: &str) -> String {
        loop {
            let fresh = &self.shown[self.seen..];
            if fresh.contains(question) && fresh.ends_with(": ") {
                let fresh = fresh.to_owned();
                self.seen = self.shown.len();
                return fresh;
            }
            let mut bytes = [0; 4096];
            let count = self.output.read(&mut bytes).unwrap_or(0);
            assert!(count > 0, "{question:?} was not asked:\n{}", self.shown);
            self.shown.push_str(&String::from_utf8_lossy(&bytes[..count]));
        }
    }

    /// Looks at the question again that was waited for last.
    pub fn back(&mut self, question: &str) {
        self.seen = self.shown.rfind(question).unwrap();
    }

    pub fn type_in(&mut self, text: &str) {
        self.input.write_all(text.as_bytes()).unwrap();
        self.input.flush().unwrap();
    }

    /// Waits for a question and answers it.
    #[track_caller]
    pub fn answer(&mut self, question: &str, answer: &str) -> String {
        let before = self.until(question);
        self.type_in(&format!("{answer}\n"));
        before
    }

    /// The exit code, and everything that was shown.
    pub fn ended(mut self) -> (Option<i32>, String) {
        let mut rest = Vec::new();
        // A terminal whose other side is gone gives an error instead of an end.
        let _ = self.output.read_to_end(&mut rest);
        self.shown.push_str(&String::from_utf8_lossy(&rest));
        drop(self.input);
        (self.child.wait().unwrap().code(), self.shown)
    }
}

const QUESTIONS: [(&str, &str); 18] = [
    ("Name of the site", "riverside-clinic"),
    ("Its name for people", "Riverside \"${Clinic}\""),
    ("Time zone", "America/Denver"),
    ("Baselines, of hardening hipaa", ""),
    ("Appliances", "front back"),
    ("Who may accept a risk", "Dr. Ellen Ortiz, owner"),
    ("Who may accept a risk", ""),
    ("Whom to call", "primary=Sam Reed,sam@msp.example,+1 555 0150"),
    ("Whom to call", ""),
    ("Tier", "essential"),
    ("Programs", "activate"),
    ("Rule families", ""),
    ("Names of further secrets", ""),
    ("When a system may be switched", "sun 02:00-06:00"),
    ("When a system may be switched", ""),
    ("Where news goes", "desk=email:desk@msp.example"),
    ("Where news goes", "pager=pagerduty:pager-key"),
    ("Where news goes", ""),
];

#[test]
fn answers_make_a_site_that_passes_the_check() {
    let world = World::small();
    let mut terminal = Terminal::open(&world, "");
    for (question, answer) in QUESTIONS {
        terminal.answer(question, answer);
    }
    let (code, shown) = terminal.ended();
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains("git add hosts/riverside-clinic"), "{shown}");
    world.is_clean();
    let site = world.read("hosts/riverside-clinic/site.nix");
    assert!(
        site.contains("title = \"Riverside \\\"\\${Clinic}\\\"\";") && site.contains("tier = \"essential\";"),
        "{site}"
    );
    assert!(world.tree().join("hosts/riverside-clinic/back/policy.nix").is_file());
    assert!(std::fs::read_dir(world.temporary()).unwrap().next().is_none());
}

/// A wrong answer is told at once, in the words of `writ check`, and asked for again.
#[test]
fn wrong_answers_are_told_in_the_words_of_the_check() {
    let world = World::small();
    let wrong = [
        (
            "Name of the site",
            "Riverside",
            "a folder called \"Riverside\" cannot be a site; expected 3 to 40 of a-z, 0-9 and \"-\"",
        ),
        ("Name of the site", "", "a folder called \"\" cannot be a site"),
        ("Its name for people", "", "\"\" does not fit here; expected a string that is not empty"),
        ("Time zone", "America/NewYork", "there is no time zone `America/NewYork`"),
        ("Time zone", "Denver time", "expected a time zone such as \"America/New_York\""),
        (
            "Baselines",
            "hippa",
            "there is no baseline \"hippa\"; expected one of \"hardening\", \"hipaa\"; did you mean `hipaa`?",
        ),
        ("Appliances", "front front", "the appliance `front` is named twice"),
        ("Appliances", "none", "a site without an appliance has nothing to obey"),
        ("Who may accept a risk", "", "\"\" does not fit here; expected a string that is not empty"),
        ("Whom to call", "Sam Reed", "a contact is ROLE=PERSON,EMAIL,PHONE"),
        ("Whom to call", "primari=Sam,sam@msp.example", "did you mean `primary`?"),
        ("Tier", "essental", "did you mean `essential`?"),
        ("Programs", "/bin/sh", "expected a name of letters, digits, \".\", \"_\" and \"-\""),
        ("Rule families", "files fiels", "there is no rule family \"fiels\""),
        ("Names of further secrets", "a/b", "the name of letters, digits"),
        ("When a system may be switched", "sun 06:00", "a window is DAYS FROM-TO"),
        ("When a system may be switched", "sun 06:00-06:00", "this window is empty"),
        (
            "Where news goes",
            "desk=mail:x",
            "expected one of \"email\", \"pagerduty\", \"webhook\"; did you mean `email`?",
        ),
    ];
    let mut terminal = Terminal::open(&world, "");
    let mut wrong = wrong.into_iter().peekable();
    for (question, answer) in QUESTIONS {
        while let Some((_, mistake, told)) = wrong.next_if(|(at, ..)| question.starts_with(at)) {
            terminal.answer(question, mistake);
            let said = terminal.until(question);
            assert!(said.contains(told), "{question} {mistake:?}: {told} is not in\n{said}");
            // It is asked again by now: what comes next is judged from there.
            terminal.back(question);
        }
        terminal.answer(question, answer);
    }
    assert_eq!(wrong.next(), None);
    let (code, shown) = terminal.ended();
    assert_eq!(code, Some(0), "{shown}");
    world.is_clean();
}

/// What the questions say of an answer is what `writ check` says of a file with it.
#[test]
fn the_words_are_those_of_the_check() {
    let wrong = [
        ("Time zone", "America/NewYork", "America/Denver", "America/NewYork"),
        ("Tier", "essental", "tier = \"essential\"", "tier = \"essental\""),
        ("Rule families", "fiels", "\"files\"", "\"fiels\""),
    ];
    let world = World::small();
    assert_eq!(world.new_site("riverside-clinic", &[("--tier", "essential")]).code, Some(0));
    let mut text = world.read("hosts/riverside-clinic/site.nix");
    for (.., from, to) in wrong {
        assert!(text.contains(from), "{text}");
        text = text.replace(from, to);
    }
    std::fs::write(world.tree().join("hosts/riverside-clinic/site.nix"), text).unwrap();
    let told = world.check();
    let findings = told["findings"].as_array().unwrap();
    let messages: Vec<&str> = findings.iter().map(|finding| finding["message"].as_str().unwrap()).collect();
    std::fs::remove_dir_all(world.tree().join("hosts/riverside-clinic")).unwrap();

    let mut terminal = Terminal::open(&world, "");
    let mut wrong = wrong.into_iter().peekable();
    for (asked, good) in QUESTIONS {
        if let Some((question, answer, _, to)) = wrong.next_if(|(question, ..)| asked.starts_with(question)) {
            let value = to.rsplit("= ").next().unwrap().trim_matches('"');
            let message = messages.iter().find(|message| message.contains(value));
            let message = message.unwrap_or_else(|| panic!("{value} is not in {messages:?}"));
            terminal.answer(question, answer);
            let said = terminal.until(question);
            assert!(said.contains(message), "{message} is not in\n{said}");
            terminal.back(question);
        }
        if wrong.peek().is_none() {
            break;
        }
        terminal.answer(asked, good);
    }
    assert_eq!(wrong.next(), None);
    terminal.type_in("\u{3}");
    terminal.ended();
}

#[test]
fn what_is_given_is_not_asked_for() {
    let world = World::small();
    let given = "riverside-clinic --title Riverside --time-zone America/Denver --baseline hipaa --appliance front \
                 --tier essential --program activate --rule-family files --secret backup --window 'sun 02:00-06:00' --review after \
                 --notify desk=email:desk@msp.example --approver Ellen";
    let mut terminal = Terminal::open(&world, given);
    assert!(!terminal.answer("Whom to call", "primary=Sam Reed,sam@msp.example").contains("Tier"));
    terminal.answer("Whom to call", "");
    let (code, shown) = terminal.ended();
    assert_eq!(code, Some(0), "{shown}");
    world.is_clean();

    // A wrong option is not asked about: whoever gave it corrects it there.
    let terminal = Terminal::open(&world, "second-clinic --title Second --time-zone Mars/Olympus");
    let (code, shown) = terminal.ended();
    assert_eq!(code, Some(1), "{shown}");
    assert!(shown.contains("there is no time zone `Mars/Olympus`"), "{shown}");
}

#[test]
fn the_end_of_the_input_writes_nothing() {
    let world = World::small();
    let before = world.paths();
    let mut terminal = Terminal::open(&world, "riverside-clinic");
    terminal.until("Its name for people");
    terminal.type_in("\u{4}");
    let (code, shown) = terminal.ended();
    assert_eq!(code, Some(2), "{shown}");
    assert!(shown.contains("the questions were not answered to the end"), "{shown}");
    assert_eq!(world.paths(), before);
}

#[test]
fn ctrl_c_at_any_question_leaves_nothing() {
    let world = World::small();
    let before = world.paths();
    for stop in [0, 4, 17] {
        let mut terminal = Terminal::open(&world, "");
        for (question, answer) in &QUESTIONS[..stop] {
            terminal.answer(question, answer);
        }
        terminal.until(QUESTIONS[stop].0);
        terminal.type_in("\u{3}");
        let (code, shown) = terminal.ended();
        assert_eq!(code, Some(130), "{stop}: {shown}");
        assert_eq!(world.paths(), before, "{stop}");
    }
}
