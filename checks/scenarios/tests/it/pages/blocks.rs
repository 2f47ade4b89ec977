//! Blocks marked ```` ```console runnable ````: commands behind `$ `, and below each what it prints.
//!
//! `…` in a line of its own stands for any lines, within a line for any part of it. `# exit code N` behind a command says how
//! it ends, if not with 0; one that ends with `\\` goes on in the next line. All commands of a block have one shell.

use std::fs;
use std::path::Path;
use std::process::Command;

use writ_scenarios::run;

const FENCE: &str = "```";
const MARK: &str = "```console runnable";
const PROMPT: &str = "$ ";
const ENDS_WITH: &str = "# exit code ";
const ANY: &str = "…";

/// What a block finds where it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ground {
    /// An audit folder and the first trust root.
    Auditor,
    /// A tree of policy, trust roots, and keys beside it.
    Desk,
    /// The data directory of a depot.
    Depot,
}

/// One block of a page.
#[derive(Debug)]
pub struct Block {
    page: String,
    pub ground: Ground,
    steps: Vec<Step>,
}

#[derive(Debug)]
struct Step {
    /// Its line in the page, from 1.
    at: usize,
    command: String,
    code: i32,
    shown: Vec<String>,
}

/// The runnable blocks of a page.
pub fn read(page: &str, text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut lines = (1..).zip(text.lines());
    while let Some((at, line)) = lines.next() {
        let Some(ground) = line.strip_prefix(MARK) else {
            if line.starts_with(FENCE) {
                lines.by_ref().take_while(|(_, line)| !line.starts_with(FENCE)).for_each(drop);
            }
            continue;
        };
        let ground = match ground.trim() {
            "" => Ground::Auditor,
            "desk" => Ground::Desk,
            "depot" => Ground::Depot,
            other => panic!("{page}:{at}: there is no ground called {other:?}"),
        };
        let mut steps: Vec<Step> = Vec::new();
        for (at, line) in lines.by_ref().take_while(|(_, line)| !line.starts_with(FENCE)) {
            match (line.strip_prefix(PROMPT), steps.last_mut()) {
                (Some(command), _) => {
                    steps.push(Step { at, command: command.to_owned(), code: 0, shown: Vec::new() });
                }
                (None, Some(step)) if step.command.ends_with('\\') => step.command += &format!("\n{line}"),
                (None, Some(step)) => step.shown.push(line.to_owned()),
                (None, None) => panic!("{page}:{at}: output before any command"),
            }
        }
        assert!(!steps.is_empty(), "{page}:{at}: an empty block");
        steps.iter_mut().for_each(expect);
        blocks.push(Block { page: page.to_owned(), ground, steps });
    }
    blocks
}

/// Takes what a command says of its end away from it.
fn expect(step: &mut Step) {
    if let Some((command, code)) = step.command.rsplit_once(ENDS_WITH) {
        step.code = code.trim().parse().unwrap();
        step.command = command.trim_end().to_owned();
    }
}

impl Block {
    /// A command whose places on a depot's machine are below this folder.
    fn placed(&self, command: &str, folder: &Path) -> String {
        let below =
            |command: &str, top: &str| command.replace(&format!(" {top}"), &format!(" {}{top}", folder.display()));
        match self.ground {
            Ground::Depot => below(&below(command, "/var/lib/writ/"), "/mnt/"),
            Ground::Auditor | Ground::Desk => command.to_owned(),
        }
    }

    /// Runs it by this shell in a folder, and says what is not as the page has it. What commands printed lies in `scripts`,
    /// which the shell's account may write to.
    pub fn run(&self, mut shell: Command, folder: &Path, scripts: &Path) -> Vec<String> {
        let mut script = String::new();
        for (n, step) in self.steps.iter().enumerate() {
            let to = scripts.join(n.to_string());
            let _ = fs::remove_file(to.with_extension("code"));
            let command = self.placed(&step.command, folder);
            script += &format!("{{\n{command}\n}} >'{0}.said' 2>&1; echo $? >'{0}.code'\n", to.display());
        }
        shell
            .args(["-c", &script])
            .current_dir(folder)
            .env("NO_COLOR", "1")
            .env("COLUMNS", "120")
            .env("LC_ALL", "C.UTF-8");
        let done = run::any(&mut shell).unwrap();
        let mut wrong = Vec::new();
        for (n, step) in self.steps.iter().enumerate() {
            let file = |what: &str| fs::read(scripts.join(n.to_string()).with_extension(what)).unwrap_or_default();
            let said = String::from_utf8_lossy(&file("said")).into_owned();
            let why = match String::from_utf8_lossy(&file("code")).trim().parse::<i32>() {
                Err(_) => format!("it ended the shell, or was not reached: {}", run::both(&done)),
                Ok(code) if code != step.code => format!("it ended with {code} and not with {}", step.code),
                Ok(_) if !is_shown(&step.shown, &said) => {
                    format!("the page shows\n{}\nand it prints", step.shown.join("\n"))
                }
                Ok(_) => continue,
            };
            wrong.push(format!("{}:{}: {}: {why}\n{said}", self.page, step.at, step.command));
        }
        wrong
    }
}

fn is_shown(shown: &[String], said: &str) -> bool {
    let said: Vec<&str> = said.lines().map(str::trim_end).collect();
    let shown: Vec<&str> = shown.iter().map(|line| line.trim_end()).collect();
    lines_fit(&shown, &said)
}

fn lines_fit(shown: &[&str], said: &[&str]) -> bool {
    match shown.split_first() {
        None => said.is_empty(),
        Some((&ANY, rest)) => (0..=said.len()).any(|n| lines_fit(rest, &said[n..])),
        Some((line, rest)) => {
            said.split_first().is_some_and(|(one, left)| line_fits(line, one) && lines_fit(rest, left))
        }
    }
}

fn line_fits(shown: &str, said: &str) -> bool {
    let Some((before, after)) = shown.split_once(ANY) else { return shown == said };
    let Some(rest) = said.strip_prefix(before) else { return false };
    (0..=rest.len()).any(|n| rest.get(n..).is_some_and(|rest| line_fits(after, rest)))
}
