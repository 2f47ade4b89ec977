//! Packets: every section that is asked for, figures that are those of the comparison, the same bytes, nothing hostile.

use std::collections::BTreeSet;

use writ_audit::Period;
use writ_audit::compare::compare;
use writ_audit::compare::model::FrameworkRow;
use writ_audit::report::packet::model::{Block, Packet, Table, Value};
use writ_audit::report::packet::span::{Span, slices};
use writ_audit::report::packet::walk::walk;
use writ_audit::report::packet::{FleetPart, Preparation};
use writ_audit::report::packet::{Kind, csv, fleet, html, packet, preparation, sample_files, sample_keys};
use writ_audit::words::framework;
use writ_evidence::records::SwitchOutcome;
use writ_trust::digest::Digest;
use writ_trust::json as strict;
use writ_trust::minisign::PublicKey;

use crate::attesting;
use crate::packet_world::*;
use crate::world::*;

fn month() -> Span {
    Span::month("2026-11").unwrap()
}

fn made(world: &World, kind: Kind, span: &Span) -> Packet {
    let archive = world.archive();
    let walk = walk(&archive, None).unwrap();
    assert!(walk.report.ok, "{:#?}", walk.report.problems);
    packet(&archive, &walk, &walk.sites[0], kind, span, evening()).packet
}

fn prepared(world: &World) -> Preparation {
    let archive = world.archive();
    let walk = walk(&archive, None).unwrap();
    preparation(&archive, &walk, &walk.sites[0], &Span::year("2026").unwrap(), evening())
}

fn figure(packet: &Packet, id: &str) -> Option<u64> {
    packet.figures.iter().find(|figure| figure.id == id).unwrap_or_else(|| panic!("no figure {id}")).value
}

fn banners(packet: &Packet) -> Vec<String> {
    let blocks = packet.sections.iter().flat_map(|section| &section.blocks);
    blocks.filter_map(|b| if let Block::Banner { text, .. } = b { Some(text.clone()) } else { None }).collect()
}

fn table<'p>(packet: &'p Packet, id: &str) -> &'p Table {
    csv::tables(&packet.sections).find(|table| table.id == id).unwrap_or_else(|| panic!("no table {id}"))
}

/// The cells of a table as programs read them.
fn cells(table: &Table) -> Vec<Vec<String>> {
    table.rows.iter().map(|row| row.cells.iter().map(|cell| cell.value.plain(&[])).collect()).collect()
}

/// The headings that the operating standards ask for, by the packet that must have them.
#[test]
fn every_section_that_is_asked_for_is_there() {
    let world = eventful();
    let always = [
        "summary",         // RP-13
        "posture",         // RP-13
        "controls",        // RP-14
        "incidents",       // RP-08 to RP-11, RP-33
        "people",          // RP-12, RP-22
        "changes",         // HC-06
        "exceptions",      // RP-24
        "evidence",        // RP-15, RP-19
        "recommendations", // RP-16
        "verification",    // RP-04, RP-29
    ];
    let more: [(Kind, Span, &[&str]); 3] = [
        (Kind::Monthly, month(), &[]),
        (Kind::Quarterly, Span::quarter("2026-Q4").unwrap(), &["trends"]),
        (Kind::Annual, Span::year("2026").unwrap(), &["trends", "samples"]),
    ];
    for (kind, span, more) in more {
        let packet = made(&world, kind, &span);
        let there: BTreeSet<&str> = packet.sections.iter().map(|section| section.id).collect();
        let asked: BTreeSet<&str> = always.iter().chain(more).copied().collect();
        assert_eq!(there, asked, "{}", kind.as_str());
        assert!(packet.sections.iter().all(|section| !section.blocks.is_empty()));
        for id in ["incidents", "automatic", "mttr", "sla", "people", "bundles"] {
            assert!(figure(&packet, id).is_some(), "{id}");
        }
    }
    let documents: Vec<String> = prepared(&world).documents.into_iter().map(|document| document.name).collect();
    let asked = [
        "clinic-001-2026",      // RP-19 to RP-22
        "exceptions",           // RP-24
        "access-matrix",        // RP-27
        "encryption-inventory", // RP-28
        "key-register",
        "asset-inventory", // RP-34
        "contact-list",    // RP-31
        "runbook-library", // RP-32
        "samples",         // RP-23
    ];
    assert_eq!(documents, asked);
}

