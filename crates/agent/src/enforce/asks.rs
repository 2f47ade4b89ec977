//! What is laid out for `writ-probe`: which checks it is to look at over the network; and how evidence says of what it saw that it
//! was seen from there.

use std::path::PathBuf;

use writ_evidence::Draft;
use writ_evidence::bundle::Vantage;
use writ_wire::looks::file_name;
use writ_wire::releases::ReleaseRef;

use super::engine::Engine;
use super::running::Running;
use crate::network::asks;
use crate::{probes, spool};

impl Engine {
    /// Lays out what the policy that is obeyed asks for. It is of the moment, and laid out anew at each start.
    pub(super) fn lay_out_asks(&mut self) {
        let release = self.running.as_ref().map(Running::release_ref);
        let release = release.map(|r| ReleaseRef { epoch: r.epoch, serial: r.serial, digest: r.digest });
        let asked = asks::of(self.policy(), &self.identity.site, &self.identity.appliance, release);
        let folder = self.config.asks_dir();
        let made = if folder.is_dir() { Ok(()) } else { writ_durable::create_directories(&folder) };
        if let Err(e) = made.and_then(|()| spool::put(&folder, asks::FILE, &asked.canonical())) {
            self.say_once(format!(
                "{}: what is to be looked at over the network cannot be laid out: {e}",
                folder.display()
            ));
        }
    }

    /// The checks that are looked at over the network, each with the file in which what was seen will lie.
    pub(super) fn looks(&self) -> impl Iterator<Item = (&str, PathBuf)> {
        let folder = self.config.looks_dir();
        let checks = self.policy().into_iter().flat_map(|policy| &policy.checks);
        let asked = checks.filter(|(id, check)| asks::ask(id, check).is_some());
        asked.filter_map(move |(id, _)| Some((id.as_str(), folder.join(file_name(id)?))))
    }

    /// Whether a check of the policy is looked at over the network.
    pub(super) fn is_network(&self, check: &str) -> bool {
        let check = self.policy().and_then(|policy| policy.checks.get(check));
        check.is_some_and(|check| probes::is_network(&check.probe.name))
    }

    /// A draft about one check, which says from where that was looked at.
    pub(super) fn seen_from(&self, check: &str, mut draft: Draft) -> Draft {
        if self.is_network(check) {
            draft.vantage = Vantage::Network;
        }
        draft
    }
}
