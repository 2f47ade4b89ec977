//! Builds the test binaries, runs them side by side, and adds up what they say.
//!
//! cargo runs one after the other, and where one of them waits for its last long test, the processors have nothing to do.

mod left;

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tempfile::{NamedTempFile, TempDir};

use writ_tools::phase::{cargo, root};
use writ_tools::run;

use crate::counts::Counts;

/// Something that tests: a binary of libtest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suite {
    /// Folder and target, `crates/cli it`.
    pub name: String,
    program: PathBuf,
    arguments: Vec<String>,
    /// Where it runs, as under cargo: the folder of its crate.
    folder: PathBuf,
    /// What it is told in its environment.
    told: Vec<(&'static str, &'static str)>,
}

/// The end-to-end suite.
pub const SCENARIOS: &str = "checks/scenarios it";

/// Those that take longest, in the order in which they begin: what is short fills the gaps at the end.
const LONGEST: [&str; 3] = [SCENARIOS, "crates/agent it", "crates/cli it"];

/// How suites are run.
pub struct How<'a> {
    /// The most at a time.
    pub at_once: usize,
    /// How long one may take before it is ended and has failed.
    pub limit: Duration,
    /// What is said to each besides.
    pub prepare: &'a dyn Fn(&mut Command),
}

/// Builds every test binary, and the programs that the tests find beside themselves. By one call: another choice of packages
/// or targets is another choice of features, for which everything would be compiled once more.
pub fn build() -> Result<Vec<Suite>> {
    let mut command = cargo();
    command.args(["test", "--workspace", "--quiet", "--no-run", "--message-format=json-render-diagnostics"]);
    let output = command.stderr(Stdio::inherit()).output().context("cannot run cargo test")?;
    if !output.status.success() {
        bail!("`{}` ended with {}", run::line(&command), output.status);
    }
    let mut suites = built(&String::from_utf8_lossy(&output.stdout), root())?;
    suites.sort_by_key(|suite| LONGEST.iter().position(|name| *name == suite.name).unwrap_or(LONGEST.len()));
    Ok(suites)
}

/// The test binaries among what cargo says that it built: a JSON object a line, as "External tools" of the Cargo book has it.
fn built(messages: &str, root: &Path) -> Result<Vec<Suite>> {
    let mut suites = Vec::new();
    for line in messages.lines().filter(|line| line.starts_with('{')) {
        let message: Value = serde_json::from_str(line).with_context(|| format!("cargo says {line}"))?;
        let (Some(program), true) = (message["executable"].as_str(), message["profile"]["test"] == true) else {
            continue;
        };
        let manifest = Path::new(message["manifest_path"].as_str().context("a binary of no package")?);
        let folder = manifest.parent().context("a package without a folder")?;
        let place = folder.strip_prefix(root.canonicalize()?).unwrap_or(folder).display();
        let target = message["target"]["name"].as_str().unwrap_or_default();
        suites.push(Suite {
            name: format!("{place} {target}"),
            program: program.into(),
            arguments: vec!["--quiet".into()],
            folder: folder.to_owned(),
            told: Vec::new(),
        });
    }
    if suites.is_empty() {
        bail!("cargo built no test binary");
    }
    Ok(suites)
}

impl Suite {
    /// The same suite, of which only tests whose names hold `filter` are run.
    pub fn only(&self, filter: &str) -> Self {
        let mut only = self.clone();
        only.arguments.push(filter.to_owned());
        only
    }

    /// The same suite once more under another name: of some modules, without some tests, and told something.
    pub fn again(&self, name: &str, modules: &[&str], without: &[&str], told: (&'static str, &'static str)) -> Self {
        let mut again = self.clone();
        again.name = format!("{} {name}", self.name);
        again.arguments.extend(modules.iter().map(|module| format!("{module}::")));
        again.arguments.extend(without.iter().flat_map(|test| ["--skip".to_owned(), (*test).to_owned()]));
        again.told.push(told);
        again
    }