/// Access matrix, encryption inventory, keys, machines, contacts and runbooks are those of the signed documents.
#[test]
fn inventories_are_out_of_what_was_signed() {
    let set = prepared(&eventful());
    let all = |document: &str, table: &str| -> Vec<Vec<String>> {
        let document = set.documents.iter().find(|one| one.name == document).unwrap();
        let table = csv::tables(&document.sections).find(|one| one.id == table).unwrap_or_else(|| panic!("{table}"));
        table.rows.iter().map(|row| row.cells.iter().map(|cell| cell.value.plain(&[])).collect()).collect()
    };
    let first =
        |document, table| -> Vec<String> { all(document, table).into_iter().map(|row| row[0].clone()).collect() };
    assert_eq!(first("access-matrix", "access-checks"), ["login.ssh"]);
    assert_eq!(first("access-matrix", "approvers"), ["Dr. Ruth Alvarez"]);
    let alice = &all("access-matrix", "access-keys")[0];
    assert_eq!(alice[2..9], ["yes", "yes", "no", "no", "no", "no", "no"], "trust, release, and nothing else");
    // What supports 164.312(e) belongs to it too.
    assert_eq!(first("encryption-inventory", "encryption-checks"), ["disk.sealed", "file.motd", "file.tls"]);
    let key = &all("key-register", "appliance-keys")[0];
    assert_eq!((&key[0], &key[7]), (&"front-desk".to_owned(), &device().public_key().fingerprint()));
    assert_eq!(all("asset-inventory", "assets")[0][1], "x86_64-linux");
    assert_eq!(
        all("contact-list", "contacts"),
        [["on-call", "Kim Lee", "first", "", "+1 555 0100", "15m"].map(str::to_owned)]
    );
    assert_eq!(first("runbook-library", "runbooks"), ["RB-FILE-001"]);
    assert_eq!(all("runbook-library", "rules")[0][6..], ["4", "1"], "tried, resolved");
}

#[test]
fn figures_are_those_of_the_comparison() {
    let world = eventful();
    let packet = made(&world, Kind::Monthly, &month());
    let period = month().until(evening());
    let c = compare(&world.archive(), &site(), Some(period), evening()).unwrap();
    let of = |id| figure(&packet, id);
    assert_eq!(of("posture"), c.score.percent());
    assert_eq!(of("posture-without-exceptions"), c.score_without_exceptions.percent());
    assert_eq!(of("incidents"), Some(c.incident_summary.detected));
    assert_eq!(of("open"), Some(c.incident_summary.open));
    assert_eq!(
        (of("mttr"), of("sla"), of("l1")),
        (c.figures.mttr_seconds, c.figures.sla_met_percent, c.figures.l1_percent)
    );
    assert_eq!(of("sla-missed"), Some(c.incident_summary.sla_missed));
    assert_eq!((of("bundles"), of("bytes")), (Some(c.figures.bundles), Some(c.figures.bytes)));
    assert_eq!((of("automatic"), of("people"), of("l2"), of("l3")), (Some(2), Some(2), Some(25), Some(25)));
    // Of incidents the bundles are those that opened and closed them.
    let set = |id: &str| {
        let figure = packet.figures.iter().find(|figure| figure.id == id).unwrap();
        packet.sets[figure.rests_on]
            .bundles
            .iter()
            .map(|row| packet.bundles[*row].path.clone())
            .collect::<BTreeSet<_>>()
    };
    let files = |ended: bool| -> BTreeSet<String> {
        let incidents = c.incidents.iter().filter(|i| !ended || i.closed_at.is_some());
        incidents.flat_map(|i| &i.evidence).map(|link| link.path.clone()).collect()
    };
    assert_eq!((set("incidents"), set("l1")), (files(false), files(true)));
    assert_eq!(set("bundles").len() as u64, c.figures.bundles);
}

