//! What `writ trust init` and `writ trust next` share: reading `--key`, `--threshold`, `--log-origin`, `--tsa` and
//! `--witness`, writing an unsigned root.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use writ_trust::ids::SiteId;
use writ_trust::log::note::NoteKey;
use writ_trust::minisign::PublicKey;
use writ_trust::role::Role;
use writ_trust::root::{TimestampAuthority, TrustKey, TrustRoot};
use writ_trust::time::{Span, Time};
use writ_trust::timestamp::Certificate;

use crate::failure::{Failure, Outcome};
use crate::files;
use crate::screen;

/// The longest public key file, in bytes.
const MAX_PUBLIC_KEY: usize = 4096;
/// The largest certificate file, in bytes.
const MAX_CERTIFICATE: usize = 64 * 1024;

/// `FILE:ROLE,ROLE[@SITE,SITE]`
#[derive(Debug, Clone)]
pub struct KeyGrant {
    file: PathBuf,
    roles: Vec<Role>,
    sites: Vec<SiteId>,
}

impl FromStr for KeyGrant {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (file, grant) =
            text.rsplit_once(':').ok_or("expected FILE:ROLE,ROLE, as in ../keys/alice.pub:trust,release")?;
        let (roles, sites) = grant.split_once('@').map_or((grant, None), |(r, s)| (r, Some(s)));
        if file.is_empty() {
            return Err("no public key file before the colon".to_owned());
        }
        let roles = roles.split(',').map(|r| r.parse::<Role>().map_err(|e| e.to_string())).collect::<Result<_, _>>()?;
        let sites = sites.into_iter().flat_map(|s| s.split(','));
        let sites = sites.map(|s| s.parse::<SiteId>().map_err(|e| e.to_string())).collect::<Result<_, _>>()?;
        Ok(Self { file: file.into(), roles, sites })
    }
}

impl KeyGrant {
    /// The entry of this key in a root, named after its file.
    pub fn entry(&self, valid_from: Time, validity: &Span) -> Outcome<TrustKey> {
        let public_key = read_public_key(&self.file)?;
        let name = self.file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Ok(TrustKey {
            public_key,
            name,
            roles: self.roles.clone(),
            sites: self.sites.clone(),
            valid_from,
            valid_until: valid_from.plus(validity),
            revoked_at: None,
        })
    }
}

/// `ROLE=NUMBER`
#[derive(Debug, Clone, Copy)]
pub struct Threshold {
    /// Which role.
    pub role: Role,
    /// How many different keys it takes.
    pub needed: u32,
}

impl FromStr for Threshold {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (role, needed) = text.split_once('=').ok_or("expected ROLE=NUMBER, as in release=2")?;
        let role = role.parse::<Role>().map_err(|e| e.to_string())?;
        let needed = needed.parse().map_err(|_| format!("{needed:?} is not a number of keys"))?;
        Ok(Self { role, needed })
    }
}

/// `SITE=ORIGIN`
#[derive(Debug, Clone)]
pub struct LogOrigin {
    site: SiteId,
    origin: String,
}

impl FromStr for LogOrigin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (site, origin) =
            text.split_once('=').ok_or("expected SITE=ORIGIN, as in clinic-001=log.example/clinic-001")?;
        let site = site.parse::<SiteId>().map_err(|e| e.to_string())?;
        if origin.is_empty() {
            return Err("no origin after the equals sign".to_owned());
        }
        Ok(Self { site, origin: origin.to_owned() })
    }
}

impl LogOrigin {
    /// Appends this log to those of its site.
    pub fn append(&self, origins: &mut BTreeMap<SiteId, Vec<String>>) {
        origins.entry(self.site.clone()).or_default().push(self.origin.clone());
    }
}

/// `NAME=FILE`: a timestamp authority and its certificate.
#[derive(Debug, Clone)]
pub struct Authority {
    name: String,
    file: PathBuf,
}

impl FromStr for Authority {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, file) = text.split_once('=').ok_or("expected NAME=FILE, as in digicert=tsa.pem")?;
        if name.is_empty() || file.is_empty() {
            return Err("expected a name before the equals sign and a certificate file after it".to_owned());
        }
        Ok(Self { name: name.to_owned(), file: file.into() })
    }
}

impl Authority {
    /// The entry of this authority in a root. Its certificate must be one that can vouch for timestamps at this time.
    pub fn entry(&self, now: Time) -> Outcome<TimestampAuthority> {
        let unfit = |why: String| {
            Failure::refused("this is not a usable certificate of a timestamp authority")
                .at(self.file.display())
                .because(why)
                .next("give one certificate in PEM or DER: of the authority that signs those that make timestamps, or of one that makes them")
        };
        let bytes = files::read(&self.file, MAX_CERTIFICATE, "the certificate")?;
        let der = der_of(&bytes).map_err(&unfit)?;
        let certificate = Certificate::parse(&der).map_err(|e| unfit(e.to_string()))?;
        if !certificate.is_authority && !certificate.is_for_timestamps {
            return Err(unfit("it may neither sign other certificates nor timestamps".to_owned()));
        }
        if !certificate.is_valid_at(now) {
            return Err(unfit(format!(
                "it is valid from {} until {}, and now it is {now}",
                certificate.not_before, certificate.not_after
            )));
        }
        Ok(TimestampAuthority { name: self.name.clone(), certificate: STANDARD.encode(&der) })
    }
}

