//! An authority of time made of openssl: a certificate authority, and one by it that makes timestamps. Shared, as source, by the
//! tests of other crates.

#![allow(dead_code, reason = "each of those who share it uses a part")]

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tempfile::TempDir;
use writ_trust::digest::Digest;
use writ_trust::root::TimestampAuthority;

const CONFIG: &str = "\
[ca]
default_ca = authority
[authority]
database = ./index.txt
new_certs_dir = .
serial = ./serial
default_md = sha256
policy = any
unique_subject = no
email_in_dn = no
[any]
commonName = supplied
[req]
distinguished_name = dn
[dn]
[authorities]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[timestamps]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = critical,timeStamping
subjectKeyIdentifier = hash
[loose]
basicConstraints = critical,CA:FALSE
extendedKeyUsage = timeStamping
[servers]
basicConstraints = critical,CA:FALSE
extendedKeyUsage = critical,serverAuth
[both]
basicConstraints = critical,CA:FALSE
extendedKeyUsage = critical,timeStamping,serverAuth
[tsa]
default_tsa = one
[one]
serial = ./tsa.serial
signer_cert = ./tsa.pem
signer_key = ./tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha1, sha256, sha384, sha512
accuracy = secs:1, millisecs:500
ess_cert_id_alg = sha256
";

/// Which key the authority signs timestamps with.
#[derive(Debug, Clone, Copy)]
pub enum Key {
    Rsa,
    P256,
    P384,
}

/// The authority; its files go with it.
pub struct Tsa {
    directory: TempDir,
    /// Held by whoever works with files there: tests share an authority.
    turn: Mutex<()>,
}

impl Tsa {
    /// One whose certificates are valid from 2020 to 2040.
    pub fn new(key: Key) -> Self {
        Self::made(key, "timestamps", "20200101000000Z", "20400101000000Z")
    }

    /// One whose own certificate has this section's purpose and this validity.
    pub fn made(key: Key, purpose: &str, from: &str, until: &str) -> Self {
        let tsa = Self { directory: tempfile::tempdir().unwrap(), turn: Mutex::default() };
        for (name, text) in [("config", CONFIG), ("index.txt", ""), ("serial", "01"), ("tsa.serial", "01")] {
            fs::write(tsa.path(name), text).unwrap();
        }
        tsa.key("ca.key", Key::P256);
        tsa.key("tsa.key", key);
        tsa.openssl("req -new -config config -key ca.key -subj /CN=authority -out ca.csr");
        tsa.openssl("req -new -config config -key tsa.key -subj /CN=timestamps -out tsa.csr");
        let sign = "ca -batch -notext -config config -keyfile ca.key";
        tsa.openssl(&format!(
            "{sign} -selfsign -in ca.csr -out ca.pem -extensions authorities -startdate 20200101000000Z -enddate 20400101000000Z"
        ));
        tsa.openssl(&format!(
            "{sign} -cert ca.pem -in tsa.csr -out tsa.pem -extensions {purpose} -startdate {from} -enddate {until}"
        ));
        tsa
    }

    fn key(&self, name: &str, key: Key) {
        let algorithm = match key {
            Key::Rsa => "RSA -pkeyopt rsa_keygen_bits:2048",
            Key::P256 => "EC -pkeyopt ec_paramgen_curve:P-256",
            Key::P384 => "EC -pkeyopt ec_paramgen_curve:P-384",
        };
        self.openssl(&format!("genpkey -algorithm {algorithm} -out {name}"));
    }