/// What people attest is evidence too, though it says nothing of when appliances spoke.
#[test]
fn a_figure_of_bundles_is_how_many_it_leads_to() {
    let world = crate::attesting::day(|_| {});
    crate::attesting::attest(&world, crate::attesting::statement("review.keys"), "2026-11-24T09:00:00Z");
    let packet = made(&world, Kind::Monthly, &month());
    let written = packet.figures.iter().find(|figure| figure.id == "bundles").unwrap();
    let rows = &packet.sets[written.rests_on].bundles;
    assert_eq!((written.value, rows.len()), (Some(29), 29));
    let bytes: u64 = rows.iter().map(|row| packet.bundles[*row].size).sum();
    assert_eq!(figure(&packet, "bytes"), Some(bytes));
    let by_kind = cells(table(&packet, "evidence-by-kind"));
    let count = |row: &Vec<String>| row[1].parse::<u64>().unwrap();
    let (all, kinds) = by_kind.split_last().unwrap();
    assert_eq!((count(all), kinds.iter().map(count).sum::<u64>()), (29, 29));
    assert!(said(&packet, "evidence").starts_with("29 bundles were written"), "{}", said(&packet, "evidence"));
}

/// Slices judged from one walk come to what each comes to by itself, and their incidents add up.
#[test]
fn one_walk_judges_each_slice_as_a_walk_of_its_own_would() {
    let world = eventful();
    let packet = made(&world, Kind::Monthly, &month());
    let table = |id: &str| table(&packet, id);
    let parts = slices(&month().until(evening()));
    let coverage = table("coverage");
    assert_eq!(coverage.rows.len(), parts.len());
    for (row, slice) in coverage.rows.iter().zip(&parts) {
        let period = Period { from: slice.period.from, to: slice.period.to };
        let c = compare(&world.archive(), &site(), Some(period), evening()).unwrap();
        assert_eq!(row.cells[1].value, Value::Number(c.score.met), "{}", slice.name);
        assert_eq!(row.cells[2].value, Value::Number(c.score.of), "{}", slice.name);
        assert_eq!(row.cells[4].value, Value::Number(c.score_without_exceptions.met), "{}", slice.name);
        assert_eq!(row.cells[6].value, Value::Number(c.figures.bundles), "{}", slice.name);
    }
    let sum: u64 = table("incidents-over-time")
        .rows
        .iter()
        .map(|row| if let Value::Number(n) = row.cells[1].value { n } else { 0 })
        .sum();
    assert_eq!(Some(sum), figure(&packet, "incidents"));
}

#[test]
fn a_page_needs_nothing_else_and_escapes() {
    let world = eventful();
    for packet in prepared(&world).documents.into_iter().chain([made(&world, Kind::Monthly, &month())]) {
        let page = html::render(&packet).unwrap();
        assert_eq!(page, html::render(&packet).unwrap());
        assert!(!page.contains("<script") && !page.contains('\u{202e}') && !page.contains('\u{7}'), "{}", packet.name);
        for outside in ["http://", "https://", "src=", "url(", "@import", "style=\"", "javascript:"] {
            assert!(!page.contains(outside), "{outside} in {}", packet.name);
        }
        let ids: Vec<&str> = page.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        let distinct: BTreeSet<&str> = ids.iter().copied().collect();
        assert_eq!(ids.len(), distinct.len(), "an id stands twice in {}", packet.name);
        for reference in page.split("href=\"#").skip(1).filter_map(|rest| rest.split('"').next()) {
            assert!(distinct.contains(reference), "#{reference} in {}", packet.name);
        }
    }
    let packet = made(&world, Kind::Monthly, &month());
    for file in csv::files(&packet) {
        for field in fields(&file.text) {
            assert!(!field.starts_with(['=', '+', '-', '@', '|', '%']), "{}: {field}", file.name);
        }
    }
    assert!(csv::files(&packet).iter().any(|file| file.name == "exceptions.csv" && file.text.contains(",'=cmd|")));
}

