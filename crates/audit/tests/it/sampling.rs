//! Drawing at random: nobody can steer it, anybody can repeat it, and nothing else in the folder changes it.

use proptest::prelude::*;
use serde_json::json;
use writ_audit::query::Filter;
use writ_audit::sample::{Ask, Choice, Sample, Seed, sample};
use writ_evidence::bundle::ReleaseRef;
use writ_evidence::chain::ChainState;
use writ_evidence::records::{StartReason, Started};
use writ_evidence::{Draft, Kind, seal};
use writ_trust::digest::Digest;
use writ_trust::ids::{ApplianceId, SiteId};
use writ_trust::json as strict;
use writ_trust::minisign::signature_file_name;
use writ_trust::numbers::{Epoch, Serial};

use crate::searching::troubled;
use crate::world::*;

fn ask(seed: &str, count: usize) -> Ask {
    let (per_quarter, failed_and_successful, filter) = (false, false, Filter::default());
    Ask { seed: seed.parse().unwrap(), count, per_quarter, failed_and_successful, filter }
}

fn drawn(world: &World, ask: &Ask) -> Sample {
    let (sample, report) = sample(&world.archive(), ask);
    assert_eq!(sample.verified, report.ok);
    sample
}

/// Puts another site into the folder: an appliance that started twice.
fn join_another_site(world: &World) {
    let (site, appliance): (SiteId, ApplianceId) = ("clinic-002".parse().unwrap(), "back-office".parse().unwrap());
    let own = key(50);
    let policy = policy_json(|p| {
        p["site"] = site.as_str().into();
        p["appliance"] = appliance.as_str().into();
    });
    world.write(&format!("documents/{}.json", Digest::of(&policy).hex()), &policy);
    let release = strict::canonical(&json!({
        "schema": "writ.release.v1", "site": site, "epoch": 1, "serial": 1,
        "issued_at": morning().plus_millis(-DAY), "expires_at": "2027-05-01T00:00:00Z", "previous": null,
        "source": { "revision": null, "nar_hash": Digest::of(b"source").to_string(), "dirty": false }, "trust_version": 1,
        "generations": { "back-office": { "public_key": own.public_key().line(), "system_type": "x86_64-linux",
            "policy": { "schema": "writ.policy.v1", "digest": Digest::of(&policy).to_string(), "size": policy.len() },
            "closure": null, "not_before": morning().plus_millis(-DAY) } },
        "revoked_appliance_keys": [],
    }));
    world.write("releases/clinic-002/1-1/release.json", &release);
    let signature = signer().sign(&release, "release", "x").unwrap().to_string();
    let name = signature_file_name("release.json", signer().key_id());
    world.write(&format!("releases/clinic-002/1-1/{name}"), signature.as_bytes());
    let named = ReleaseRef { epoch: Epoch::FIRST, serial: Serial::FIRST, digest: Digest::of(&release) };
    let mut state = ChainState::new();
    for minute in 0..2 {
        let mut draft = Draft::new(Kind::Started, &site, &appliance);
        draft.release = Some(named);
        draft.started = Some(Started {
            why: StartReason::Boot,
            previous_chain: None,
            reimaged: false,
            enforcing: Some(named),
            agent_version: "0.1.0".into(),
            recovered: vec![],
        });
        let sealed = seal(draft, &state, &own, morning().plus_millis(minute * MINUTE)).unwrap();
        state = sealed.next;
        let path = format!("evidence/clinic-002/{}/{}", own.public_key().fingerprint(), sealed.file_name());
        world.write(&path, &sealed.bytes);
        world.write(&format!("{path}.minisig"), sealed.signature_text.as_bytes());
    }
}

#[test]
fn a_sample_is_verified_and_drawn_again_by_its_seed() {
    let world = World::day();
    let three = drawn(&world, &ask("dice-4412", 3));
    assert!(three.is_fine() && three.bundles().count() == 3);
    assert_eq!(three, drawn(&world, &ask("dice-4412", 3)));
    assert_ne!(three.strata, drawn(&world, &ask("dice-4413", 3)).strata);
    let stratum = &three.strata[0];
    assert_eq!((stratum.there, stratum.asked, stratum.site.as_str()), (28, 3, "clinic-001"));
    assert!(three.bundles().all(|one| one.log == "not configured" && one.public_key == device().public_key().line()));
    // More than there are: all of them, and the number that there is.
    let all = drawn(&world, &ask("dice-4412", 99));
    assert_eq!((all.bundles().count(), all.strata[0].there), (28, 28));
    let logged = drawn(&World::logged(), &ask("dice-4412", 5));
    assert!(logged.is_fine() && logged.bundles().all(|one| one.log == "proven" && one.index.is_some()));
}

