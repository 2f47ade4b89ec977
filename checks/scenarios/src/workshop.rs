//! A folder with a flake, keys and releases of its own: what an engineer and an operator have on their desks.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, Result, bail};

pub use writ_tools::flake::SITE;

use crate::{binaries, flake, run};

/// Who signs releases, two of two; the first also signs trust roots.
pub const SIGNERS: [&str; 2] = ["alice", "bob"];
const PASSPHRASE: &str = "a passphrase for a demonstration";
/// The maintenance window of the example site.
const WINDOW: &str =
    r#"{ days = [ "sun" ]; from = "02:00"; to = "06:00"; allows = [ "switch" "reboot" "restore-test" ]; }"#;

/// A desk: `flake/`, `keys/`, `releases/`, `drafts/` in one folder.
pub struct Workshop {
    /// The folder.
    pub dir: PathBuf,
    /// The folder of the binaries under test.
    pub bin: PathBuf,
    /// Whether the trust root names a log for the site: then releases reach appliances through a depot.
    pub logged: bool,
}

/// The name of the site's log.
pub const ORIGIN: &str = "log.example.org/clinic-001";

impl Workshop {
    /// Lays a copy of this repository's policy into `dir/flake` and finds the binaries under test.
    pub fn open(dir: &Path) -> Result<Self> {
        fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
        let desk = Self { dir: dir.canonicalize()?, bin: binaries::folder()?, logged: false };
        flake::lay(&desk.flake())?;
        // What is played with it has no time to wait for a Sunday night.
        desk.edit(&format!("hosts/{SITE}/site.nix"), WINDOW, "")?;
        for dir in [desk.keys(), desk.releases().join("trust")] {
            fs::create_dir_all(dir)?;
        }
        fs::write(desk.passphrase_file(), PASSPHRASE)?;
        fs::set_permissions(desk.passphrase_file(), fs::Permissions::from_mode(0o600))?;
        Ok(desk)
    }

    /// The flake: baselines, rules, hosts, modules.
    pub fn flake(&self) -> PathBuf {
        self.dir.join("flake")
    }

    /// The keys of people, of the cache and of the appliances.
    pub fn keys(&self) -> PathBuf {
        self.dir.join("keys")
    }

    /// The published releases.
    pub fn releases(&self) -> PathBuf {
        self.dir.join("releases")
    }

    /// The first trust root: what is baked into an appliance's image and handed to an auditor.
    pub fn first_root(&self) -> PathBuf {
        self.releases().join("trust/1.json")
    }

    fn passphrase_file(&self) -> PathBuf {
        self.keys().join("passphrase")
    }

    /// The `writ` command with these arguments.
    pub fn writ<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Command {
        let mut command = Command::new(self.bin.join("writ"));
        command.args(arguments).current_dir(&self.dir).env("NO_COLOR", "1");
        command
    }

    /// Runs git in the flake.
    pub fn git(&self, arguments: &[&str]) -> Result<String> {
        flake::git(&self.flake(), arguments)
    }

    /// Commits everything in the flake.
    pub fn commit(&self, message: &str) -> Result<()> {
        flake::commit(&self.flake(), message)
    }

    /// Makes the keys of the signers, of the cache, of the log, and one to read with.
    pub fn make_keys(&self) -> Result<()> {
        for (name, roles) in [(SIGNERS[0], vec!["trust", "release"]), (SIGNERS[1], vec!["release"])] {
            let mut command = self.writ(["keys", "new", "--name", name, "--out", "keys", "--kdf", "interactive"]);
            for role in roles {
                command.args(["--role", role]);
            }
            run::checked(command.arg("--passphrase-file").arg(self.passphrase_file()))?;
        }
        for (name, role) in [("cache", "cache"), ("log", "log"), ("reader", "read")] {
            let mut command = self.writ(["keys", "new", "--name", name, "--out", "keys", "--role", role]);
            if role == "read" {
                command.arg("--no-passphrase");
            }
            run::checked(&mut command)?;
        }
        Ok(())
    }

    /// Makes an appliance's key and puts its public half into the flake, as the pull request of a new appliance does.
    pub fn enrol(&self, appliance: &str) -> Result<()> {
        let arguments = ["keys", "new", "--name", appliance, "--out", "keys", "--role", "appliance", "--no-passphrase"];
        run::checked(&mut self.writ(arguments))?;
        let public = self.keys().join(format!("{appliance}.pub"));
        fs::copy(public, self.flake().join("hosts").join(SITE).join(appliance).join("key.pub"))?;
        Ok(())
    }

    /// Makes an appliance's key for secrets, and puts its public half into the flake beside the other.
    pub fn enrol_for_secrets(&self, appliance: &str) -> Result<()> {
        let mut command = self.writ(["secret", "identity", "--key"]);
        command.arg(self.keys().join(format!("{appliance}.secrets.key")));
        command.arg("--signed-by").arg(self.keys().join(format!("{appliance}.key")));
        command.arg("--out").arg(self.flake().join("hosts").join(SITE).join(appliance));
        run::checked(&mut command).map(drop)
    }