/// The fields of a file of CSV, without the quotes in them.
fn fields(text: &str) -> Vec<String> {
    let (mut fields, mut quoted) = (vec![String::new()], false);
    for c in text.chars() {
        match c {
            '"' => quoted = !quoted,
            ',' | '\n' if !quoted => fields.push(String::new()),
            c => fields.last_mut().unwrap().push(c),
        }
    }
    fields
}

/// A packet says so where the period is not over, where the folder does not verify, and where nothing happened.
#[test]
fn what_is_not_known_is_said() {
    let world = eventful();
    let packet = made(&world, Kind::Monthly, &month());
    assert!(banners(&packet).iter().any(|text| text.starts_with("The period is not over.")));
    let before = made(&world, Kind::Monthly, &Span::month("2026-09").unwrap());
    assert_eq!((figure(&before, "incidents"), figure(&before, "mttr"), figure(&before, "l1")), (Some(0), None, None));
    assert!(html::render(&before).unwrap().contains("No incident was detected in this period."));
    // It was given a release, and has said nothing.
    let silent = cells(table(&made(&World::new(), Kind::Monthly, &month()), "appliances"));
    assert_eq!(silent[0][4], "1-1 (given; nothing tells whether it obeys it)");
    std::fs::write(world.file(3), "{}").unwrap();
    let archive = world.archive();
    let walk = walk(&archive, None).unwrap();
    let broken = packet_of(&archive, &walk);
    assert!(!broken.verified.ok && banners(&broken)[0].starts_with("Not verified: "));
}

fn packet_of(archive: &writ_audit::Archive, walk: &writ_audit::report::packet::walk::Walk<'_>) -> Packet {
    packet(archive, walk, &walk.sites[0], Kind::Monthly, &month(), evening()).packet
}

/// Everything that a section says but for its tables.
fn said(packet: &Packet, section: &str) -> String {
    let section = packet.sections.iter().find(|one| one.id == section).unwrap();
    let words = section.blocks.iter().map(|block| match block {
        Block::Text(text) | Block::Banner { text, .. } => text.clone(),
        Block::List(items) => items.join("\n"),
        _ => String::new(),
    });
    words.collect::<Vec<_>>().join("\n")
}

/// A policy that nobody can read is only a note of verification, and its controls are nowhere: a packet says so.
#[test]
fn an_appliance_that_was_not_judged_is_told_of_before_any_figure() {
    let now = morning().plus_millis(DAY);
    let packets = |world: &World| {
        let archive = world.archive();
        let walk = walk(&archive, None).unwrap();
        assert!(walk.report.ok, "{:#?}", walk.report.problems);
        let made = packet(&archive, &walk, &walk.sites[0], Kind::Monthly, &month(), now);
        let all = {
            let parts = [FleetPart { made: &made, page: "page.html".to_owned() }];
            fleet::packet(&parts, &walk.report, Kind::Monthly, &month(), now)
        };
        (made.packet, all)
    };
    let (whole, all) = packets(&quiet(|_| {}));
    assert!(said(&whole, "summary").contains("All 3 controls that machines decide are shown or excepted."));
    assert!(whole.not_judged.is_empty() && all.not_judged.is_empty());
    assert!(!serde_json::to_string(&whole).unwrap().contains("not_judged"));

    let (half, all) = packets(&half_known());
    let told = "back-office of clinic-001: the policy of release 1-1 is missing, altered or of an unknown schema";
    for packet in [&half, &all] {
        let named: Vec<&str> = packet.not_judged.iter().map(|one| one.appliance.as_str()).collect();
        assert_eq!(named, ["back-office"]);
        let banner = &banners(packet)[1];
        assert!(banner.starts_with("1 appliance was not judged") && banner.contains(told), "{banner}");
    }
    assert_eq!(figure(&half, "posture"), Some(100), "of what is known");
    let summary = said(&half, "summary");
    assert!(
        !summary.contains("All 3") && summary.contains("What 1 appliance had to do is not known here."),
        "{summary}"
    );
    assert!(said(&half, "recommendations").contains("Have back-office judged"));
    let sites = table(&all, "sites");
    let column = sites.columns.iter().position(|column| column.title == "Appliances not judged").unwrap();
    assert_eq!(sites.rows[0].cells[column].value, Value::Number(1));
    let documents = prepared(&half_known()).documents;
    assert!(documents.iter().all(|document| document.not_judged == half.not_judged));

    // The only appliance there is.
    let mut alone = World::empty();
    alone.release(1, &strict::canonical(&serde_json::json!({ "schema": "writ.policy.v9" })), |r| {
        r["generations"]["front-desk"]["policy"]["schema"] = "writ.policy.v9".into();
    });
    let (none, _) = packets(&alone);
    let summary = said(&none, "summary");
    assert!(
        !summary.contains("was in force") && summary.contains("No control that machines decide was judged"),
        "{summary}"
    );
}