    fn start(&self, prepare: &dyn Fn(&mut Command)) -> Result<Running<'_>> {
        let scratch = tempfile::Builder::new().prefix("writ-tests-").tempdir()?;
        let said = NamedTempFile::new()?;
        // A file and no pipe: a process that a test has left behind keeps nobody waiting for the end of what it may say.
        let to = fs::OpenOptions::new().append(true).open(said.path())?;
        let mut command = in_memory(&scratch, &self.program);
        command.args(&self.arguments).current_dir(&self.folder).env("CARGO_MANIFEST_DIR", &self.folder);
        command.envs(self.told.iter().copied());
        command.env("TMPDIR", scratch.path()).stdin(Stdio::null()).stdout(to.try_clone()?).stderr(to);
        prepare(&mut command);
        let child = command.spawn().with_context(|| format!("cannot run {}", self.program.display()))?;
        Ok(Running { suite: self, child, said, scratch, began: Instant::now() })
    }
}

/// Several times what one suite holds at once, of which only what is used takes memory.
const IN_MEMORY: &str = r#"mount -t tmpfs -o size=8g,mode=0755 writ-tests "$0" && exec "$@""#;

/// Runs a program with a folder for the files of its tests, which make and remove some hundred thousand. As root it is in
/// memory, for as long as the program runs: none of the tests asks a disk to keep anything, and those that fill one make it.
fn in_memory(folder: &TempDir, program: &Path) -> Command {
    if !run::is_root() {
        return Command::new(program);
    }
    // In a mount namespace of its own: however it ends, nothing stays mounted.
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", IN_MEMORY]).arg(folder.path()).arg(program);
    command
}

/// A suite at work. Its process is the one that was started: whatever stands in front of it becomes it. When nobody asks for
/// it any more, nothing of it is at work: it has ended or is ended, and so is what it has started.
struct Running<'a> {
    suite: &'a Suite,
    child: Child,
    said: NamedTempFile,
    scratch: TempDir,
    began: Instant,
}

/// How a suite ended.
#[derive(Debug, Clone, Copy)]
enum End {
    By(ExitStatus),
    /// It was ended.
    TooLate,
}

impl Running<'_> {
    fn ended(&mut self, limit: Duration) -> Result<Option<End>> {
        if let Some(status) = self.child.try_wait()? {
            return Ok(Some(End::By(status)));
        }
        if self.began.elapsed() < limit {
            return Ok(None);
        }
        self.child.kill()?;
        self.child.wait()?;
        Ok(Some(End::TooLate))
    }

    /// Prints what it said, whole, and counts.
    fn told(self, end: End) -> Result<(Counts, Option<String>)> {
        let said = fs::read(self.said.path())?;
        let said = String::from_utf8_lossy(&said);
        println!("── {}: {:.1} s\n{}", self.suite.name, self.began.elapsed().as_secs_f64(), said.trim_end());
        let (counts, wrong) = judge(end, &said);
        Ok((counts, wrong.map(|wrong| format!("{} {wrong}", self.suite.name))))
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        // Nothing is done to one that has been waited for already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Err(error) = left::end(self.scratch.path()) {
            eprintln!("error: {}: {error:#}", self.suite.name);
        }
    }
}

