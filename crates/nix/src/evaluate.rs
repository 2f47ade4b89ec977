//! Evaluating a tree of baselines, rules and hosts with the real Nix, and building the systems it describes.
//!
//! The protocol is that of `modules/policy/evaluate.nix` in the tree itself: plain `nix-instantiate` on builtins, no
//! flake, no network. A mistake in the tree is data in the report; only a failure of Nix itself is an error here.
//! Every run is bounded in time and output. The machine's nix.conf and environment have no say in what a policy means;
//! naming and building systems follows them, since they say which store is meant, who builds, and who may help.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use writ_policy::rings::Rings;
use writ_trust::ids::{ApplianceId, SiteId};

use crate::tool::{self, Nix, NixError};

/// The entry of a tree, relative to its root.
pub const ENTRY: &str = "modules/policy/evaluate.nix";
/// How long an evaluation may take; the largest trees take seconds.
const EVALUATION_TIME: Duration = Duration::from_secs(15 * 60);
/// How long the build of a system may take: it may begin with a compiler.
const BUILD_TIME: Duration = Duration::from_secs(24 * 3600);

/// A source tree that can be evaluated.
#[derive(Debug, Clone)]
pub struct Tree {
    root: PathBuf,
}

/// What to evaluate of a tree.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// Files, relative to the root, to treat as not there.
    pub exclude: Vec<String>,
    /// Only these sites; `None` is all.
    pub sites: Option<Vec<String>>,
}

/// All policies of a tree as JSON, in one of two shapes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Policies {
    /// What `-A delta` printed.
    Delta(Vec<u8>),
    /// What `-A report` printed.
    Report(Vec<u8>),
}

/// The parts of the report that every reader needs; the rest is for `writ check`. See `modules/policy/evaluate.nix`.
#[derive(Debug, Clone, Deserialize)]
pub struct Report {
    /// Sites by name.
    pub sites: BTreeMap<SiteId, SiteReport>,
    /// What is wrong with the tree outside its sites.
    pub findings: Vec<Finding>,
}

/// One site in a [`Report`].
#[derive(Debug, Clone, Deserialize)]
pub struct SiteReport {
    /// Its appliances.
    pub appliances: BTreeMap<ApplianceId, ApplianceReport>,
    /// What is wrong with the site.
    pub findings: Vec<Finding>,
    /// Its rings, see `modules/policy/rings.nix`; none where the tree's library is too old to say.
    #[serde(default)]
    pub rings: Rings,
}

/// One appliance in a [`Report`].
#[derive(Debug, Clone, Deserialize)]
pub struct ApplianceReport {
    /// Its policy document, or null when the findings left nothing to compose.
    pub policy: Value,
    /// Its public key's line, or null when it has none yet.
    pub public_key: Option<String>,
    /// Nix's name of the machine, as in `x86_64-linux`.
    pub system_type: Option<String>,
    /// What is wrong with the appliance.
    pub findings: Vec<Finding>,
}

/// A mistake that evaluation found.
#[derive(Debug, Clone, Deserialize)]
pub struct Finding {
    /// Stable name of the kind of mistake.
    pub code: String,
    /// `error` or `warning`.
    pub severity: String,
    /// One sentence for people.
    pub message: String,
    /// What would be right.
    pub expected: Option<String>,
    /// Where.
    pub at: Option<Position>,
}

impl Finding {
    /// Whether it stands in the way of a release.
    pub fn is_error(&self) -> bool {
        self.severity != "warning"
    }
}

/// A place in the tree.
#[derive(Debug, Clone, Deserialize)]
pub struct Position {
    /// Relative to the root.
    pub file: String,
    /// From 1.
    pub line: u32,
    /// From 1.
    pub column: u32,
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

impl Report {
    /// Every finding: of the tree, the sites and the appliances.
    pub fn all_findings(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().chain(self.sites.values().flat_map(|site| {
            site.findings.iter().chain(site.appliances.values().flat_map(|appliance| &appliance.findings))
        }))
    }
}

/// By site and appliance: the store path that its system will have, if Writ manages it.
pub type Systems = BTreeMap<SiteId, BTreeMap<ApplianceId, Option<String>>>;

/// Why a tree could not be evaluated or built.
#[derive(Debug, thiserror::Error)]
pub enum EvaluateError {
    /// The directory is not a tree of policies.
    #[error("{} has no {ENTRY}: expected the root of a tree with baselines/, rules/, hosts/ and modules/", .0.display())]
    NotATree(PathBuf),
    /// A program of Nix could not be started.
    #[error("cannot run {program}: {source} (install Nix: on Debian the package nix-bin)")]
    NoNix {
        /// Which program.
        program: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Nix failed.
    #[error("{program} failed{}:\n{stderr}", status(.code))]
    Nix {
        /// Which program.
        program: &'static str,
        /// Its exit code, if it was not killed.
        code: Option<i32>,
        /// The end of what it said.
        stderr: String,
    },
    /// Nix took too long or wrote too much.
    #[error(transparent)]
    Tool(NixError),
    /// What Nix printed is not what `evaluate.nix` should print.
    #[error("the result of the evaluation is not as expected: {0}; are {ENTRY} and this program of one version?")]
    Unexpected(String),
}

fn status(code: &Option<i32>) -> String {
    code.map_or_else(|| " (killed)".to_owned(), |code| format!(" (exit code {code})"))
}

impl Tree {
    /// The tree with this root.
    pub fn open(root: &Path) -> Result<Self, EvaluateError> {
        let root = root.canonicalize().map_err(|_| EvaluateError::NotATree(root.to_owned()))?;
        if root.join(ENTRY).is_file() { Ok(Self { root }) } else { Err(EvaluateError::NotATree(root)) }
    }