/// What a release changed is told with who signed it, and marked where it weakens protection; frameworks are those of the comparison.
#[test]
fn changes_and_frameworks_are_those_of_the_comparison() {
    let later = |hours: i64| morning().plus_millis(hours * HOUR);
    let mut world = World::new();
    world.started(morning());
    world.vector(morning(), later(1), |_, _| {});
    let obeyed = |world: &mut World, serial: u64, policy: &[u8]| {
        world.release(serial, policy, |_| {});
        let (release, from) = (world.release.unwrap(), later(i64::try_from(serial).unwrap() - 1));
        world.switched(serial, SwitchOutcome::AdoptedWithoutClosure, release, from);
        world.vector(from, from.plus_millis(HOUR), |_, _| {});
    };
    let laxer = policy_json(|p| p["checks"]["file.audit"]["every"] = "1h".into());
    obeyed(&mut world, 2, &laxer);
    obeyed(&mut world, 3, &laxer);
    let packet = made(&world, Kind::Monthly, &month());
    let c = compare(&world.archive(), &site(), Some(month().until(evening())), evening()).unwrap();

    let changes = cells(table(&packet, "baseline-changes"));
    assert_eq!((changes.len(), c.changes.len()), (3, 3));
    let signer = format!("signer-0 ({})", signer().key_id());
    for (row, change) in changes.iter().zip(&c.changes) {
        assert_eq!(row[..2], [change.at.to_string(), "front-desk".to_owned()]);
        assert_eq!((&row[2], &row[3]), (&change.from.clone().unwrap_or_default(), &change.to));
        assert_eq!((&row[4], row[5] == "yes"), (&signer, change.weakens));
    }
    let weakens: Vec<&str> = changes.iter().map(|row| row[5].as_str()).collect();
    assert_eq!(weakens, ["no", "yes", "no"]);
    assert!(changes[1][6].contains("weaker: ") && changes[1][6].contains("file.audit"), "{changes:?}");
    assert_eq!((changes[0][6].as_str(), changes[2][6].as_str()), ("it obeyed none before", "nothing in its policy"));

    let told = |row: &FrameworkRow| {
        let (verdict, without) = (row.verdict.to_string(), row.verdict_without_exceptions.to_string());
        vec![framework(&row.framework), row.id.clone(), verdict, without, row.controls.join(", ")]
    };
    let expected: Vec<Vec<String>> = c.matrix.iter().map(told).collect();
    assert!(expected.iter().any(|row| row[0] == "SOC 2" && row[1] == "CC6.1"), "{expected:?}");
    assert_eq!(cells(table(&packet, "frameworks")), expected);
}