    /// Makes and signs the first trust root: two signatures for a release, one for the next root.
    pub fn make_trust_root(&self) -> Result<()> {
        let [alice, bob] = SIGNERS;
        let mut command =
            self.writ(["trust", "init", "--expires", "1y", "--threshold", "trust=1", "--threshold", "release=2"]);
        command.args([
            "--key",
            &format!("keys/{alice}.pub:trust,release"),
            "--key",
            &format!("keys/{bob}.pub:release"),
        ]);
        command.args(["--key", "keys/cache.pub:cache", "--key", "keys/reader.pub:read"]);
        if self.logged {
            command.args(["--key", "keys/log.pub:log", "--log-origin", &format!("{SITE}={ORIGIN}")]);
        }
        command.args(["--out", "releases/trust/1.json"]);
        run::checked(&mut command)?;
        self.sign(&["trust", "sign", "releases/trust/1.json"], alice)
    }

    fn sign(&self, arguments: &[&str], signer: &str) -> Result<()> {
        let mut command = self.writ(arguments.iter().copied());
        command.arg("--key").arg(self.keys().join(format!("{signer}.key")));
        run::checked(command.arg("--passphrase-file").arg(self.passphrase_file())).map(drop)
    }

    /// `writ check` on the flake, whatever it finds.
    pub fn check(&self) -> Result<Output> {
        run::any(&mut self.writ(["check", "flake"]))
    }

    /// Drafts, signs (both signers, each from the flake) and publishes the next release of the committed flake.
    pub fn release(&self) -> Result<()> {
        let output = self.release_signed_by(&SIGNERS)?;
        if !output.status.success() {
            bail!("the release was not published:\n{}", run::both(&output));
        }
        Ok(())
    }

    /// The same with these signers only; whatever `publish` says.
    pub fn release_signed_by(&self, signers: &[&str]) -> Result<Output> {
        self.draft_signed_by(signers)?;
        let publish = ["release", "publish", "draft", "--to", "releases", "--cache-key", "keys/cache.nix-key"];
        run::any(&mut self.writ(publish))
    }

    /// Drafts the next release of the committed flake, has both signers sign it, and puts it into the folder of releases and
    /// into a depot. `at` makes the command that reaches the depot.
    pub fn release_to_depot(&self, url: &str, at: impl Fn(&Path) -> Command) -> Result<()> {
        self.draft_signed_by(&SIGNERS)?;
        self.publish_to_depot("draft", url, at)
    }

    /// Puts a signed draft into the folder of releases and into a depot. `at` makes the command that reaches the depot.
    pub fn publish_to_depot(&self, draft: &str, url: &str, at: impl Fn(&Path) -> Command) -> Result<()> {
        let mut command = at(&self.bin.join("writ"));
        command.current_dir(&self.dir).env("NO_COLOR", "1").args(["release", "publish", draft, "--to", "releases"]);
        command.args(["--cache-key", "keys/cache.nix-key", "--depot", url, "--read-key", "keys/reader.key"]);
        run::checked(&mut command).map(drop)
    }

    /// Drafts the next release of the committed flake and has it signed.
    fn draft_signed_by(&self, signers: &[&str]) -> Result<()> {
        let draft = self.dir.join("draft");
        if draft.exists() {
            fs::remove_dir_all(&draft)?;
        }
        let mut command = self.writ(["release", "draft", "--flake", "flake", "--site", SITE, "--to", "draft"]);
        command.args(["--previous", "releases"]);
        run::checked(&mut command)?;
        self.sign_draft("draft", signers)
    }

    /// Has a draft signed, each from the flake.
    pub fn sign_draft(&self, draft: &str, signers: &[&str]) -> Result<()> {
        signers.iter().try_for_each(|signer| self.sign(&["release", "sign", draft, "--flake", "flake"], signer))
    }

    /// Replaces a text that must stand exactly once in a file of the flake.
    pub fn edit(&self, file: &str, from: &str, to: &str) -> Result<()> {
        let path = self.flake().join(file);
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        if text.matches(from).count() != 1 {
            bail!("{file} holds {from:?} {} times; it should be there once", text.matches(from).count());
        }
        fs::write(&path, text.replacen(from, to, 1)).with_context(|| path.display().to_string())
    }

    /// Gathers releases and an appliance's outbox into `audit/`.
    pub fn collect(&self, outboxes: &[PathBuf], audit: &Path) -> Result<()> {
        let mut command = self.writ(["audit", "collect", "--releases", "releases", "--to"]);
        command.arg(audit);
        for outbox in outboxes {
            command.arg("--outbox").arg(outbox);
        }
        run::checked(&mut command).map(drop)
    }
}
