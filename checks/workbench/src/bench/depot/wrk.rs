//! wrk from Debian's packages: asks for a list of paths, over and over, for some seconds.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use writ_scenarios::run;

use writ_tools::peers;

/// Its threads.
const THREADS: usize = 2;

/// Requests are made once; each thread begins at another place of the list. The last line of output is for us.
const SCRIPT: &str = r#"
local threads = 0
function setup(thread)
  thread:set("place", threads)
  threads = threads + 1
end
function init(arguments)
  requests = {}
  for path in io.lines(arguments[1]) do
    requests[#requests + 1] = wrk.format("GET", path)
  end
  at = math.floor(#requests * place / 2)
end
function request()
  at = at % #requests + 1
  return requests[at]
end
function done(summary, latency)
  local e = summary.errors
  io.write(string.format("figures %d %d %d %d\n", summary.requests, summary.duration, summary.bytes,
    e.connect + e.read + e.write + e.status + e.timeout))
end
"#;

/// wrk with a list of paths.
pub struct Wrk {
    folder: PathBuf,
    script: PathBuf,
    list: PathBuf,
}

/// What a run came to.
pub struct Figures {
    /// Answers per second.
    pub per_second: f64,
    /// Megabytes per second, headers included.
    pub megabytes: f64,
}

impl Wrk {
    /// Unpacks wrk and writes the list into `scratch`.
    pub fn new(scratch: &Path, name: &str, paths: &[String]) -> Result<Self> {
        let (script, list) = (scratch.join("wrk.lua"), scratch.join(name));
        fs::write(&script, SCRIPT)?;
        fs::write(&list, paths.join("\n"))?;
        Ok(Self { folder: peers::unpack("wrk", &["wrk"])?, script, list })
    }

    /// Asks a server over so many connections; any error, and any answer that is not a success, fails.
    pub fn run(&self, address: SocketAddr, connections: usize, time: Duration) -> Result<Figures> {
        let mut command = peers::command(&self.folder, "usr/bin/wrk");
        command.args(["-t", &THREADS.to_string(), "-c", &connections.to_string()]);
        command.args(["-d", &format!("{}s", time.as_secs().max(1)), "--timeout", "10s", "-s"]).arg(&self.script);
        command.arg(format!("http://{address}/")).arg("--").arg(&self.list);
        let output = run::checked(&mut command)?;
        let line = output.lines().find_map(|line| line.strip_prefix("figures ")).context("wrk printed no figures")?;
        let numbers: Vec<f64> = line.split(' ').map(str::parse).collect::<Result<_, _>>()?;
        let [requests, microseconds, bytes, errors] = numbers[..] else { bail!("wrk printed {line:?}") };
        if errors > 0.0 || requests == 0.0 {
            bail!("wrk counted {errors} errors in {requests} requests:\n{output}");
        }
        let seconds = microseconds / 1e6;
        Ok(Figures { per_second: requests / seconds, megabytes: bytes / seconds / 1e6 })
    }
}