    /// The root, absolute.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The whole report as JSON, exactly as Nix printed it.
    pub fn report_json(&self, request: &Request) -> Result<Vec<u8>, EvaluateError> {
        self.attribute("report", request, &[])
    }

    /// What policies share and what each has for itself, as Nix printed it; the report where the tree's library is older
    /// than that. `writ_policy::delta` reads both.
    pub fn policies_json(&self, request: &Request) -> Result<Policies, EvaluateError> {
        match self.attribute("delta", request, &[]) {
            Ok(json) => Ok(Policies::Delta(json)),
            Err(EvaluateError::Nix { stderr, .. })
                if stderr.contains("attribute 'delta' in selection path 'delta'") =>
            {
                self.report_json(request).map(Policies::Report)
            }
            Err(error) => Err(error),
        }
    }

    /// The report.
    pub fn report(&self, request: &Request) -> Result<Report, EvaluateError> {
        let json = self.report_json(request)?;
        serde_json::from_slice(&json).map_err(|e| EvaluateError::Unexpected(e.to_string()))
    }

    /// Every policy file, relative to the root; evaluates none of them.
    pub fn files(&self) -> Result<Vec<String>, EvaluateError> {
        let json = self.attribute("files", &Request::default(), &[])?;
        serde_json::from_slice(&json).map_err(|e| EvaluateError::Unexpected(e.to_string()))
    }

    /// The rings of some sites, by `modules/policy/rings.nix`; evaluates no policy. A site that is not there has none, nor has
    /// one of a tree whose library is too old to say.
    pub fn rings(&self, sites: &[SiteId]) -> Result<BTreeMap<SiteId, Rings>, EvaluateError> {
        let sites = sites.iter().map(ToString::to_string).collect();
        match self.attribute("rings", &Request { exclude: Vec::new(), sites: Some(sites) }, &[]) {
            Ok(json) => serde_json::from_slice(&json).map_err(|e| EvaluateError::Unexpected(e.to_string())),
            Err(EvaluateError::Nix { stderr, .. })
                if stderr.contains("attribute 'rings' in selection path 'rings'") =>
            {
                Ok(BTreeMap::new())
            }
            Err(error) => Err(error),
        }
    }

    /// Evaluates only these files, each on its own: how a file is found whose mistake ends all of Nix.
    pub fn force(&self, only: &[String]) -> Result<(), EvaluateError> {
        self.attribute("forced", &Request::default(), &["--argstr", "only", &json_text(&only)]).map(drop)
    }

    /// The store paths that the systems of some sites' appliances will have, without building them; `None` where Writ
    /// does not manage the system.
    pub fn systems(&self, sites: &[SiteId]) -> Result<Systems, EvaluateError> {
        let expression = format!(
            "builtins.mapAttrs
             (_: builtins.mapAttrs
               (_: system: if system == null then null else builtins.unsafeDiscardStringContext system.outPath))
             {}.systems",
            self.imported(sites),
        );
        // Whoever may not open the store can still name the paths of all but systems that the store itself is asked about.
        let store: &[&str] = if may_use_store() { &[] } else { &["--store", "dummy://"] };
        let arguments = ["--eval", "--strict", "--json", "--expr", &expression];
        let mut command = Command::new("nix-instantiate");
        command.args(store).args(arguments);
        let json = run("nix-instantiate", command, EVALUATION_TIME)?;
        serde_json::from_slice(&json).map_err(|e| EvaluateError::Unexpected(e.to_string()))
    }

