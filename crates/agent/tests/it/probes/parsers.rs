//! What holds of every parser of what probes read, whatever the bytes.

use proptest::prelude::*;
use writ_agent::probes::parsers;

/// Pieces of what the parsers are made for, to get past their first look.
const PIECES: &str = "(LUKS\u{0}|ClamAV-VDB:|[a-z-]{1,8} = |\\[|\\]|\\{|\\}|\"|:|,|/|cpu |MemTotal: |\n|install |include |\
                      [0-9]{1,20}|-|  |\u{0}|ß|FOUND|,\\*,|\"schema\":\"writ.record.v1\"|\"time\":|ssl_conf)";

#[test]
fn every_parser_is_there_once() {
    let mut names: Vec<&str> = parsers().iter().map(|(name, _)| *name).collect();
    assert!(names.len() >= 30, "{names:?}");
    let sorted = names.is_sorted();
    names.dedup();
    assert!(sorted && names.len() == parsers().len(), "{names:?}");
}

#[test]
fn extremes_make_no_parser_panic() {
    let deep = |open: &str| open.repeat(200_000).into_bytes();
    let long = |text: &str| text.repeat(100_000).into_bytes();
    let all = [
        vec![],
        vec![0; 1 << 20],
        vec![0xff; 1 << 20],
        deep("["),
        deep("{\"a\":"),
        long("a"),
        long("\n"),
        long("a=b\n"),
        long("\\\n"),
        long("a:b:c:d:e:f:g\n"),
        long("1 2 3 4 5 6 7 8 9\n"),
    ];
    for bytes in &all {
        for (_, parse) in parsers() {
            parse(bytes);
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_make_a_parser_panic_or_exceed_its_bound(
        bytes in any::<Vec<u8>>(),
        pieces in proptest::collection::vec(PIECES, 0..60),
    ) {
        let text = pieces.concat();
        for (_, parse) in parsers() {
            parse(&bytes);
            parse(text.as_bytes());
        }
    }
}