    /// The path of one of its files.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new("openssl");
        command.args(arguments.split(' ')).current_dir(self.directory.path());
        command
    }

    fn openssl(&self, arguments: &str) {
        let output = self.command(arguments).output().expect("openssl is installed");
        assert!(output.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// A certificate as a trust root has it: what is in the PEM file is its DER in base64.
    fn listed(&self, name: &str, file: &str) -> TimestampAuthority {
        let text = fs::read_to_string(self.path(file)).unwrap();
        let certificate = text.lines().filter(|line| !line.starts_with("-----")).collect();
        TimestampAuthority { name: name.to_owned(), certificate }
    }

    /// How a trust root lists the authority that signed this one's certificate.
    pub fn authority(&self) -> TimestampAuthority {
        self.listed("example", "ca.pem")
    }

    /// How a trust root lists this very one.
    pub fn itself(&self) -> TimestampAuthority {
        self.listed("itself", "tsa.pem")
    }

    fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What `openssl ts` answers to a request.
    pub fn reply(&self, query: &[u8]) -> Vec<u8> {
        let _turn = self.turn();
        fs::write(self.path("query.tsq"), query).unwrap();
        let _ = fs::remove_file(self.path("reply.tsr"));
        let arguments = "ts -reply -config config -section one -queryfile query.tsq -out reply.tsr";
        // It answers also when it grants nothing.
        let output = self.command(arguments).output().expect("openssl is installed");
        fs::read(self.path("reply.tsr")).unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stderr)))
    }

    /// A timestamp of now, of this digest of these bytes, asked for and made by `openssl ts`.
    pub fn stamp(&self, bytes: &[u8], digest: &str) -> Vec<u8> {
        let query = {
            let _turn = self.turn();
            fs::write(self.path("data"), bytes).unwrap();
            self.openssl(&format!("ts -query -data data -{digest} -cert -out own.tsq"));
            fs::read(self.path("own.tsq")).unwrap()
        };
        self.reply(&query)
    }

    /// A timestamp of any time (`YYYYMMDDhhmmssZ`), signed by `openssl cms`.
    pub fn stamp_at(&self, bytes: &[u8], time: &str) -> Vec<u8> {
        self.stamp_with(bytes, time, None)
    }

    /// The same, with a nonce.
    pub fn stamp_with(&self, bytes: &[u8], time: &str, nonce: Option<&[u8]>) -> Vec<u8> {
        const SHA256: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01];
        let algorithm = element(0x30, &[&element(0x06, &[SHA256]), &element(0x05, &[])]);
        let imprint = element(0x30, &[&algorithm, &element(0x04, &[Digest::of(bytes).as_bytes()])]);
        let policy = element(0x06, &[&[0x2a, 3, 4, 1]]);
        let nonce = nonce.map(|nonce| element(0x02, &[nonce])).unwrap_or_default();
        let (version, serial) = (element(0x02, &[&[1]]), element(0x02, &[&[7]]));
        let time = element(0x18, &[time.as_bytes()]);
        let info = element(0x30, &[&version, &policy, &imprint, &serial, &time, &nonce]);
        let _turn = self.turn();
        fs::write(self.path("info.der"), info).unwrap();
        self.openssl(
            "cms -sign -binary -nodetach -outform DER -econtent_type 1.2.840.113549.1.9.16.1.4 -cades -md sha256 \
             -signer tsa.pem -inkey tsa.key -in info.der -out token.der",
        );
        let token = fs::read(self.path("token.der")).unwrap();
        element(0x30, &[&element(0x30, &[&element(0x02, &[&[0]])]), &token])
    }

    /// Whether openssl takes an answer for a timestamp of these bytes that leads to the authority.
    pub fn openssl_verifies(&self, response: &[u8], bytes: &[u8]) -> bool {
        let _turn = self.turn();
        fs::write(self.path("judged.tsr"), response).unwrap();
        fs::write(self.path("judged"), bytes).unwrap();
        let output = self.command("ts -verify -in judged.tsr -data judged -CAfile ca.pem").output().unwrap();
        output.status.success()
    }
}

/// An element of DER.
pub fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let length = u16::try_from(content.len()).unwrap().to_be_bytes();
    let head = match length {
        [0, short @ 0..=0x7f] => vec![tag, short],
        [0, long] => vec![tag, 0x81, long],
        [high, low] => vec![tag, 0x82, high, low],
    };
    [head, content].concat()
}
