//! What to do about a document that is refused, rule by rule. Whoever carries documents can break them; only people with keys
//! can make others.

use crate::pages::page;

/// What to do when one of these rules refuses something; the rules are those of acceptance, of the enforcer and of the courier.
const ADVICE: &[(&[&str], &str)] = &[
    (
        &[
            "size",
            "signature-count",
            "document",
            "document-digest",
            "closure",
            "closure-toplevel",
            "policy",
            "policy-rules-version",
        ],
        "what came is not what was signed, or was made by a damaged tool: fetch it again; if it is so again, `writ verify` \
             the depot's folder and release anew",
    ),
    (
        &["readable"],
        "something that is not a plain file lies in the folder of releases: find out who put it there, and remove it",
    ),
    (
        &["floor-site"],
        "the state folder is another site's: give this machine its own, or put the right `site` into enforce.toml",
    ),
    (&["site"], "the release is another site's: see that the depot, or the stick, serves this site"),
    (&["entry"], "the release has nothing for this appliance: add it to hosts/ and release again"),
    (&["policy-appliance"], "the policy is another appliance's: release again with the right files"),
    (
        &["own-key"],
        "the release names another key for this appliance: put the key that is here (`writ keys show` of its .pub) into \
             hosts/…/key.pub and release again",
    ),
    (
        &["own-key-revoked"],
        "this appliance's key is revoked: make a new one here, enrol it in hosts/, and release again",
    ),
    (
        &["trust-floor", "trust-fork"],
        "the trust root that was offered is older than, or another than, the one accepted here: somebody shows an old folder, \
             or two roots of one version were signed; compare with `writ trust show`",
    ),
    (
        &["trust-chain"],
        "a trust root here does not follow from the one before: fetch it again; if it is so again, it was not signed by the \
             people who must",
    ),
    (
        &["trust-expiry"],
        "sign a newer trust root (`writ trust draft`, `writ trust sign`) and publish it: until then nothing new is accepted",
    ),
    (
        &["trust-version"],
        "the release was made under a trust root that is not here yet: see that the trust roots came with it",
    ),
    (
        &["signature-threshold"],
        "too few release keys signed it, or keys that do not count (any more): have the others sign (`writ release sign`) and \
             publish again",
    ),
    (&["epoch"], "the trust root began a new epoch: release again under it"),
    (
        &["floor"],
        "an older release is offered than was accepted here: somebody shows an old folder; publish a newer serial",
    ),
    (
        &["floor-bytes", "resumed-bytes"],
        "two releases with one serial were signed, or a file was changed: find out which people signed, and release with a new \
             serial",
    ),
    (
        &["issued-at"],
        "the release is dated outside the validity of the trust root or of its keys: see the clock of whoever made it, and release again",
    ),
    (&["expiry"], "release again: people must look at it anew (`writ release draft`); what runs is enforced meanwhile"),
    (
        &["not-before"],
        "wait: the release names the time from which this appliance takes it up; a year of 9999 means until people sign a release \
             that says otherwise (`writ fleet promote`)",
    ),
    (
        &["policy-schema"],
        "the policy is of a newer kind than this version reads: the system that comes with it brings a version that does; until \
             then the policy before is enforced",
    ),
    (
        &["log-inclusion"],
        "the release, or a bundle, is not proven to be in the site's log: publish it through the depot again, or fetch its receipt again",
    ),
    (
        &["log-checkpoint"],
        "what came from the log is not signed by its key: see that the depot serves this site's log, and who is on the line to it",
    ),
    (
        &["log-consistency"],
        concat!(
            "ALARM: two histories of the site's log exist. Keep the evidence (`writ audit fetch`), tell the security \
             contact, and see ",
            page!("audit.md"),
        ),
    ),
    (
        &["log-restart"],
        "the site's log began anew without an order: have the trust keys sign the restart (`writ log restart`)",
    ),
    (
        &["log-tiles"],
        "the log's tiles do not fit its head: see whether the depot's disk is whole; the courier asks again",
    ),
    (
        &["log-freshness"],
        "see that the courier runs and that the depot answers: news may be withheld from this appliance",
    ),
    (
        &["receipt", "receipt-key", "receipts"],
        "receipts that do not count lie in the inbox: the courier sends the bundles again; see whose log signed them",
    ),
    (&["receipt-lost"], "the bundles were in a log that was lost: the courier delivers them again"),
    (
        &["courier-key"],
        "courier.pub in the inbox is no key of a courier: stop writ-sync, remove it, and start writ-sync",
    ),
    (&["import-waits"], "see what it lacks: the cache, the disk, Nix; `writ-switch run` tries at once"),
    (
        &["maintenance-window"],
        "wait; what must not wait is released again with a window that is open now, or with none",
    ),
    (&["refusals-bounded"], "somebody fills the folder of releases with rubbish: find out who"),
    (
        &["nar", "narinfo"],
        "the depot's cache is damaged, or somebody is on the line: publish the system again (`writ release publish`)",
    ),
    (&["sync-site"], "the depot answers for another site: see `depot` in sync.toml"),
    (
        &["sync-document", "check-in-reply", "orders-document"],
        "what answers is no depot of this version: see `depot` in sync.toml, and what stands between",
    ),
];

/// What to do when this rule refuses something.
pub fn advice(rule: &str) -> &'static str {
    let found = ADVICE.iter().find(|(rules, _)| rules.contains(&rule));
    found.map_or("tell whoever publishes releases, with this line", |(_, advice)| advice)
}

#[cfg(test)]
mod tests {
    use writ_trust::refusal::Rule;

    use super::*;

    #[test]
    fn no_rule_is_there_twice() {
        let mut rules: Vec<&str> = ADVICE.iter().flat_map(|(rules, _)| rules.iter().copied()).collect();
        let all = rules.len();
        rules.sort_unstable();
        rules.dedup();
        assert_eq!(rules.len(), all);
    }

    #[test]
    fn every_rule_of_acceptance_has_an_advice_of_its_own() {
        let otherwise = advice("no such rule");
        let without: Vec<_> = Rule::ALL.iter().filter(|rule| advice(rule.name()) == otherwise).collect();
        assert!(without.is_empty(), "{without:?}");
    }
}
