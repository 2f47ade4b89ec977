//! `writ trust init`: the first trust root.

use std::collections::BTreeMap;
use std::path::PathBuf;

use writ_trust::numbers::{Epoch, TrustVersion};
use writ_trust::role::Role;
use writ_trust::root::{TrustRoot, TrustSchema};
use writ_trust::time::Span;

use super::draft::{self, Authority, KeyGrant, LogOrigin, Threshold, Witness};
use crate::clock;
use crate::failure::{Answer, Outcome};
use crate::screen;

/// Make the first trust root
///
/// Each key is named after its file (for a cache key that is the name Nix knows it by). A role without --threshold
/// takes one key; `trust` and `release` must be stated. The root counts once enough trust keys signed it.
///
/// A site with a --log-origin is logged: its appliances accept only releases that the log of that name is proven to hold,
/// under a checkpoint by a key of the role log. The name is the log's identity, not an address: a domain that is yours
/// and the site, without white space or `+`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example, two of three for releases:
  writ trust init --out releases/trust/1.json --expires 1y \\
      --key ../keys/alice.pub:trust,release --key ../keys/bob.pub:trust,release \\
      --key ../keys/carol.pub:release@clinic-001 --key ../keys/cache-1.pub:cache \\
      --key ../keys/depot-log.pub:log --log-origin clinic-001=log.example.org/clinic-001 \\
      --threshold trust=2 --threshold release=2
  writ trust sign releases/trust/1.json --key ../keys/alice.key
  writ trust sign releases/trust/1.json --key ../keys/bob.key")]
pub struct Arguments {
    /// A public key file and its roles, at all sites or at some; may be repeated
    #[arg(long = "key", value_name = "FILE:ROLES[@SITES]", required = true)]
    keys: Vec<KeyGrant>,
    /// How many different keys of a role it takes; may be repeated
    #[arg(long = "threshold", value_name = "ROLE=NUMBER", required = true)]
    thresholds: Vec<Threshold>,
    /// The name of a site's log; may be repeated
    #[arg(long = "log-origin", value_name = "SITE=ORIGIN")]
    log_origins: Vec<LogOrigin>,
    /// An authority whose timestamps (RFC 3161) count, and its certificate; may be repeated
    #[arg(long = "tsa", value_name = "NAME=FILE")]
    authorities: Vec<Authority>,
    /// A witness of the logs: the name by which it cosigns and its public key file, or its verifier key; may be repeated
    #[arg(long = "witness", value_name = "NAME=FILE")]
    witnesses: Vec<Witness>,
    /// How long the root counts
    #[arg(long, value_name = "SPAN", default_value = "1y")]
    expires: Span,
    /// How long each key counts
    #[arg(long, value_name = "SPAN", default_value = "1y")]
    keys_valid: Span,
    /// Where to write it: DIR/trust/1.json
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> Outcome {
        let now = clock::now_in_seconds();
        let keys = self.keys.iter().map(|grant| grant.entry(now, &self.keys_valid)).collect::<Outcome<_>>()?;
        let mut log_origins = BTreeMap::new();
        self.log_origins.iter().for_each(|origin| origin.append(&mut log_origins));
        let root = TrustRoot {
            schema: TrustSchema::V1,
            version: TrustVersion::FIRST,
            epoch: Epoch::FIRST,
            keys,
            thresholds: self.thresholds.iter().map(|t| (t.role, t.needed)).collect::<BTreeMap<_, _>>(),
            log_origins,
            witnesses: self.witnesses.iter().map(Witness::entry).collect::<Outcome<_>>()?,
            timestamp_authorities: self.authorities.iter().map(|one| one.entry(now)).collect::<Outcome<_>>()?,
            expires_at: now.plus(&self.expires),
        };
        draft::write(&root, &self.out)?;
        draft::warn_of_mute_logs(&root, now);
        screen::line(&format!(
            "next: {} of its trust keys sign it: writ trust sign {} --key NAME.key",
            root.threshold(Role::Trust),
            self.out.display()
        ));
        Ok(Answer::Yes)
    }
}
