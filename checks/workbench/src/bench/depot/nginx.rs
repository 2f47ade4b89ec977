//! nginx from Debian's packages, serving a folder as somebody would who wants it fast.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use anyhow::{Result, bail};
use writ_scenarios::run;
use writ_scenarios::run::is_root;

use writ_tools::peers;

/// A running nginx; stopped when dropped.
pub struct Nginx {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Nginx {
    /// Serves `folder` on loopback, with everything of its own in `scratch`.
    pub fn start(folder: &Path, scratch: &Path) -> Result<Self> {
        let unpacked = peers::unpack("nginx", &["nginx-light"])?;
        let prefix = scratch.join("nginx");
        fs::create_dir_all(&prefix)?;
        // A port that was free just now; should somebody take it meanwhile, nginx says so and this fails.
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let config = prefix.join("nginx.conf");
        fs::write(&config, configuration(folder, &prefix, address))?;
        let mut command = peers::command(&unpacked, "usr/sbin/nginx");
        command.arg("-p").arg(&prefix).arg("-c").arg(&config).arg("-e").arg(prefix.join("error.log"));
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let mut nginx = Self { child, address };
        run::wait("nginx to listen", Duration::from_secs(10), || {
            if let Some(status) = nginx.child.try_wait()? {
                let log = fs::read_to_string(prefix.join("error.log")).unwrap_or_default();
                bail!("nginx ended with {status}:\n{log}");
            }
            Ok(TcpStream::connect(address).is_ok().then_some(()))
        })?;
        Ok(nginx)
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // The master ends its workers on SIGTERM; killed, it would leave them.
        let _ = run::any(std::process::Command::new("kill").args(["-TERM", &self.child.id().to_string()]));
        let _ = self.child.wait();
    }
}

fn configuration(folder: &Path, prefix: &Path, address: SocketAddr) -> String {
    let user = if is_root() { "user root;\n" } else { "" };
    let (folder, prefix) = (folder.display(), prefix.display());
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("  {name}_temp_path {prefix}/{name};\n"))
        .concat();
    format!(
        "{user}daemon off;\nworker_processes 2;\npid {prefix}/pid;\nevents {{ worker_connections 1024; }}\nhttp {{\n\
         {temporary}  access_log off;\n  sendfile on;\n  tcp_nopush on;\n  keepalive_requests 1000000000;\n  \
         open_file_cache max=10000 inactive=600s;\n  open_file_cache_valid 600s;\n  \
         types {{ text/x-nix-narinfo narinfo; application/x-nix-nar nar zst; application/json ls; }}\n  \
         server {{ listen {address}; root {folder}; }}\n}}\n"
    )
}