/// Runs them all, whatever comes of each, and adds up. What is wrong with a suite as a whole, also that it cannot be started,
/// counts as one failure more.
pub fn run(suites: &[Suite], how: &How<'_>) -> Result<Counts> {
    let mut waiting: VecDeque<&Suite> = suites.iter().collect();
    let mut running: Vec<Running<'_>> = Vec::new();
    let mut counts = Counts::default();
    let mut failures = Vec::new();
    while !(waiting.is_empty() && running.is_empty()) {
        while running.len() < how.at_once.max(1)
            && let Some(next) = waiting.pop_front()
        {
            match next.start(how.prepare) {
                Ok(started) => running.push(started),
                Err(error) => {
                    counts.failed += 1;
                    failures.push(format!("{}: {error:#}", next.name));
                }
            }
        }
        let mut at = 0;
        while at < running.len() {
            let Some(end) = running[at].ended(how.limit)? else {
                at += 1;
                continue;
            };
            let (more, failure) = running.remove(at).told(end)?;
            counts.add(&more);
            failures.extend(failure);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    for failure in failures {
        println!("error: {failure}");
    }
    Ok(counts)
}

/// What a suite came to, and what is wrong with it other than tests that it says have failed.
fn judge(end: End, said: &str) -> (Counts, Option<String>) {
    let mut counts = Counts::of(said);
    let wrong = match end {
        End::TooLate => Some("took too long and was ended".to_owned()),
        End::By(status) if !status.success() && counts.failed == 0 => Some(format!("ended with {status}")),
        End::By(_) if counts.results == 0 => Some("ended without a result".to_owned()),
        End::By(_) if counts.begun != counts.ended() => {
            Some(format!("began {} tests and has told of {}", counts.begun, counts.ended()))
        }
        End::By(_) => None,
    };
    counts.failed += u64::from(wrong.is_some());
    (counts, wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSES: &str = "printf '\\nrunning 2 tests\\n..\\ntest result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; \
                          0 filtered out; finished in 0.00s\\n\\n'";

    fn suite(name: &str, script: &str) -> Suite {
        Suite {
            name: name.into(),
            program: "sh".into(),
            arguments: vec!["-c".into(), script.into()],
            folder: root().to_owned(),
            told: Vec::new(),
        }
    }

    fn ran(suites: &[Suite], limit: Duration) -> (u64, u64) {
        let counts = run(suites, &How { at_once: 2, limit, prepare: &|_| () }).unwrap();
        (counts.passed, counts.failed)
    }

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn what_each_says_adds_up() {
        let fails =
            "printf 'running 3 tests\\ntest result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured;\\n'; exit 101";
        let suites = [suite("a", PASSES), suite("b", fails), suite("c", PASSES), suite("d", PASSES)];
        assert_eq!(ran(&suites, LONG), (7, 2));
    }

    #[test]
    fn what_crashes_says_nothing_or_ends_before_its_end_has_failed() {
        assert_eq!(ran(&[suite("crashes", &format!("{PASSES}; kill -SEGV $$"))], LONG), (2, 1));
        assert_eq!(ran(&[suite("is silent", "exit 0")], LONG), (0, 1));
        assert_eq!(ran(&[suite("says no", &format!("{PASSES}; exit 3"))], LONG), (2, 1));
        // A test that ends the whole process well, while one that it started had a result.
        let inner = "printf 'running 9 tests\\n...'";
        assert_eq!(ran(&[suite("ends", &format!("{inner}; {PASSES}"))], LONG), (2, 1));
    }

    #[test]
    fn the_same_once_more_is_told_what_is_other() {
        let again = suite("a", "true").again("elsewhere", &["one", "two"], &["two::not"], ("WRIT_TEST_SAYS", "more"));
        assert_eq!(
            (again.name.as_str(), &again.arguments[2..]),
            ("a elsewhere", &["one::", "two::", "--skip", "two::not"].map(str::to_owned)[..])
        );
        let says = format!("test \"$WRIT_TEST_SAYS\" = more || exit 3; {PASSES}");
        assert_eq!(ran(&[suite("b", &says).again("too", &[], &[], ("WRIT_TEST_SAYS", "more"))], LONG), (2, 0));
    }

    #[test]
    fn what_hangs_is_ended_and_has_failed_and_the_rest_is_run() {
        let suites = [suite("hangs", "exec sleep 3600"), suite("passes", PASSES), suite("also", PASSES)];
        assert_eq!(ran(&suites, Duration::from_millis(500)), (4, 1));
    }

    /// Leaves a process at work, and says its number first.
    const LEAVES: &str = "sleep 60 & echo $! >&2";

    /// The process that a suite has left at work, which it has said.
    fn left_by(running: &Running<'_>) -> String {
        let said = || fs::read_to_string(running.said.path());
        run::wait("its first line", LONG, || Ok(said()?.split_once('\n').map(|(first, _)| first.to_owned()))).unwrap()
    }

    /// Who is dead and only waits to be asked for that does not live.
    fn lives(process: &str) -> bool {
        fs::read_to_string(format!("/proc/{process}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
    }

    fn is_ended(process: &str) {
        run::wait("the end of what was left", LONG, || Ok((!lives(process)).then_some(()))).unwrap();
    }

    #[test]
    fn what_a_suite_leaves_behind_keeps_nobody_waiting() {
        let suite = suite("leaves", &format!("{LEAVES}; {PASSES}"));
        let mut running = suite.start(&|_| ()).unwrap();
        let end = run::wait("its end", LONG, || running.ended(LONG)).unwrap();
        let left = left_by(&running);
        assert!(lives(&left));
        let (counts, wrong) = running.told(end).unwrap();
        assert_eq!((counts.passed, counts.failed, wrong), (2, 0, None));
        is_ended(&left);
    }

    #[test]
    fn what_took_too_long_is_ended_with_all_that_it_has_started() {
        let suite = suite("hangs", &format!("{LEAVES}; exec sleep 60"));
        let mut running = suite.start(&|_| ()).unwrap();
        let left = left_by(&running);
        let end = running.ended(Duration::ZERO).unwrap().unwrap();
        let (counts, wrong) = running.told(end).unwrap();
        assert_eq!((counts.failed, wrong.as_deref()), (1, Some("hangs took too long and was ended")));
        is_ended(&left);
    }

    #[test]
    fn whoever_goes_away_in_the_middle_leaves_nothing_at_work() {
        let suite = suite("hangs", &format!("{LEAVES}; exec sleep 60"));
        let running = suite.start(&|_| ()).unwrap();
        let (left, own) = (left_by(&running), running.child.id().to_string());
        assert!(lives(&left) && lives(&own));
        drop(running);
        is_ended(&left);
        is_ended(&own);
    }

    #[test]
    fn what_cannot_be_started_has_failed_and_the_rest_is_run() {
        let (mut program, mut folder) = (suite("without a program", ""), suite("without a folder", PASSES));
        // As root it is what stands in front of it that fails.
        program.program = "/nonexistent/program".into();
        folder.folder = "/nonexistent/folder".into();
        assert!(folder.start(&|_| ()).is_err());
        assert_eq!(ran(&[program, folder, suite("passes", PASSES), suite("also", PASSES)], LONG), (4, 2));
    }

    #[test]
    fn binaries_are_found_in_what_cargo_says() {
        let root = root().canonicalize().unwrap();
        let at = root.display();
        let messages = format!(
            r#"{{"reason":"compiler-artifact","manifest_path":"{at}/crates/cli/Cargo.toml","target":{{"kind":["test"],"name":"it"}},"profile":{{"test":true}},"executable":"{at}/target/debug/deps/it-1"}}
{{"reason":"compiler-artifact","manifest_path":"{at}/crates/cli/Cargo.toml","target":{{"kind":["bin"],"name":"writ"}},"profile":{{"test":false}},"executable":"{at}/target/debug/writ"}}
{{"reason":"compiler-artifact","manifest_path":"/registry/serde/Cargo.toml","target":{{"kind":["lib"],"name":"serde"}},"profile":{{"test":false}},"executable":null}}
{{"reason":"build-finished","success":true}}
"#
        );
        let suites = built(&messages, &root).unwrap();
        assert_eq!(suites.len(), 1, "{suites:?}");
        assert_eq!(suites[0].name, "crates/cli it");
        assert_eq!(suites[0].folder, root.join("crates/cli"));
        assert!(built("", &root).is_err() && built("{broken", &root).is_err());
    }
}
