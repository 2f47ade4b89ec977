//! `writ mcp`: what a language model may ask of an audit folder.

use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use writ_audit::{Folder, Trust};
use writ_mcp::desk::{Desk, Explain};
use writ_mcp::http::server::{self, Listen};
use writ_mcp::http::token::{MAX_FILE, Token};
use writ_mcp::queue::Queue;
use writ_mcp::reading::{Clock, Source};
use writ_mcp::stdio;
use writ_trust::digest::Digest;
use writ_trust::json::MAX_DOCUMENT;
use writ_trust::time::{Span, Time};
use zeroize::Zeroizing;

use crate::check::tree::Tree;
use crate::failure::{Answer, Failure, Outcome};
use crate::{clock, explain, files, screen};

/// Serve an audit folder to language models (Model Context Protocol): tools that read, and one that proposes
///
/// The folder is verified from the first trust root on, as by `writ audit verify`, and what did not verify is never shown as true. Tools:
/// controls, drift, incidents, evidence (a bundle with its proof), coverage, explain; with --proposals also propose_plan, which queues a
/// document that a person decides on (`writ plan review`). No tool runs, approves or signs anything, and the server connects to nobody. What
/// answers quote is marked as data that others wrote.
///
/// It speaks on standard input and output until the client closes them; with --listen it serves streamable HTTP at /mcp instead.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  writ mcp --audit audit --trust root-you-were-given.json
  writ mcp --audit audit --trust root-you-were-given.json --flake . --proposals ../proposals
  writ mcp --audit audit --trust root-you-were-given.json --listen 127.0.0.1:8091 --token-file ../keys/mcp.token

