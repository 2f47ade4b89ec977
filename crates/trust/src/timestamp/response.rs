//! Reading what an authority answers: a `TimeStampResp` (RFC 3161 §2.4.2) around a signed token (CMS, RFC 5652).
//!
//! The sets in it are taken as they come: authorities that put more than one certificate in do not sort them, as DER would.

use super::certificate::generalized;
use super::der::{BOOLEAN, Element, INTEGER, OCTETS, OID, Reader, SEQUENCE, SET, UTF8, around, primitive};
use super::error::TimestampError;
use super::hash::Hash;
use super::{MAX_RESPONSE, der};
use crate::time::Time;

/// id-signedData, 1.2.840.113549.1.7.2
const SIGNED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02];
/// id-ct-TSTInfo, 1.2.840.113549.1.9.16.1.4
pub(super) const TST_INFO: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x01, 0x04];
/// id-contentType, 1.2.840.113549.1.9.3
const CONTENT_TYPE: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x03];
/// id-messageDigest, 1.2.840.113549.1.9.4
const MESSAGE_DIGEST: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x04];
/// id-aa-signingCertificate, 1.2.840.113549.1.9.16.2.12
const SIGNING_CERTIFICATE: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x02, 0x0c];
/// id-aa-signingCertificateV2, 1.2.840.113549.1.9.16.2.47
const SIGNING_CERTIFICATE_V2: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x02, 0x2f];
/// The most certificates, and the most signed attributes, that are looked at.
const MOST: usize = 16;

type Result<T> = std::result::Result<T, TimestampError>;

/// A token that can be read; [`Token::verify`] says what it is worth.
#[derive(Debug, Clone)]
pub struct Token<'a> {
    /// The bytes that the signature is over in the end.
    pub(super) info: &'a [u8],
    pub(super) imprint: (Hash, &'a [u8]),
    pub(super) time: Time,
    pub(super) accuracy_millis: i64,
    pub(super) nonce: Option<&'a [u8]>,
    pub(super) certificates: Vec<&'a [u8]>,
    pub(super) signer: Signer<'a>,
}

/// Who signed, and what.
#[derive(Debug, Clone)]
pub(super) struct Signer<'a> {
    pub id: SignerId<'a>,
    pub hash: Hash,
    /// The object identifier of the signature's algorithm.
    pub algorithm: &'a [u8],
    /// The attributes, as a set of their own: what the signature is over.
    pub attributes: Vec<u8>,
    pub message_digest: &'a [u8],
    pub certificate: CertificateHash<'a>,
    pub signature: &'a [u8],
}

/// By what the signer's certificate is known.
#[derive(Debug, Clone, Copy)]
pub(super) enum SignerId<'a> {
    /// What is in its issuer's name, and its serial number.
    IssuerAndSerial(&'a [u8], &'a [u8]),
    /// Its key's identifier.
    KeyId(&'a [u8]),
}

