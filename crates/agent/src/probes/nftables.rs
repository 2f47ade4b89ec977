//! `nftables`: the packet filter in force, as `nft -s list ruleset` prints it (nft(8)).

mod generation;
mod interfaces;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::Path;
use std::time::Duration;

use writ_policy::observation::Observation;
use writ_policy::schema::{Kind, ProbeSchema};
use writ_policy::values::Form;
use writ_trust::digest::Digest;
use writ_trust::text::one_line;

use super::{Pace, Parameters, Probe, ProbeContext, Unseen, Watch, field, optional};
use crate::command;

const TIME_LIMIT: Duration = Duration::from_secs(10);
/// The longest listing that is taken.
const MAX_LISTING: usize = 8 * 1024 * 1024;
/// How many listings are known at once: there is one for each way to call nft that a policy has.
const MOST_LISTINGS: usize = 64;
/// The families of tables that nft knows (nft(8)).
const FAMILIES: [&str; 6] = ["ip", "ip6", "inet", "arp", "bridge", "netdev"];

pub(super) const PROBE: Probe = Probe { schema: SCHEMA, run, watch, pace: Pace::Slow };

const SCHEMA: ProbeSchema = ProbeSchema {
    name: "nftables",
    about: "the packet filter in force, in the network namespace of the agent",
    parameters: &[
        optional("family", Kind::Text, "one family of tables; default: the whole ruleset").one_of(&FAMILIES),
        optional("table", Kind::Text, "one table of that family"),
    ],
    observation: &[
        field("present", Kind::Bool, "whether any table is there"),
        field("ruleset_sha256", Kind::Text, "digest of what `nft -s list ruleset` (or table) prints")
            .form(Form::Sha256),
        field("chains", Kind::Int, "how many chains").between(0, i64::MAX),
        field("rules", Kind::Int, "how many rules").between(0, i64::MAX),
    ],
};

/// Listings by the arguments of nft, with what they show.
#[derive(Default)]
pub(crate) struct Listings(BTreeMap<Vec<String>, (Shown, Observation)>);

/// What a listing rests on: the number of the packet filter's last change, and the names of interfaces, by which nft shows what
/// the kernel keeps by number (`iif`, `oif`, sets of interfaces) and which the kernel does not count.
#[derive(PartialEq, Eq)]
struct Shown {
    generation: u32,
    interfaces: BTreeMap<String, u32>,
}

impl Shown {
    /// As it is now; none where the kernel does not tell.
    fn now() -> Option<Self> {
        Some(Self { generation: generation::ask()?, interfaces: interfaces::all().ok()? })
    }
}

fn run(parameters: &Parameters, context: &mut ProbeContext) -> Result<Observation, Unseen> {
    let arguments = listing_arguments(parameters)?;
    let Some(nft) = command::find("nft") else {
        return Err(Unseen::not_applicable("nftables is not installed: no nft in the system's path"));
    };
    let before = Shown::now();
    let key: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
    let known = context.listings.0.get(&key).filter(|(shown, _)| Some(shown) == before.as_ref());
    if let Some((_, listing)) = known {
        return Ok(listing.clone());
    }
    let (listing, settled) = list(&nft, &arguments, parameters.optional_text("table")?.is_some())?;
    // A change amidst the listing belongs to it or not.
    if let Some(shown) = before.filter(|before| settled && Shown::now().as_ref() == Some(before)) {
        if context.listings.0.len() >= MOST_LISTINGS {
            context.listings.0.clear();
        }
        context.listings.0.insert(key, (shown, listing.clone()));
    }
    Ok(listing)
}

/// Lists once; gives also whether nothing but a change that the kernel counts can make the listing another one.
fn list(nft: &Path, arguments: &[&str], table: bool) -> Result<(Observation, bool), Unseen> {
    let arguments: Vec<&OsStr> = arguments.iter().map(OsStr::new).collect();
    let output = command::run(nft, &arguments, TIME_LIMIT, MAX_LISTING).map_err(|e| Unseen::Failed(e.to_string()))?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    if output.status.success() && !output.truncated {
        Ok((observe(&output.stdout), is_settled(&output.stdout)))
    } else if output.truncated {
        Err(Unseen::failed("nft", "the ruleset is longer than 8 MiB"))
    } else if table && complaint.contains("No such file or directory") {
        Ok((observe(b""), true))
    } else {
        Err(Unseen::failed("nft", one_line(complaint.trim())))
    }
}

fn watch(_: &Parameters, _: &ProbeContext) -> Vec<Watch> {
    vec![Watch::Firewall]
}

/// Whether no packet and no time changes the elements of a set.
fn is_settled(listing: &[u8]) -> bool {
    let listing = String::from_utf8_lossy(listing);
    !["dynamic", "timeout"].iter().any(|word| listing.contains(word))
}