#[test]
fn quarters_and_outcomes_are_groups_of_their_own() {
    let mut world = troubled();
    world.vector(at("2027-01-02T00:00:00Z"), at("2027-01-02T01:00:00Z"), |_, _| {});
    let asked = Ask { per_quarter: true, ..ask("by-quarter", 1) };
    let quarters = drawn(&world, &asked);
    let told: Vec<_> = quarters.strata.iter().map(|s| (s.quarter.as_deref(), s.outcome, s.bundles.len())).collect();
    assert_eq!(told, [(Some("2026-Q4"), None, 1), (Some("2027-Q1"), None, 1)]);
    let asked = Ask { per_quarter: true, failed_and_successful: true, ..ask("by-quarter", 1) };
    let outcomes = drawn(&world, &asked);
    let told: Vec<_> = outcomes.strata.iter().map(|s| (s.outcome, s.there, s.bundles.len())).collect();
    assert_eq!(told, [(Some("failed"), 1, 1), (Some("successful"), 2, 1)]);
    assert!(outcomes.bundles().all(|one| one.row.kind == Kind::IncidentClosed));
    // A quarter of the period that has none is told of, and so is a site.
    let period = Some(writ_audit::Period::parse("2026-07..2027-01", morning()).unwrap());
    let filter = Filter { period, ..Filter::default() };
    let all = drawn(&world, &Ask { filter, ..asked });
    let told: Vec<_> = all.strata.iter().map(|s| (s.quarter.as_deref().unwrap(), s.bundles.len())).collect();
    assert_eq!(told, [("2026-Q3", 0), ("2026-Q3", 0), ("2026-Q4", 1), ("2026-Q4", 1), ("2027-Q1", 0), ("2027-Q1", 0)]);
    assert_eq!(drawn(&World::new(), &ask("by-quarter", 1)).strata[0].there, 0);
}

#[test]
fn a_folder_that_does_not_verify_is_no_fine_sample() {
    let world = World::day();
    std::fs::write(world.file(9), "{}").unwrap();
    let sample = drawn(&world, &ask("dice-4412", 28));
    assert!(!sample.is_fine() && !sample.verified);
    assert!(sample.first_problem.as_ref().unwrap().starts_with("altered evidence/clinic-001/"), "{sample:?}");
    // What did not verify is not among them, and its absence is told.
    assert_eq!((sample.bundles().count(), sample.strata[0].there), (27, 27));
    assert!(!drawn(&World::new(), &ask("dice-4412", 1)).is_fine(), "nothing was there to draw");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn what_else_is_in_the_folder_changes_nothing(seed in "[a-z]{8,32}", count in 1_usize..7) {
        thread_local! {
            static WORLDS: (World, World) = {
                let both = (troubled(), troubled());
                join_another_site(&both.1);
                both
            };
        }
        WORLDS.with(|(alone, joined)| {
            let asked = ask(&seed, count);
            let (alone, joined) = (drawn(alone, &asked), drawn(joined, &asked));
            prop_assert!(joined.verified && joined.strata.len() == 2);
            prop_assert_eq!(&alone.strata[0], &joined.strata[0]);
            prop_assert_eq!(joined.strata[1].site.as_str(), "clinic-002");
            Ok(())
        })?;
    }

    #[test]
    fn the_order_in_which_things_come_changes_nothing(seed in "[a-z0-9-]{8,64}", names in prop::collection::btree_set("[a-z]{1,6}", 0..40), turn in 0_usize..40) {
        let seed: Seed = seed.parse().unwrap();
        let choose = |names: &[String]| {
            let mut choice = Choice::new(4);
            names.iter().for_each(|name| choice.offer(&seed, name, || name.clone()));
            choice.chosen()
        };
        let mut names: Vec<String> = names.into_iter().collect();
        let chosen = choose(&names);
        prop_assert_eq!(chosen.len(), names.len().min(4));
        let middle = turn.min(names.len());
        names.rotate_left(middle);
        names.reverse();
        prop_assert_eq!(chosen, choose(&names));
    }
}
