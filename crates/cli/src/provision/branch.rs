//! A commit on a branch of its own, made without touching the working tree or its index: what somebody is at work on stays as it is.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use writ_trust::text::one_line;

use crate::check::git;
use crate::failure::{Failure, Outcome};

/// The repository that a tree is in.
pub struct Repository {
    tree: PathBuf,
    /// From the root of the repository to the tree, with `/` at its end; empty where they are the same.
    prefix: String,
    /// The commit that is checked out.
    head: String,
}

impl Repository {
    /// The repository of a tree.
    pub fn of(tree: &Path) -> Outcome<Self> {
        let mut repository = Self { tree: tree.to_owned(), prefix: String::new(), head: String::new() };
        repository.prefix = repository.text(&["rev-parse", "--show-prefix"]).map_err(|e| {
            e.next("identity enters by a pull request, so the tree must be in a git repository: git init")
        })?;
        repository.head = repository
            .text(&["rev-parse", "--verify", "HEAD^{commit}"])
            .map_err(|e| e.next("the repository has no commit yet: commit the tree first"))?;
        Ok(repository)
    }

    /// A file of the tree as the commit that is checked out has it.
    pub fn file(&self, path: &str) -> Outcome<Option<Vec<u8>>> {
        let name = format!("{}:{}{path}", self.head, self.prefix);
        let found = self.run(&["cat-file", "-e", &name], None, None)?;
        if !found.status.success() {
            return Ok(None);
        }
        let shown = self.run(&["cat-file", "blob", &name], None, None)?;
        Ok(shown.status.success().then_some(shown.stdout))
    }

    /// The names of files of the tree below a folder, in the commit that is checked out.
    pub fn files_below(&self, folder: &str) -> Outcome<Vec<String>> {
        let folder = format!("{}{folder}", self.prefix);
        let listed =
            self.run(&["ls-tree", "-r", "-z", "--name-only", "--full-tree", &self.head, &folder], None, None)?;
        if !listed.status.success() {
            return Err(self.failed("cannot list the files of the last commit", &listed.stderr));
        }
        let names = listed.stdout.split(|b| *b == 0).filter_map(|name| std::str::from_utf8(name).ok());
        let within = names.filter_map(|name| name.strip_prefix(&self.prefix));
        Ok(within.filter(|name| !name.is_empty()).map(str::to_owned).collect())
    }

    /// Whether there is a branch of this name.
    pub fn has_branch(&self, branch: &str) -> Outcome<bool> {
        let name = format!("refs/heads/{branch}");
        Ok(self.run(&["rev-parse", "--verify", "--quiet", &name], None, None)?.status.success())
    }

    /// Commits files, and that others go, on a new branch that begins at the commit that is checked out; gives the commit's name.
    pub fn commit(
        &self,
        branch: &str,
        files: &[(String, Vec<u8>)],
        removed: &[String],
        message: &str,
    ) -> Outcome<String> {
        let folder =
            tempfile::tempdir().map_err(|e| Failure::could_not("cannot make a folder for git's index").because(e))?;
        let index = folder.path().join("index");
        self.done(&["read-tree", &self.head], None, Some(&index))?;
        for (path, content) in files {
            let blob = self.done(&["hash-object", "-w", "--stdin"], Some(content), Some(&index))?;
            let entry = format!("100644,{blob},{}{path}", self.prefix);
            self.done(&["update-index", "--add", "--cacheinfo", &entry], None, Some(&index))?;
        }
        for path in removed {
            // By its name from here, as git takes every name that is an argument; a cache entry's is from the root.
            self.done(&["update-index", "--force-remove", "--", path], None, Some(&index))?;
        }
        let tree = self.done(&["write-tree"], None, Some(&index))?;
        let mut commit = vec!["commit-tree", "-p", &self.head, "-F", "-"];
        let signs = self.run(&["config", "--type=bool", "--get", "commit.gpgsign"], None, None)?;
        if signs.stdout.trim_ascii() == b"true" {
            commit.push("-S");
        }
        commit.push(&tree);
        let commit = self
            .done(&commit, Some(message.as_bytes()), None)
            .map_err(|e| e.next("git says who commits: git config user.name NAME, git config user.email ADDRESS"))?;
        // The empty old value: only if there is none of that name.
        let name = format!("refs/heads/{branch}");
        self.done(&["update-ref", "-m", "writ provision claim", &name, &commit, ""], None, None)?;
        Ok(commit)
    }

    fn text(&self, arguments: &[&str]) -> Outcome<String> {
        self.done(arguments, None, None)
    }

    fn done(&self, arguments: &[&str], input: Option<&[u8]>, index: Option<&Path>) -> Outcome<String> {
        let output = self.run(arguments, input, index)?;
        if !output.status.success() {
            return Err(self.failed(&format!("git {} failed", arguments.first().unwrap_or(&"")), &output.stderr));
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim_end_matches('\n').to_owned())
    }

    fn run(&self, arguments: &[&str], input: Option<&[u8]>, index: Option<&Path>) -> Outcome<std::process::Output> {
        let failed = |e: std::io::Error| Failure::could_not("cannot run git").at(self.tree.display()).because(e);
        let mut command: Command = git::command(&self.tree);
        command.args(arguments).env("LC_ALL", "C").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        if let Some(index) = index {
            command.env("GIT_INDEX_FILE", index);
        }
        let mut child = command.spawn().map_err(failed)?;
        if let Some(mut stdin) = child.stdin.take() {
            // What git does not want to read it says by how it ends.
            let _ = stdin.write_all(input.unwrap_or_default());
        }
        child.wait_with_output().map_err(failed)
    }

    fn failed(&self, what: &str, said: &[u8]) -> Failure {
        let said = String::from_utf8_lossy(said);
        let failure = Failure::could_not(what).at(self.tree.display());
        said.lines().take(5).fold(failure, |failure, line| failure.because(one_line(line)))
    }
}