    /// Builds the system of an appliance and links it from `link`, so that it is not collected; returns its store path.
    pub fn build(&self, site: &SiteId, appliance: &ApplianceId, link: &Path) -> Result<String, EvaluateError> {
        let expression = format!(
            "{}.systems.{}.{}",
            self.imported(std::slice::from_ref(site)),
            nix_string(site.as_str()),
            nix_string(appliance.as_str())
        );
        let arguments: [&OsStr; 4] = ["--expr".as_ref(), expression.as_ref(), "--out-link".as_ref(), link.as_os_str()];
        let single_user = if is_single_user() { &["--option", "build-users-group", ""][..] } else { &[] };
        let mut command = Command::new("nix-build");
        command.args(arguments).args(single_user);
        let printed = run("nix-build", command, BUILD_TIME)?;
        let printed = String::from_utf8_lossy(&printed);
        printed
            .lines()
            .last()
            .map(str::to_owned)
            .ok_or_else(|| EvaluateError::Unexpected("nix-build printed no store path".to_owned()))
    }

    fn imported(&self, sites: &[SiteId]) -> String {
        let sites = nix_string(&json_text(&sites));
        let entry = nix_path(&self.root.join(ENTRY));
        format!("(import ({entry}) {{ root = {}; sites = {sites}; }})", nix_path(&self.root))
    }