/// The one certificate in a file, PEM or DER.
fn der_of(bytes: &[u8]) -> Result<Vec<u8>, String> {
    if bytes.first() == Some(&0x30) {
        return Ok(bytes.to_vec());
    }
    let (begin, end) = ("-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----");
    let text = std::str::from_utf8(bytes).map_err(|_| "it is neither PEM nor DER".to_owned())?;
    let mut bodies = text.split(begin).skip(1);
    let (Some(body), None) = (bodies.next(), bodies.next()) else {
        return Err("it is not exactly one certificate".to_owned());
    };
    let (body, _) = body.split_once(end).ok_or("its certificate has no end")?;
    let packed: String = body.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    STANDARD.decode(packed).map_err(|e| format!("its certificate is not base64: {e}"))
}

/// `NAME=FILE`, or a verifier key: a witness.
#[derive(Debug, Clone)]
pub enum Witness {
    /// The name by which it cosigns, and its public key file.
    File(String, PathBuf),
    /// Its verifier key (C2SP signed-note): `name+id+base64`.
    Key(String),
}

impl FromStr for Witness {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if NoteKey::parse_verifier_key(text).is_some() {
            return Ok(Self::Key(text.to_owned()));
        }
        match text.split_once('=') {
            Some((name, file)) if !name.is_empty() && !file.is_empty() && !name.contains('+') => {
                Ok(Self::File(name.to_owned(), file.into()))
            }
            _ => Err("expected NAME=FILE, as in witness.example.org=witness.pub, or its verifier key, name+id+base64"
                .to_owned()),
        }
    }
}

impl Witness {
    /// The verifier key, as a root lists it.
    pub fn entry(&self) -> Outcome<String> {
        match self {
            Self::File(name, file) => Ok(NoteKey::new(name, &read_public_key(file)?).cosigner_key()),
            Self::Key(key) => Ok(key.clone()),
        }
    }
}

/// The sites whose log no key of a root may sign, now or between the end of one key and the beginning of the next: nothing would
/// be accepted there.
pub fn warn_of_mute_logs(root: &TrustRoot, now: Time) {
    for site in root.log_origins.keys() {
        for (end, begin) in mute_between(root, site, now) {
            screen::warning(&format!(
                "no key may sign the log of {site} from {end} until {begin}: its appliances would accept nothing new in between"
            ));
        }
        if !root.keys.iter().any(|key| key.counts_now(Role::Log, Some(site), now).is_ok()) {
            screen::warning(&format!(
                "{site} has a log and no key that may sign it: its appliances would accept nothing; --key FILE:log@{site}"
            ));
        }
    }
}

/// The times ahead in which no key may sign a site's log, though one could before and one can afterwards.
fn mute_between(root: &TrustRoot, site: &SiteId, now: Time) -> Vec<(Time, Time)> {
    let unrevoked =
        root.keys.iter().filter(|key| key.serves(Role::Log, Some(site)).is_ok() && key.revoked_at.is_none());
    let keys: Vec<&TrustKey> = unrevoked.collect();
    let ends: BTreeSet<Time> = keys.iter().map(|key| key.valid_until).filter(|end| *end > now).collect();
    let mute = ends.into_iter().filter(|end| keys.iter().all(|key| key.within_validity(*end).is_err()));
    let next = |end: Time| keys.iter().map(|key| key.valid_from).filter(|begin| *begin > end).min();
    mute.filter_map(|end| Some((end, next(end)?))).collect()
}

/// Reads a public key file.
pub fn read_public_key(file: &Path) -> Outcome<PublicKey> {
    let text = files::read_text(file, MAX_PUBLIC_KEY, "the public key file")?;
    PublicKey::parse(&text).map_err(|e| {
        Failure::refused("this is not a usable public key file")
            .at(file.display())
            .because(e)
            .next("give the NAME.pub that `writ keys new` wrote")
    })
}

/// Checks a new root by the rules that readers apply, and writes it.
pub fn write(root: &TrustRoot, out: &Path) -> Outcome<()> {
    write_quietly(root, out)?;
    screen::line(&format!("wrote {} (version {}, epoch {}, not signed yet)", out.display(), root.version, root.epoch));
    Ok(())
}

/// As [`write`], and says nothing.
pub fn write_quietly(root: &TrustRoot, out: &Path) -> Outcome<()> {
    let bytes = root.canonical();
    TrustRoot::parse(&bytes).map_err(|e| {
        Failure::refused("nobody would accept this trust root")
            .because(e)
            .next("change the options; nothing was written")
    })?;
    let expected = format!("{}.json", root.version);
    if files::name_of(out) != expected {
        return Err(Failure::refused("a trust root is kept under its version")
            .at(out.display())
            .because(format!("version {} belongs in a file named {expected}", root.version))
            .next(format!("--out {}", out.with_file_name(expected).display())));
    }
    files::make_directory(files::parent_of(out))?;
    if !files::create(out, &bytes, 0o644, "the trust root")? {
        return Err(Failure::refused("a trust root of this version exists, and roots are never overwritten")
            .at(out.display())
            .next("make the next version with `writ trust next`; nothing was written"));
    }
    Ok(())
}
