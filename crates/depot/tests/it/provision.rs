//! First boot: machines that belong nowhere yet claim, people see who claims what, and a machine is told where it belongs.

use std::net::SocketAddr;

use writ_trust::minisign::PublicKey;
use writ_trust::numbers::TrustVersion;
use writ_trust::root_chain::TrustChain;
use writ_wire::Signed;
use writ_wire::claim::{Claim, ClaimSchema, PlainName};
use writ_wire::claims::{ClaimReceipt, Claims};
use writ_wire::mac::MacAddress;
use writ_wire::paths;
use writ_wire::placement::{PlaceError, Placement};

use crate::client::{Answer, get, request};
use crate::daemon::Start;
use crate::hostile_requests::{Case, with};
use crate::world::*;

const CARD: &str = "00:00:5e:00:53:01";
/// What a machine asks with.
const ASKS: u8 = 61;
const THIEF: u8 = 62;

fn mac() -> MacAddress {
    CARD.parse().unwrap()
}

fn target() -> String {
    format!("/api/provision/{CARD}")
}

/// What the machine with this key says.
fn claim(who: u8) -> Claim {
    Claim {
        schema: ClaimSchema::V1,
        mac: mac(),
        public_key: public(who),
        courier_key: public(ASKS),
        hardware: PlainName::of("HP t640"),
        at: now(),
        site: None,
        appliance: None,
        agent_version: PlainName::of("0.1.0"),
        secrets: None,
    }
}

fn signed_claim(who: u8) -> Signed {
    claim(who).sign(&secret(who)).unwrap()
}

fn post(address: SocketAddr, claim: &Signed) -> Answer {
    request(address, "POST", &target(), &[], &claim.canonical())
}

#[track_caller]
fn others(answer: Answer) -> u64 {
    ClaimReceipt::parse(&answer.expect(200)).unwrap().others
}

/// The keys that claim, as a reader is told.
fn seen(address: SocketAddr, target: &str) -> Vec<PublicKey> {
    let claims = Claims::parse(&reader().get(address, target).expect(200)).unwrap().claims;
    claims.iter().map(|held| Claim::held(&held.claim).unwrap().public_key).collect()
}

/// Where the machine with a key is told that it belongs, asking with another.
fn asked(address: SocketAddr, who: u8, with: u8) -> Result<Placement, u16> {
    let target = paths::placement(&mac(), &public(who), TrustVersion::FIRST).to_string();
    let answer = Caller { key: with, delegation: None }.get(address, &target);
    if answer.status == 200 { Ok(Placement::parse(&answer.expect(200)).unwrap()) } else { Err(answer.status) }
}

#[test]
fn a_machine_claims_and_is_told_where_it_belongs_once_a_release_names_it() {
    let dir = folder();
    let depot = Start::new(dir.path()).start();
    let address = depot.address;
    assert_eq!(asked(address, FRONT_DESK, ASKS), Err(401), "nobody has claimed");
    assert_eq!(others(post(address, &signed_claim(FRONT_DESK))), 0);
    assert_eq!((seen(address, &target()), seen(address, "/api/provision").len()), (vec![public(FRONT_DESK)], 1));
    assert_eq!(seen(address, "/api/provision/00:00:5e:00:53:02"), []);
    assert_eq!(asked(address, FRONT_DESK, ASKS).unwrap().place, None);
    assert_eq!(asked(address, FRONT_DESK, FRONT_DESK).unwrap().place, None, "with its own key as well");
    for stranger in [THIEF, STRANGER, READ] {
        assert_eq!(asked(address, FRONT_DESK, stranger), Err(401), "{stranger}");
    }

    // A second key for the same card is shown beside the first, and takes nothing of it.
    assert_eq!(others(post(address, &signed_claim(THIEF))), 1);
    assert_eq!(seen(address, &target()), [public(FRONT_DESK), public(THIEF)]);
    let told = get(address, "/metrics").text();
    assert!(told.contains("writ_depot_claims 2\n") && told.contains("writ_depot_claims_contested 1\n"), "{told}");
    // Said again, it is no news.
    assert_eq!(others(post(address, &signed_claim(THIEF))), 1);
    assert_eq!(depot.log().matches("several keys claim one card").count(), 1, "{}", depot.log());

    publish(address, &release(1, None));
    let place = asked(address, FRONT_DESK, ASKS).unwrap().place.unwrap();
    assert_eq!((place.site.as_str(), place.appliance.as_str()), (SITE, "front-desk"));
    assert_eq!(asked(address, THIEF, ASKS).unwrap().place, None);

    // The machine believes the release, and not the depot.
    let chain = TrustChain::pinned(&root().canonical()).unwrap();
    let accepted = place.judge(&chain, &public(FRONT_DESK), now()).unwrap();
    assert_eq!(accepted.release.point(), release(1, None).point());
    assert!(matches!(place.judge(&chain, &public(THIEF), now()), Err(PlaceError::Refused(_))));
    let mut elsewhere = place.clone();
    elsewhere.appliance = "back-room".parse().unwrap();
    assert!(matches!(elsewhere.judge(&chain, &public(FRONT_DESK), now()), Err(PlaceError::Refused(_))));
    let mut unsigned = place.clone();
    unsigned.release.release.signatures.clear();
    assert!(matches!(unsigned.judge(&chain, &public(FRONT_DESK), now()), Err(PlaceError::Refused(_))));
    let mut unlogged = place.clone();
    unlogged.release.receipt = None;
    assert!(matches!(unlogged.judge(&chain, &public(FRONT_DESK), now()), Err(PlaceError::Refused(_))));
    let mut rooted = place;
    let mut next = root();
    next.version = next.version.next().unwrap();
    rooted.roots = vec![signed(next.canonical(), &[STRANGER])];
    assert!(matches!(rooted.judge(&chain, &public(FRONT_DESK), now()), Err(PlaceError::Chain(_))));

    // Nothing of it is on the disk, and a depot that is started again has forgotten it until it is said again.
    depot.kill();
    let depot = Start::new(dir.path()).start();
    assert_eq!(seen(depot.address, "/api/provision"), []);
    assert_eq!(asked(depot.address, FRONT_DESK, ASKS), Err(401));
}