/// The hash of the signer's certificate, which is signed too (RFC 3161 §2.4.2, RFC 5816).
#[derive(Debug, Clone, Copy)]
pub(super) enum CertificateHash<'a> {
    /// Of the first version. It names a certificate, and no more rests on it: the signature and the path are judged besides.
    Sha1(&'a [u8]),
    Of(Hash, &'a [u8]),
}

fn malformed<T>(why: &'static str) -> Result<T> {
    Err(TimestampError::Malformed(why))
}

impl<'a> Token<'a> {
    /// Reads an authority's whole answer, DER. An answer that grants nothing is [`TimestampError::Refused`].
    pub fn parse(response: &'a [u8]) -> Result<Self> {
        if response.len() > MAX_RESPONSE {
            return Err(TimestampError::TooLarge(response.len()));
        }
        let mut parts = Reader::only(response, SEQUENCE)?.inner();
        granted(&parts.expect(SEQUENCE)?)?;
        let content = parts.expect(SEQUENCE)?;
        parts.end()?;
        let mut content = content.inner();
        if content.expect(OID)?.content != SIGNED_DATA {
            return malformed("its token is not signed data");
        }
        let signed = Reader::only(content.expect(around(0))?.content, SEQUENCE)?;
        content.end()?;
        Self::signed_data(&signed)
    }

    fn signed_data(signed: &Element<'a>) -> Result<Self> {
        let mut parts = signed.inner();
        parts.expect(INTEGER)?.small()?;
        parts.expect(SET)?;
        let mut content = parts.expect(SEQUENCE)?.inner();
        if content.expect(OID)?.content != TST_INFO {
            return malformed("what is signed is not a timestamp");
        }
        let info = Reader::only(content.expect(around(0))?.content, OCTETS)?.content;
        content.end()?;
        let mut certificates = Vec::new();
        if let Some(all) = parts.optional(around(0))? {
            let mut all = all.inner();
            while !all.is_empty() {
                if certificates.len() == MOST {
                    return malformed("more certificates than anybody could need");
                }
                // Attribute certificates and the like have other tags, and vouch for nobody here.
                let one = all.next()?;
                if one.tag == SEQUENCE {
                    certificates.push(one.whole);
                }
            }
        }
        parts.optional(around(1))?;
        let signers = parts.expect(SET)?;
        parts.end()?;
        let signer = Signer::parse(&Reader::only(signers.content, SEQUENCE)?)?;
        let mut token = Self {
            info,
            imprint: (Hash::Sha256, &[]),
            time: Time::from_unix_millis(0),
            accuracy_millis: 0,
            nonce: None,
            certificates,
            signer,
        };
        token.read_info(&Reader::only(info, SEQUENCE)?)?;
        Ok(token)
    }

    /// `TSTInfo`, RFC 3161 §2.4.2.
    fn read_info(&mut self, info: &Element<'a>) -> Result<()> {
        let mut parts = info.inner();
        if parts.expect(INTEGER)?.small()? != 1 {
            return malformed("a timestamp of another version than 1");
        }
        parts.expect(OID)?;
        let mut imprint = parts.expect(SEQUENCE)?.inner();
        let hash = Hash::read(&imprint.expect(SEQUENCE)?, "what was stamped")?;
        self.imprint = (hash, imprint.expect(OCTETS)?.content);
        imprint.end()?;
        parts.expect(INTEGER)?;
        self.time = generalized(parts.expect(der::GENERALIZED_TIME)?.content)?;
        if let Some(accuracy) = parts.optional(SEQUENCE)? {
            self.accuracy_millis = millis(&accuracy)?;
        }
        parts.optional(BOOLEAN)?;
        self.nonce = parts.optional(INTEGER)?.map(|nonce| nonce.unsigned()).transpose()?;
        parts.optional(around(0))?;
        if let Some(extensions) = parts.optional(around(1))? {
            let mut extensions = extensions.inner();
            while !extensions.is_empty() {
                let mut extension = extensions.expect(SEQUENCE)?.inner();
                extension.expect(OID)?;
                if extension.optional(BOOLEAN)?.map(|critical| critical.boolean()).transpose()? == Some(true) {
                    return malformed("a critical extension that is not known here");
                }
            }
        }
        parts.end()
    }

    /// The time in it: a claim until [`Token::verify`] says who made it.
    pub fn time(&self) -> Time {
        self.time
    }
}

/// Whether a `PKIStatusInfo` grants the request, also with modifications.
fn granted(info: &Element) -> Result<()> {
    let mut parts = info.inner();
    let status = parts.expect(INTEGER)?.small()?;
    if status <= 1 {
        return Ok(());
    }
    let said = parts.optional(SEQUENCE)?.and_then(|texts| texts.inner().optional(UTF8).ok().flatten());
    let text = said.map_or_else(|| "it does not say why".to_owned(), |text| lossy(text.content));
    Err(TimestampError::Refused { status, text })
}

fn lossy(text: &[u8]) -> String {
    String::from_utf8_lossy(&text[..text.len().min(200)]).into_owned()
}

/// An `Accuracy`, rounded up to milliseconds.
fn millis(accuracy: &Element) -> Result<i64> {
    let mut parts = accuracy.inner();
    let mut part = |tag| parts.optional(tag)?.map_or(Ok(0), |part| part.small());
    let (seconds, millis, micros) = (part(INTEGER)?, part(primitive(0))?, part(primitive(1))?);
    parts.end()?;
    if seconds > 86_400 || millis > 999 || micros > 999 {
        return malformed("an accuracy that says nothing");
    }
    Ok(i64::try_from(seconds * 1000 + millis + micros.div_ceil(1000)).unwrap_or(i64::MAX))
}

impl<'a> Signer<'a> {
    fn parse(info: &Element<'a>) -> Result<Self> {
        let mut parts = info.inner();
        parts.expect(INTEGER)?.small()?;
        let id = match parts.optional(primitive(0))? {
            Some(key_id) => SignerId::KeyId(key_id.content),
            None => {
                let mut both = parts.expect(SEQUENCE)?.inner();
                let id = SignerId::IssuerAndSerial(both.expect(SEQUENCE)?.content, both.expect(INTEGER)?.content);
                both.end()?;
                id
            }
        };
        let hash = Hash::read(&parts.expect(SEQUENCE)?, "its signature")?;
        let attributes = parts.expect(around(0))?;
        let mut algorithm = parts.expect(SEQUENCE)?.inner();
        let algorithm = algorithm.expect(OID)?.content;
        let signature = parts.expect(OCTETS)?.content;
        parts.optional(around(1))?;
        parts.end()?;
        let Attributes { message_digest, certificate } = Attributes::parse(&attributes)?;
        // "A separate encoding of the signedAttrs field is performed for message digest calculation" (RFC 5652 §5.4).
        let mut set = attributes.whole.to_vec();
        set[0] = SET;
        Ok(Self { id, hash, algorithm, attributes: set, message_digest, certificate, signature })
    }
}

struct Attributes<'a> {
    message_digest: &'a [u8],
    certificate: CertificateHash<'a>,
}