/// Whoever signed a sample, its key is beside it.
#[test]
fn each_sample_has_its_key() {
    let world = attesting::day(|_| {});
    // Nothing else was written in its quarter, so that it is chosen.
    let attested = attesting::attest(&world, attesting::statement("review.keys"), "2027-01-05T09:00:00Z");
    let archive = world.archive();
    let walk = walk(&archive, None).unwrap();
    assert!(walk.report.ok, "{:#?}", walk.report.problems);
    let now = at("2027-01-10T00:00:00Z");
    let set = preparation(&archive, &walk, &walk.sites[0], &Span::any("2026-11..2027-01", now).unwrap(), now);
    assert!(set.samples.iter().any(|sample| sample.digest == attested.digest));
    let keys = sample_keys(&walk, &set.samples);
    let names: Vec<&str> = keys.iter().map(|(name, _)| name.as_str()).collect();
    let signed = [device(), attesting::sam()].map(|key| format!("{}.pub", key.public_key().fingerprint()));
    assert_eq!(names.iter().copied().collect::<BTreeSet<_>>(), signed.iter().map(String::as_str).collect());
    for (name, file) in &keys {
        let key = PublicKey::parse(std::str::from_utf8(file).unwrap()).unwrap();
        assert_eq!(*name, format!("{}.pub", key.fingerprint()));
    }
    for sample in &set.samples {
        assert!(names.contains(&format!("{}.pub", sample.fingerprint()).as_str()), "{}", sample.path);
    }
}

/// Of each quarter one of each sort; who changes the folder in between is found out.
#[test]
fn samples_are_the_files_themselves() {
    let world = eventful();
    let archive = world.archive();
    let set = prepared(&world);
    assert_eq!(set.samples.len(), 3);
    for sample in &set.samples {
        let files = sample_files(&archive, sample).unwrap();
        assert_eq!(files[0].1, std::fs::read(world.path().join(&sample.path)).unwrap());
        assert_eq!(files[1].0, format!("{}.minisig", files[0].0));
        assert_eq!(Digest::of(&files[1].1), sample.signature);
    }
    // Another signature is not the one that verified, even if it is by the same key.
    let beside = world.path().join(format!("{}.minisig", set.samples[0].path));
    let before = std::fs::read(&beside).unwrap();
    let bundle = std::fs::read(world.path().join(&set.samples[0].path)).unwrap();
    std::fs::write(&beside, device().sign(&bundle, "another", "x").unwrap().to_string()).unwrap();
    assert!(sample_files(&archive, &set.samples[0]).unwrap_err().to_string().contains("not what was verified"));
    std::fs::write(&beside, before).unwrap();
    let sample = &set.samples[0];
    let least = {
        let packet = made(&world, Kind::Annual, &Span::year("2026").unwrap());
        packet.bundles.iter().map(|bundle| bundle.digest).min().unwrap()
    };
    assert_eq!(sample.digest, least, "nobody chose it");
    std::fs::write(world.path().join(&sample.path), "{}").unwrap();
    assert!(sample_files(&archive, sample).unwrap_err().to_string().contains("not what was verified"));
}

#[test]
fn a_fleet_adds_up() {
    let world = eventful();
    let archive = world.archive();
    let walk = walk(&archive, None).unwrap();
    let one = || packet(&archive, &walk, &walk.sites[0], Kind::Monthly, &month(), evening());
    let made = [one(), one()];
    let parts: Vec<FleetPart<'_>> =
        made.iter().map(|made| FleetPart { made, page: "clinic-001/page.html".to_owned() }).collect();
    let all = fleet::packet(&parts, &walk.report, Kind::Monthly, &month(), evening());
    let of = |id| (figure(&all, id), figure(&made[0].packet, id));
    for id in ["incidents", "automatic", "people", "open", "bundles"] {
        let (sum, one) = of(id);
        assert_eq!(sum, one.map(|n| 2 * n), "{id}");
    }
    for id in ["mttr", "sla", "l1", "l2", "l3", "posture"] {
        let (all, one) = of(id);
        assert_eq!(all, one, "{id}");
    }
    let page = html::render(&all).unwrap();
    assert!(page.contains("<a href=\"clinic-001/page.html\">clinic-001</a>"));
}