#[test]
fn a_stolen_machine_is_told_nothing() {
    let dir = folder();
    let depot = Start::new(dir.path()).start();
    let address = depot.address;
    let first = release(1, None);
    publish(address, &first);
    assert_eq!(others(post(address, &signed_claim(FRONT_DESK))), 0);
    let mut second = release(2, Some(writ_trust::digest::Digest::of(&first.canonical())));
    second.generations.get_mut(&"front-desk".parse().unwrap()).unwrap().public_key = public(THIEF);
    second.revoked_appliance_keys = vec![revoked(FRONT_DESK)];
    publish(address, &second);
    assert_eq!(post(address, &signed_claim(FRONT_DESK)).status, 403);
    assert_eq!(asked(address, FRONT_DESK, ASKS), Err(403));
    assert_eq!(front_desk().get(address, "/agent/sync").status, 401, "and it is nobody's courier any more");
    // The one in its place is.
    assert_eq!(others(post(address, &signed_claim(THIEF))), 1);
    assert_eq!(asked(address, THIEF, ASKS).unwrap().place.unwrap().appliance.as_str(), "front-desk");
}

/// Claims that are none, or of somebody else, and questions by others.
pub fn odd_claims() -> Vec<Case> {
    let to = target();
    let send = |name: &str, target: &str, body: &[u8], status| with(name, "POST", target, &[], body, status);
    let edited = |edit: &dyn Fn(&mut Claim)| {
        let mut claim = claim(BACK_ROOM);
        edit(&mut claim);
        claim.sign(&secret(BACK_ROOM)).unwrap().canonical()
    };
    let good = signed_claim(BACK_ROOM);
    let foreign = Signed { document: good.document.clone(), ..signed_claim(THIEF) };
    let twice = Signed { signatures: [good.signatures.clone(), good.signatures.clone()].concat(), ..good.clone() };
    let by = |caller: &Caller, name: &str, target: &str, status| {
        with(name, "GET", target, &caller.headers("GET", target, b"", now()), b"", status)
    };
    let (machine, stranger) = (Caller { key: ASKS, delegation: None }, Caller { key: STRANGER, delegation: None });
    let (nobody, asks) = (public(THIEF).fingerprint(), format!("{to}?key={}&trust=1", public(STRANGER).fingerprint()));
    vec![
        send("no claim", &to, b"", 400),
        send("a claim that is no envelope", &to, b"{}", 400),
        send("a claim that is none", &to, &signed(b"{}".to_vec(), &[BACK_ROOM]).canonical(), 422),
        send("a claim of 5 KiB", &to, &vec![b' '; 5 * 1024], 413),
        send("a large claim in a small envelope", &to, &signed(vec![b' '; 2049], &[BACK_ROOM]).canonical(), 422),
        send("a claim that nobody signed", &to, &Signed { signatures: vec![], ..good.clone() }.canonical(), 422),
        send("a claim signed twice", &to, &twice.canonical(), 422),
        send("a claim that another key signed", &to, &foreign.canonical(), 422),
        send("a claim of an hour ago", &to, &edited(&|c| c.at = c.at.plus_millis(-3_600_000)), 422),
        send("a claim of tomorrow", &to, &edited(&|c| c.at = c.at.plus_millis(86_400_000)), 422),
        send("a claim of another card", "/api/provision/00:00:5e:00:53:02", &good.canonical(), 422),
        send("a heartbeat as a claim", &to, &heartbeat(BACK_ROOM, "back-room", now()).canonical(), 422),
        send("a card in upper case", "/api/provision/00:00:5E:00:53:01", &good.canonical(), 404),
        send("a card with hyphens", "/api/provision/00-00-5e-00-53-01", &good.canonical(), 404),
        send("a card of five pairs", "/api/provision/00:00:5e:00:53", &good.canonical(), 404),
        send("a card of everybody", "/api/provision/ff:ff:ff:ff:ff:ff", &good.canonical(), 404),
        send("a card that climbs", "/api/provision/..%2f..%2fx", &good.canonical(), 404),
        with("a claim that is put", "PUT", &to, &[], &good.canonical(), 405),
        with("a claim that is deleted", "DELETE", &to, &[], b"", 405),
        with("a packed claim", "POST", &to, &[("content-encoding".into(), "gzip".into())], b"x", 415),
        with("nobody reads claims", "GET", &to, &[], b"", 401),
        with("nobody reads all claims", "GET", "/api/provision", &[], b"", 401),
        with("nobody asks where it belongs", "GET", &asks, &[], b"", 401),
        by(&front_desk(), "an appliance reads claims", &to, 403),
        by(&front_desk(), "an appliance reads all claims", "/api/provision", 403),
        by(&stranger, "a stranger reads claims", &to, 401),
        by(&machine, "a machine that has not claimed asks", &format!("{to}?key={nobody}&trust=1"), 401),
        by(&machine, "a machine asks twice at once", &format!("{to}?key={nobody}&key={nobody}"), 400),
        by(&machine, "a machine without a fingerprint asks", &format!("{to}?key=x"), 401),
        by(&reader(), "a reader asks for a machine", &format!("{to}?key={nobody}&trust=1"), 401),
    ]
}
