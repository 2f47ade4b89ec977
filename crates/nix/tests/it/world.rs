//! One test's own system, cache and key on the machine's real store.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};

use tempfile::TempDir;
use writ_nix::cache_key::CacheKey;
use writ_nix::closure::closure_of;
use writ_nix::import::{ImportError, ImportRequest, Imported, import};
use writ_nix::publish::publish;
use writ_nix::tool::Nix;
use writ_policy::closure::Closure;

/// A system that no other test shares.
pub struct World {
    pub dir: TempDir,
    pub nix: Nix,
    pub key: CacheKey,
    pub toplevel: String,
    pub closure: Closure,
}

pub fn nonce() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
    format!("{}-{}-{now}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

pub fn nix_build(nonce: &str, dir: &Path) -> String {
    let tools = dir.join("tools/bin");
    fs::create_dir_all(&tools).unwrap();
    fs::copy("/bin/busybox", tools.join("busybox")).expect("busybox-static is needed");
    let out = Command::new("nix-build")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/system.nix"))
        .args(["--argstr", "nonce", nonce, "--argstr", "busybox"])
        .arg(dir.join("tools"))
        .args(["--option", "substituters", "", "--option", "build-users-group", "", "--option", "sandbox", "false"])
        .arg("-o")
        .arg(dir.join("result"))
        .stdin(Stdio::null())
        .output()
        .expect("nix-build is needed");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap().trim().to_owned()
}

impl World {
    /// A system that is in the store.
    pub fn built() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let nonce = nonce();
        let toplevel = nix_build(&nonce, dir.path());
        let nix = Nix::default();
        let closure = closure_of(&nix, Path::new(&toplevel)).unwrap();
        let key = CacheKey::generate("writ-test-1", &[7; 32]).unwrap();
        Self { dir, nix, key, toplevel, closure }
    }

    /// A system that is published, and a machine whose store has nothing of it yet.
    pub fn published() -> Self {
        let world = Self::built();
        publish(&world.nix, &world.closure, &world.cache(), Some(&world.key)).unwrap();
        world.elsewhere()
    }

    /// The same system seen from a machine with an empty store.
    pub fn elsewhere(mut self) -> Self {
        let machine = self.dir.path().join(format!("machine-{}", nonce()));
        self.nix.root = Some(machine);
        // A first call makes the store's folders and its database.
        self.nix.run("nix-store", &["--init"]).unwrap();
        self
    }

    pub fn cache(&self) -> PathBuf {
        self.dir.path().join("cache")
    }

    pub fn gc_root(&self) -> PathBuf {
        self.dir.path().join("roots/candidate")
    }

    pub fn staging(&self) -> PathBuf {
        self.dir.path().join("staging")
    }

    /// Whether the machine has the system.
    pub fn has_system(&self) -> bool {
        self.nix.on_disk(&self.toplevel).exists()
    }

    pub fn path(&self, name: &str) -> String {
        self.closure.paths.iter().find(|p| p.path.ends_with(name)).unwrap().path.clone()
    }

    pub fn narinfo(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        self.cache().join(format!("{}.narinfo", &path["/nix/store/".len()..][..32]))
    }

    pub fn nar(&self, name: &str) -> PathBuf {
        let narinfo = fs::read_to_string(self.narinfo(name)).unwrap();
        self.cache().join(narinfo.lines().find_map(|l| l.strip_prefix("URL: ")).unwrap())
    }

    pub fn edit_narinfo(&self, name: &str, edit: impl FnOnce(String) -> String) {
        let file = self.narinfo(name);
        fs::write(&file, edit(fs::read_to_string(&file).unwrap())).unwrap();
    }

    pub fn import_with(&self, closure: &Closure, keys: &[String]) -> Result<Imported, ImportError> {
        let (cache, gc_root, staging) = (self.cache(), self.gc_root(), self.staging());
        import(
            &self.nix,
            &ImportRequest { closure, cache: &cache, trusted_keys: keys, gc_root: &gc_root, staging: &staging },
        )
    }

    pub fn import(&self) -> Result<Imported, ImportError> {
        self.import_with(&self.closure, &[self.key.public_text()])
    }
}