/// nft joins its arguments and parses them as its language, so only words that cannot be more than a name pass.
fn listing_arguments<'a>(parameters: &Parameters<'a>) -> Result<Vec<&'a str>, Unseen> {
    let family = parameters.optional_text("family")?;
    let table = parameters.optional_text("table")?;
    if family.is_some_and(|family| !FAMILIES.contains(&family)) {
        return Err(Unseen::failed("parameter family", format!("expected one of {}", FAMILIES.join(", "))));
    }
    let plain = |name: &str| {
        let rest = name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b));
        rest && name.len() <= 255 && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
    };
    match (family, table) {
        (None, None) => Ok(vec!["-s", "list", "ruleset"]),
        (Some(family), None) => Ok(vec!["-s", "list", "ruleset", family]),
        (Some(family), Some(table)) if plain(table) => Ok(vec!["-s", "list", "table", family, table]),
        (Some(_), Some(_)) => Err(Unseen::failed("parameter table", "expected a table's name such as \"filter\"")),
        (None, Some(_)) => Err(Unseen::failed("parameter table", "a table needs its family")),
    }
}

pub(super) fn observe(listing: &[u8]) -> Observation {
    let (chains, rules) = count(&String::from_utf8_lossy(listing));
    Observation::new()
        .with("present", !listing.trim_ascii().is_empty())
        .with("ruleset_sha256", Digest::of(listing).to_string())
        .with("chains", chains)
        .with("rules", rules)
}

/// Chains and rules of a listing. nft prints one rule on one line; a chain begins with what it is: its comment, its
/// hook, its flags.
fn count(listing: &str) -> (i64, i64) {
    let (mut chains, mut rules) = (0, 0);
    let mut in_chain = false;
    let mut in_head = false;
    for line in listing.lines().map(str::trim) {
        if !in_chain {
            in_chain = line.starts_with("chain ") && line.ends_with('{');
            in_head = in_chain;
            chains += i64::from(in_chain);
        } else if line == "}" {
            in_chain = false;
        } else if !line.is_empty() {
            let hook = line.starts_with("type ") && line.contains(" hook ");
            in_head &= hook || line.starts_with("comment \"") || line.starts_with("flags ");
            rules += i64::from(!in_head);
        }
    }
    (chains, rules)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, json};

    use super::*;

    const CAPTURED: &str = r#"table inet t {
	set s {
		type ipv4_addr
		comment "c"
		elements = { 1.1.1.1, 2.2.2.2,
			     3.3.3.3 }
	}

	chain c {
		comment "hi"
		type filter hook input priority filter; policy drop;
		tcp dport 22 accept comment "x"
		tcp dport vmap { 22 : accept, 80 : drop }
		counter
	}

	chain empty {
	}
}
"#;

    #[test]
    fn chains_and_rules_are_counted() {
        assert_eq!(count(CAPTURED), (2, 3));
        let seen = observe(CAPTURED.as_bytes());
        assert_eq!(seen.get("present"), Some(&true.into()));
        assert_eq!(seen.get("ruleset_sha256"), Some(&Digest::of(CAPTURED.as_bytes()).to_string().into()));
        assert_eq!(observe(b"").get("present"), Some(&false.into()));
        for (odd, expected) in [
            ("chain", (0, 0)),
            ("}", (0, 0)),
            ("chain x {", (1, 0)),
            ("chain x {\n\n{", (1, 1)),
            ("\0", (0, 0)),
            ("chain {\n}\n}", (1, 0)),
        ] {
            assert_eq!(count(odd), expected, "{odd:?}");
        }
    }

    #[test]
    fn nothing_but_names_reaches_nft() {
        let arguments = |value: serde_json::Value| {
            let map = value.as_object().cloned().unwrap_or_default();
            listing_arguments(&Parameters::unchecked(&map)).map(|a| a.join(" "))
        };
        assert_eq!(arguments(json!({})).unwrap(), "-s list ruleset");
        assert_eq!(arguments(json!({"family": "inet", "table": "f"})).unwrap(), "-s list table inet f");
        for bad in [
            json!({"table": "f"}),
            json!({"family": "inet; flush ruleset"}),
            json!({"family": "inet", "table": "f; flush ruleset"}),
            json!({"family": "inet", "table": ""}),
            json!({"family": "inet", "table": "-f"}),
            json!({"family": "inet", "table": "a b"}),
            json!({"family": "inet", "table": "x".repeat(300)}),
            json!({"family": 1}),
        ] {
            assert!(arguments(bad.clone()).is_err(), "{bad}");
        }
        assert!(listing_arguments(&Parameters::unchecked(&Map::new())).is_ok());
    }

    #[test]
    fn a_set_that_packets_or_time_change_is_listed_every_time() {
        assert!(is_settled(CAPTURED.as_bytes()));
        for set in ["set s {\n flags dynamic,timeout\n}", "set s {\n timeout 1h\n}"] {
            assert!(!is_settled(set.as_bytes()), "{set}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in any::<Vec<u8>>(), listing in "(chain [a-z]? ?\\{\n|type hook \n|\\}\n|[a-z]\n){0,20}") {
            prop_assert!(SCHEMA.unpromised(&observe(&bytes)).is_empty());
            prop_assert!(SCHEMA.unpromised(&observe(listing.as_bytes())).is_empty());
            let (chains, rules) = count(&listing);
            prop_assert!(chains >= 0 && rules >= 0);
        }
    }
}
