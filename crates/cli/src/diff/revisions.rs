//! The two trees that are compared: the files of a commit, or of the working tree, laid into a folder of their own.
//!
//! Files are read from git's objects, not checked out: no filter, hook or attribute of a repository has a say, and a
//! repository without a working tree will do.

use std::fs;
use std::io::{self, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;
use writ_policy::nearest::nearest;
use writ_trust::text::one_line;

use super::closure;
use super::lay::{Entry, sound, written};
use super::working::{self, Listed};
use crate::check::process;
use crate::check::tree::{ENTRY, Tree};
use crate::failure::{Failure, Outcome};

/// The longest time that git may take to answer one question.
const TIME: Duration = Duration::from_secs(120);
/// The most bytes of one answer.
const LIMIT: u64 = 256 << 20;

/// Where the two revisions come from.
pub struct Repository {
    /// Where git is asked.
    folder: PathBuf,
    /// The policy tree within the repository: empty, or with a `/` at its end.
    prefix: String,
}

/// One side of the comparison.
pub struct Side {
    /// What was asked for; none for the working tree.
    pub revision: Option<String>,
    /// The commit that it names.
    pub commit: Option<String>,
    /// The tree, to be evaluated.
    pub tree: Tree,
    _folder: TempDir,
}

impl Side {
    /// What it is called in a heading, such as `main (0123456789ab)`.
    pub fn name(&self) -> String {
        match (&self.revision, &self.commit) {
            (Some(revision), Some(commit)) if !commit.starts_with(revision.as_str()) => {
                format!("{} ({})", one_line(revision), short(commit))
            }
            (_, Some(commit)) => short(commit).to_owned(),
            _ => "the working tree".to_owned(),
        }
    }
}

fn short(commit: &str) -> &str {
    commit.get(..12).unwrap_or(commit)
}

impl Repository {
    /// The repository that `path` is in, with or without a working tree.
    pub fn find(path: &Path) -> Outcome<Self> {
        let start = path.canonicalize().map_err(|e| {
            Failure::could_not(format!("{} cannot be read", path.display()))
                .caused_by(&e)
                .next("name the folder that holds baselines/, rules/, hosts/ and modules/")
        })?;
        // In a bare repository there is no tree to be found, and its root is the policy's.
        let folder = Tree::find(&start).map_or(start, |tree| tree.root);
        let mut this = Self { folder, prefix: String::new() };
        let asked = this.ask(&["rev-parse", "--show-prefix"]);
        let no_repository = |why: &str| {
            let failure = Failure::could_not("git knows no repository here")
                .at(this.folder.display())
                .because(one_line(why.lines().next().unwrap_or_default()));
            if why.contains("dubious ownership") {
                let folder = this.folder.display();
                return failure.next(format!("if you trust it: git config --global --add safe.directory '{folder}'"));
            }
            failure.next("run it within a clone of the repository that holds the policy")
        };
        match asked {
            Ok(output) if output.status.success() => {
                this.prefix = String::from_utf8_lossy(&output.stdout).trim_end_matches('\n').to_owned();
                Ok(this)
            }
            Ok(output) => Err(no_repository(&output.stderr)),
            Err(e) => Err(no_repository("git could not be asked").caused_by(&e)),
        }
    }

    /// A commit's tree, laid into a folder of its own.
    pub fn side(&self, revision: &str) -> Outcome<Side> {
        let commit = self.commit(revision)?;
        let folder = tempfile::Builder::new().prefix("writ-diff-").tempdir().map_err(|e| no_copy(revision, &e))?;
        let root = folder.path().join("tree");
        fs::create_dir(&root).map_err(|e| no_copy(revision, &e))?;
        let files = self.files(&commit)?;
        self.lay(&files, &root).map_err(|e| no_copy(revision, &e))?;
        // Not a folder above it: where temporary files are kept within a tree, that is another one.
        let tree = Tree::at(&root).map_err(|_| {
            Failure::could_not(format!("{} holds no policy", one_line(revision)))
                .because(format!("{}modules/policy/evaluate.nix is not in commit {}", self.prefix, short(&commit)))
                .next("name a revision since which the policy is there")
        })?;
        Ok(Side { revision: Some(revision.to_owned()), commit: Some(commit), tree, _folder: folder })
    }

    /// The working tree, with edits and files that no commit has.
    pub fn working_tree(&self) -> Outcome<Side> {
        let found = Tree::find(&self.folder).map_err(|failure| {
            if self.ask(&["rev-parse", "--is-bare-repository"]).is_ok_and(|o| o.stdout.starts_with(b"true")) {
                return Failure::could_not("this repository has no working tree to compare with")
                    .at(self.folder.display())
                    .next("name the second revision: --to REV");
            }
            failure
        })?;
        let no_copy = |e: io::Error| no_copy("the working tree", &e);
        let folder = tempfile::Builder::new().prefix("writ-diff-").tempdir().map_err(no_copy)?;
        let root = folder.path().join("tree");
        fs::create_dir(&root).map_err(no_copy)?;
        working::copied(&self.working_files()?, &found.root, &root).map_err(no_copy)?;
        let tree = Tree::at(&root).map_err(|_| {
            Failure::could_not("a commit of this working tree would hold no policy")
                .because(format!("git ignores {ENTRY}, or a link leads to it"))
        })?;
        Ok(Side { revision: None, commit: None, tree, _folder: folder })
    }

    /// The files of the working tree. A busybox that nobody has added to git is none of them: systems are made with it
    /// where there is one, and a commit has none.
    fn working_files(&self) -> Outcome<Listed> {
        let failed = |why: &str| {
            Failure::could_not("git does not say what is in the working tree")
                .at(self.folder.display())
                .because(one_line(why))
        };
        let ask = |arguments: &[&str]| {
            let output = self.ask(arguments).map_err(|e| failed("git could not be asked").caused_by(&e))?;
            if output.status.success() { Ok(output.stdout) } else { Err(failed(&output.stderr)) }
        };
        let tracked = ask(&["ls-files", "-z", "--cached", "--stage"])?;
        let others = ask(&["ls-files", "-z", "--others", "--exclude-standard"])?;
        let mut files = working::listed(&tracked, &others).map_err(|why| failed(&why))?;
        files.retain(|path, is_tracked| *is_tracked || !closure::is_busybox(path));
        Ok(files)
    }

    fn commit(&self, revision: &str) -> Outcome<String> {
        let name = format!("{revision}^{{commit}}");
        let found = self.ask(&["rev-parse", "--verify", "--end-of-options", &name]).ok();
        let found = found.filter(|output| output.status.success());
        if found.as_ref().is_some_and(|output| output.stderr.contains("is ambiguous")) {
            return Err(Failure::could_not(format!("`{}` names more than one revision", one_line(revision)))
                .because("a branch, a tag or a commit may be meant")
                .next("name it in full, such as refs/heads/main, refs/tags/v1 or refs/remotes/origin/main"));
        }
        let commit = found.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
        if let Some(commit) = commit.filter(|c| !c.is_empty() && c.chars().all(|c| c.is_ascii_hexdigit())) {
            return Ok(commit);
        }
        let failure = Failure::could_not(format!("git knows no revision `{}`", one_line(revision)));
        let names = self.ask(&["for-each-ref", "--count=5000", "--format=%(refname:short)"]);
        let names = names.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
        Err(match nearest(revision, names.lines()) {
            Some(near) => failure.next(format!("did you mean `{}`?", one_line(near))),
            None => {
                failure.next("name a branch, a tag or a commit; in CI, a shallow clone has only the newest: fetch more")
            }
        })
    }

    /// Every file of a commit's tree: any of them may be read by a Nix expression.
    fn files(&self, commit: &str) -> Outcome<Vec<Entry>> {
        let tree = format!("{commit}:{}", self.prefix.trim_end_matches('/'));
        let failed = |why: &str| {
            Failure::could_not("git does not say what is in this revision").at(one_line(&tree)).because(one_line(why))
        };
        let output = self.ask(&["ls-tree", "-r", "-z", "--full-tree", "--end-of-options", &tree]);
        let output = output.map_err(|e| failed("git could not be asked").caused_by(&e))?;
        if !output.status.success() {
            return Err(failed(&output.stderr));
        }
        let entries = output.stdout.split(|byte| *byte == 0).filter(|entry| !entry.is_empty()).map(Entry::read);
        let entries: Option<Vec<Entry>> = entries.collect();
        let entries = entries.ok_or_else(|| failed("its listing is not of the known form"))?;
        sound(&entries).map_err(|why| failed(&why))?;
        Ok(entries)
    }

    /// Writes files below `root`, links last: nothing is ever written through one.
    fn lay(&self, entries: &[Entry], root: &Path) -> io::Result<()> {
        let mut child = self
            .git(&["cat-file", "--batch"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let (Some(mut stdin), Some(stdout)) = (stdin, stdout) else { return Err(io::Error::other("git has no pipes")) };
        let result = thread::scope(|scope| {
            scope.spawn(move || {
                // Once the reader has given up, nobody listens any more.
                let _ = entries.iter().try_for_each(|entry| writeln!(stdin, "{}", entry.object));
            });
            written(entries, BufReader::with_capacity(1 << 16, stdout), root)
        });
        if result.is_err() {
            let _ = child.kill();
        }
        child.wait()?;
        result
    }

    fn ask(&self, arguments: &[&str]) -> Result<process::Output, process::ProcessError> {
        process::run(self.git(arguments), TIME, LIMIT)
    }

    /// Git with questions only: no program that a repository's configuration names may run.
    fn git(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("git");
        command.args(["-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "--no-replace-objects"]);
        command.args(["-c", "core.warnAmbiguousRefs=true", "-c", "protocol.allow=never"]);
        command.args(arguments).current_dir(&self.folder).env("LC_ALL", "C").env("GIT_OPTIONAL_LOCKS", "0");
        // What a partial clone lacks is an error, not a reason to use the network.
        // Git before 2.44 does not know the first of these; the second allows no way to fetch, whatever is configured.
        command.env("GIT_NO_LAZY_FETCH", "1").env("GIT_ALLOW_PROTOCOL", "");
        command
            .env_remove("GIT_DIR")
            .env_remove("GIT_WORK_TREE")
            .env_remove("GIT_INDEX_FILE")
            .env_remove("GIT_EXTERNAL_DIFF");
        command
    }
}

fn no_copy(revision: &str, error: &io::Error) -> Failure {
    Failure::could_not(format!("the files of {} cannot be laid out", one_line(revision))).caused_by(error)
}