For a client that starts it, in the client's configuration (mcpServers):
  { \"mcpServers\": { \"writ\": { \"command\": \"writ\", \"args\": [\"mcp\", \"--audit\", \"/srv/audit\",
      \"--trust\", \"/srv/root-you-were-given.json\"] } } }

For one that connects:
  { \"mcpServers\": { \"writ\": { \"url\": \"http://127.0.0.1:8091/mcp\",
      \"headers\": { \"Authorization\": \"Bearer THE-TOKEN\" } } } }

A token is one line of 32 to 512 visible characters in a file that only you can read:
  (umask 077; head -c 32 /dev/urandom | base64 > ../keys/mcp.token)

Exit codes: 0 the client went, or told to stop; 2 could not serve.")]
pub struct Arguments {
    /// The audit folder, as `writ audit fetch` makes it; of one site or many
    #[arg(long, value_name = "DIR")]
    audit: PathBuf,
    /// The first trust root, as a file that you were given by a way you trust
    #[arg(long, value_name = "FILE", required_unless_present = "trust_digest", conflicts_with = "trust_digest")]
    trust: Option<PathBuf>,
    /// The digest of the first trust root in the folder, as you were given it
    #[arg(long, value_name = "sha256:…")]
    trust_digest: Option<Digest>,
    /// Go on where the entries of a site's log are not here, as in a folder that was gathered from appliances' inboxes
    #[arg(long)]
    without_entries: bool,
    /// How much of the past is judged where a question names no period
    #[arg(long, value_name = "SPAN", default_value = "90d")]
    period: Span,
    /// The tree of policy, for `explain`: the folder with baselines/, rules/, hosts/ and modules/; needs Nix
    #[arg(long, value_name = "DIR")]
    flake: Option<PathBuf>,
    /// Where proposals wait for people; without it none are taken
    #[arg(long, value_name = "DIR")]
    proposals: Option<PathBuf>,
    /// Serve streamable HTTP here, as in 127.0.0.1:8091, instead of standard input and output
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// A file with the token that clients show (Authorization: Bearer …); without it whoever is on this machine is answered
    #[arg(long, value_name = "FILE", requires = "listen")]
    token_file: Option<PathBuf>,
    /// A proxy in front ends TLS; without this only loopback is served
    #[arg(long, requires = "listen", requires = "token_file")]
    behind_proxy: bool,
    /// A name, with its port unless it is 443, under which clients find the proxy
    #[arg(long, value_name = "HOST", requires = "behind_proxy")]
    host: Vec<String>,
    /// The most connections at one time; others wait
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=1024))]
    connections: u16,
    /// Where the address that is listened on is written, for whoever asked for port 0
    #[arg(long, value_name = "FILE", requires = "listen")]
    address_file: Option<PathBuf>,
    /// Judge as of this instant instead of now
    #[arg(long, value_name = "TIME")]
    now: Option<Time>,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        let listen = self.listen.map(|address| self.listening(address)).transpose()?;
        let desk = self.desk()?;
        let Some(listen) = listen else {
            let failed = |e| Failure::could_not("the client could not be served").because(e);
            return stdio::serve(desk).map_err(failed).map(|()| Answer::Yes);
        };
        let (at, address_file) = (listen.address, self.address_file);
        let began = |address: SocketAddr| {
            if let Some(path) = &address_file {
                writ_durable::replace(path, format!("{address}\n").as_bytes(), 0o644)?;
            }
            screen::aside(&format!("serving {}", server::url(address)));
            Ok(())
        };
        let failed =
            |e| Failure::could_not("cannot serve").at(at).because(e).next("name another address with --listen");
        server::serve(desk, listen, began).map_err(failed).map(|()| Answer::Yes)
    }

    fn desk(&self) -> Outcome<Desk> {
        Folder::open(&self.audit).map_err(|e| {
            Failure::could_not("cannot open the audit folder")
                .caused_by(&e)
                .next("make one with `writ audit fetch` or `writ audit collect`")
        })?;
        let trust = match (&self.trust, self.trust_digest) {
            (Some(path), _) => Trust::Root(files::read(path, MAX_DOCUMENT, "the trust root")?),
            (None, Some(digest)) => Trust::Digest(digest),
            (None, None) => return Err(Failure::could_not("no trust root was given").next("name one with --trust")),
        };
        if self.period.millis() <= 0 {
            return Err(Failure::could_not("a period is longer than nothing").at("--period"));
        }
        let source = Source {
            folder: self.audit.clone(),
            trust,
            period: self.period.clone(),
            without_entries: self.without_entries,
        };
        let fixed = self.now;
        let clock: Clock = Arc::new(move || fixed.unwrap_or_else(clock::now_in_seconds));
        let mut desk = Desk::new(source, clock.clone());
        desk.explain = self.flake.as_deref().map(|flake| explaining(flake, clock)).transpose()?;
        if let Some(folder) = &self.proposals {
            files::make_directory(folder)?;
            desk.queue = Some(Queue::new(folder.clone()));
        }
        Ok(desk)
    }

    fn listening(&self, address: SocketAddr) -> Outcome<Listen> {
        if !self.behind_proxy && !address.ip().to_canonical().is_loopback() {
            return Err(Failure::could_not("other machines could read the evidence there, in the clear")
                .at(address)
                .next("listen on 127.0.0.1 or ::1; or let a proxy in front end TLS, and give --behind-proxy and --token-file"));
        }
        Ok(Listen {
            address,
            names: self.host.clone(),
            token: self.token_file.as_deref().map(token).transpose()?,
            connections: self.connections.into(),
        })
    }
}

/// What explains a tree, which must be one.
fn explaining(flake: &Path, clock: Clock) -> Outcome<Explain> {
    Tree::find(flake)?;
    let flake = flake.to_owned();
    Ok(Box::new(move |id, site, appliance| {
        explain::document(&flake, id, site, appliance, clock()).map_err(|failure| {
            let advice = failure.advice().map(|next| format!("; {next}")).unwrap_or_default();
            format!("{failure}{advice}")
        })
    }))
}

/// The token in a file that nobody else can read.
fn token(path: &Path) -> Outcome<Token> {
    let failed = |why: String| Failure::could_not("this file cannot be the token's").at(path.display()).because(why);
    let mode = std::fs::metadata(path).map_err(|e| failed(e.to_string()))?.mode();
    if mode & 0o077 != 0 && !files::is_credential(path) {
        let why = format!("others can read it: its mode is {:04o}", mode & 0o7777);
        return Err(failed(why).next(format!("chmod 600 {}, and make another token", path.display())));
    }
    let bytes = Zeroizing::new(files::read(path, MAX_FILE, "the token")?);
    Token::parse(bytes).map_err(|e| {
        failed(e.to_string()).next("make one: (umask 077; head -c 32 /dev/urandom | base64 > ../keys/mcp.token)")
    })
}