    fn attribute(&self, name: &str, request: &Request, more: &[&str]) -> Result<Vec<u8>, EvaluateError> {
        let (entry, root) = (self.root.join(ENTRY), nix_path(&self.root));
        // The prefix, or a `=` in the path would be taken for one.
        let mut only_tree = OsString::from("tree=");
        only_tree.push(&self.root);
        let (exclude, sites) = (json_text(&request.exclude), json_text(&request.sites));
        let mut arguments: Vec<&OsStr> = Vec::new();
        arguments.extend(["--eval", "--strict", "--json", "--attr", name, "--arg", "root", &root].map(OsStr::new));
        arguments.extend(["--argstr", "exclude", &exclude, "--argstr", "sites", &sites].map(OsStr::new));
        arguments.extend(more.iter().map(OsStr::new));
        // A policy is evaluated, never built: no store, no network, and no file from outside of the tree, where a tree by
        // somebody else could point at secrets.
        arguments.extend(["--store", "dummy://", "--option", "allow-import-from-derivation", "false"].map(OsStr::new));
        arguments.extend(["--option", "restrict-eval", "true", "--option", "allowed-uris", "", "-I"].map(OsStr::new));
        arguments.push(&only_tree);
        arguments.push(entry.as_os_str());
        let mut command = Nix::default().command("nix-instantiate");
        command.args(arguments);
        run("nix-instantiate", command, EVALUATION_TIME)
    }
}

/// Whether Nix on this machine must build without build users: root alone, as Debian's package leaves it.
fn is_single_user() -> bool {
    let groups = std::fs::read_to_string("/etc/group").unwrap_or_default();
    !groups.lines().any(|line| line.starts_with("nixbld:")) && rustix::process::geteuid().is_root()
}

/// Whether Nix can open the store: as root, through the daemon, or wherever the environment says that it is.
fn may_use_store() -> bool {
    rustix::process::geteuid().is_root()
        || std::env::var_os("NIX_REMOTE").is_some_and(|remote| !remote.is_empty())
        || rustix::fs::access("/nix/var/nix/db", rustix::fs::Access::WRITE_OK).is_ok()
        || UnixStream::connect("/nix/var/nix/daemon-socket/socket").is_ok()
}

fn json_text(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("lists of strings are JSON")
}

/// A Nix string literal.
fn nix_string(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace("${", "\\${"))
}

/// A Nix expression for an absolute path, whatever characters it holds.
fn nix_path(path: &Path) -> String {
    format!("/. + {}", nix_string(&path.to_string_lossy()))
}

fn run(program: &'static str, command: Command, limit: Duration) -> Result<Vec<u8>, EvaluateError> {
    tool::run(program, command, limit).map_err(|error| match error {
        NixError::Start { source, .. } => EvaluateError::NoNix { program, source },
        NixError::Failed { status, message, .. } => {
            EvaluateError::Nix { program, code: status.code(), stderr: message }
        }
        other => EvaluateError::Tool(other),
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn tree(entry: &str) -> tempfile::TempDir {
        // A name that would break a path literal.
        let directory = tempfile::Builder::new().prefix("a b ${x} \"c\"").tempdir().unwrap();
        fs::create_dir_all(directory.path().join("modules/policy")).unwrap();
        fs::write(directory.path().join(ENTRY), entry).unwrap();
        directory
    }

    #[test]
    fn the_report_of_the_real_nix_is_read() {
        let directory = tree(
            r#"{ root, exclude ? "[]", only ? "[]", sites ? "null" }: {
              report = {
                sites."clinic-001" = {
                  findings = [ { code = "x"; severity = "error"; message = toString root; expected = null; at = null; path = [ ]; } ];
                  appliances.front-desk = { policy = null; public_key = null; system_type = "x86_64-linux"; findings = [ ]; };
                };
                findings = [ ];
                given = { inherit exclude sites; };
              };
              files = [ "a.nix" ];
              systems.clinic-001 = { front-desk = { outPath = "/nix/store/x"; }; back-office = null; };
            }"#,
        );
        let tree = Tree::open(directory.path()).unwrap();
        let request = Request { exclude: vec!["b\"c.nix".into()], sites: Some(vec!["clinic-001".into()]) };
        let report = tree.report(&request).unwrap();
        let finding = report.all_findings().next().unwrap();
        assert!(finding.is_error());
        assert_eq!(finding.message, tree.root().to_string_lossy());
        let raw: Value = serde_json::from_slice(&tree.report_json(&request).unwrap()).unwrap();
        assert_eq!(raw["report"], Value::Null);
        assert_eq!(raw["given"]["exclude"], "[\"b\\\"c.nix\"]");
        assert_eq!(raw["given"]["sites"], "[\"clinic-001\"]");
        assert_eq!(tree.files().unwrap(), ["a.nix"]);
        let systems = tree.systems(&["clinic-001".parse().unwrap()]).unwrap();
        let systems = &systems[&"clinic-001".parse().unwrap()];
        assert_eq!(systems[&"back-office".parse().unwrap()], None);
        assert_eq!(systems[&"front-desk".parse().unwrap()].as_deref(), Some("/nix/store/x"));
    }

    #[test]
    fn a_library_without_deltas_gives_its_report() {
        let directory = tree("{ root, ... }: { delta = { a = 1; }; report = 2; }");
        let tree_of = |directory: &tempfile::TempDir| Tree::open(directory.path()).unwrap();
        let all = Request::default();
        assert_eq!(tree_of(&directory).policies_json(&all).unwrap(), Policies::Delta(b"{\"a\":1}".to_vec()));
        let older = tree("{ root, ... }: { report = 2; }");
        assert_eq!(tree_of(&older).policies_json(&all).unwrap(), Policies::Report(b"2".to_vec()));
        // A mistake of the same name is a mistake.
        let wrong = tree("{ root, ... }: { delta = { }.delta; report = 2; }");
        let error = tree_of(&wrong).policies_json(&all).unwrap_err();
        assert!(error.to_string().contains("'delta' missing"), "{error}");
    }

    #[test]
    fn a_policy_cannot_read_what_lies_outside_of_its_tree() {
        let outside = tempfile::NamedTempFile::new().unwrap();
        fs::write(outside.path(), "secret").unwrap();
        let reads = format!("{{ root, ... }}: {{ report = builtins.readFile {}; }}", nix_path(outside.path()));
        let directory = tree(&reads);
        let error = Tree::open(directory.path()).unwrap().report_json(&Request::default()).unwrap_err();
        assert!(error.to_string().contains("restricted"), "{error}");
        let directory = tree("{ root, ... }: { report = builtins.readFile (root + \"/link\"); }");
        std::os::unix::fs::symlink(outside.path(), directory.path().join("link")).unwrap();
        let error = Tree::open(directory.path()).unwrap().report_json(&Request::default()).unwrap_err();
        assert!(error.to_string().contains("restricted"), "{error}");
    }

    #[test]
    fn an_evaluation_is_bounded_in_time_and_output() {
        let long = "let l = builtins.genList (n: n) 10000; sum = f: builtins.foldl' (a: n: a + f n) 0 l;
                    in sum (_: sum (_: sum (n: n)))";
        let mut endless = Nix::default().command("nix-instantiate");
        endless.args(["--eval", "--store", "dummy://", "--expr", long]);
        let error = run("nix-instantiate", endless, Duration::from_millis(100)).unwrap_err();
        assert!(matches!(error, EvaluateError::Tool(NixError::TimedOut { .. })), "{error}");
        let much = tree(
            r#"{ root, ... }: {
              report = builtins.foldl' (text: _: text + text) "sixteen letters." (builtins.genList (n: n) 23);
            }"#,
        );
        let error = Tree::open(much.path()).unwrap().report_json(&Request::default()).unwrap_err();
        assert!(matches!(error, EvaluateError::Tool(NixError::TooMuch { .. })), "{error}");
    }

    #[test]
    fn failures_say_what_nix_said() {
        assert!(matches!(Tree::open(Path::new("/nowhere")), Err(EvaluateError::NotATree(_))));
        let directory = tree("{ root, ... }: { report = undefinedName; }");
        let error = Tree::open(directory.path()).unwrap().report(&Request::default()).unwrap_err();
        assert!(error.to_string().contains("undefinedName"), "{error}");
        let directory = tree("{ root, exclude, sites }: { report = 5; }");
        let error = Tree::open(directory.path()).unwrap().report(&Request::default()).unwrap_err();
        assert!(matches!(error, EvaluateError::Unexpected(_)), "{error}");
    }
}
