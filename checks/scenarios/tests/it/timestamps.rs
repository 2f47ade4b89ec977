//! Timestamps as we accept them, judged by code that is not ours and not openssl: PyPI's rfc3161-client, by the makers of
//! Sigstore's clients.

use std::fs;
use std::path::Path;
use std::process::Command;

use writ_tools::python;
use writ_trust::timestamp::Token;

use crate::tsa::{Key, Tsa};

/// Prints the time of an answer (file 1) that holds over some bytes (file 2) by an authority (file 3).
const SCRIPT: &str = "\
import sys
from cryptography import x509
from rfc3161_client import VerifierBuilder, decode_timestamp_response
answer, message, root = (open(path, 'rb').read() for path in sys.argv[1:])
response = decode_timestamp_response(answer)
verifier = VerifierBuilder().add_root_certificate(x509.load_pem_x509_certificate(root)).build()
assert verifier.verify_message(response, message)
print(response.tst_info.gen_time.strftime('%Y-%m-%dT%H:%M:%SZ'))
";

fn judged(tsa: &Tsa, answer: &[u8], bytes: &[u8]) -> Option<String> {
    let program = python::folder("rfc3161").join("bin/python");
    assert!(program.exists(), "{} is not there: `cargo xtask test` makes it", program.display());
    let files = ["other.tsr", "other"].map(|name| tsa.path(name));
    fs::write(&files[0], answer).unwrap();
    fs::write(&files[1], bytes).unwrap();
    let mut command = Command::new(program);
    command.args(["-I", "-B", "-c", SCRIPT]).args(&files).arg(tsa.path("ca.pem")).current_dir(Path::new("/"));
    let output = command.output().unwrap();
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[test]
fn another_verifier_accepts_what_we_accept() {
    let note = b"log.example/clinic-001\n7\nAAAA\n\n";
    for key in [Key::Rsa, Key::P256, Key::P384] {
        let tsa = Tsa::new(key);
        for answer in [tsa.stamp(note, "sha256"), tsa.stamp_at(note, "20261124070000Z")] {
            let ours = Token::parse(&answer).unwrap().verify(note, &[tsa.authority()]).unwrap();
            assert_eq!(judged(&tsa, &answer, note), Some(ours.at.to_string()), "{key:?}");
            let mut flipped = answer.clone();
            *flipped.last_mut().unwrap() ^= 1;
            assert_eq!(judged(&tsa, &flipped, note), None, "{key:?}");
            assert_eq!(judged(&tsa, &answer, b"something else"), None, "{key:?}");
        }
    }
}