impl<'a> Attributes<'a> {
    fn parse(all: &Element<'a>) -> Result<Self> {
        let (mut content_type, mut digest, mut first, mut second) = (None, None, None, None);
        let (mut rest, mut count) = (all.inner(), 0);
        while !rest.is_empty() {
            let mut attribute = rest.expect(SEQUENCE)?.inner();
            let (kind, values) = (attribute.expect(OID)?.content, attribute.expect(SET)?);
            attribute.end()?;
            count += 1;
            let place = match kind {
                CONTENT_TYPE => &mut content_type,
                MESSAGE_DIGEST => &mut digest,
                SIGNING_CERTIFICATE => &mut first,
                SIGNING_CERTIFICATE_V2 => &mut second,
                _ => continue,
            };
            let mut values = values.inner();
            let value = values.next()?;
            values.end()?;
            if place.replace(value).is_some() || count > MOST {
                return malformed("a signed attribute twice, or too many of them");
            }
        }
        match content_type {
            Some(Element { tag: OID, content: TST_INFO, .. }) => {}
            _ => return malformed("its signature is not over a timestamp"),
        }
        let Some(Element { tag: OCTETS, content: message_digest, .. }) = digest else {
            return malformed("its signature is over no message");
        };
        let certificate = match (second, first) {
            (Some(second), _) => second_version(&second)?,
            (None, Some(first)) => first_version(&first)?,
            (None, None) => return malformed("it does not say by which certificate it is signed"),
        };
        Ok(Self { message_digest, certificate })
    }
}

/// The first of a `SigningCertificate`'s, which is the signer's.
fn first_version<'a>(value: &Element<'a>) -> Result<CertificateHash<'a>> {
    let mut one = value.inner().expect(SEQUENCE)?.inner().expect(SEQUENCE)?.inner();
    Ok(CertificateHash::Sha1(one.expect(OCTETS)?.content))
}

/// The first of a `SigningCertificateV2`'s, which is the signer's.
fn second_version<'a>(value: &Element<'a>) -> Result<CertificateHash<'a>> {
    let mut one = value.inner().expect(SEQUENCE)?.inner().expect(SEQUENCE)?.inner();
    let hash = one.optional(SEQUENCE)?.map(|named| Hash::read(&named, "its certificate")).transpose()?;
    Ok(CertificateHash::Of(hash.unwrap_or(Hash::Sha256), one.expect(OCTETS)?.content))
}
