//! What a token is worth: over these bytes, by a certificate for timestamps, to which an authority of the trust root leads.

use std::time::Duration;

use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm, UnixTime};
use sha1::{Digest as _, Sha1};
use webpki::ring::{
    ECDSA_P256_SHA256, ECDSA_P256_SHA384, ECDSA_P384_SHA256, ECDSA_P384_SHA384, ED25519, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512,
};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};

use super::certificate::{Certificate, TIMESTAMPING};
use super::error::TimestampError;
use super::hash::Hash;
use super::name::{AuthorityId, TimestampName};
use super::response::{CertificateHash, SignerId, Token};
use crate::root::TimestampAuthority;
use crate::time::Time;

/// rsaEncryption, 1.2.840.113549.1.1.1, and sha256WithRSAEncryption to sha512WithRSAEncryption.
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const RSA_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b];
const RSA_SHA384: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0c];
const RSA_SHA512: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0d];
/// ecdsa-with-SHA256 and -SHA384, 1.2.840.10045.4.3.2 and .3.
const ECDSA_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
const ECDSA_SHA384: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x03];
/// id-Ed25519, 1.3.101.112.
const EDWARDS: &[u8] = &[0x2b, 0x65, 0x70];

type Algorithm = &'static dyn SignatureVerificationAlgorithm;

/// What certificates may be signed with.
fn all() -> [Algorithm; 8] {
    [
        ECDSA_P256_SHA256,
        ECDSA_P256_SHA384,
        ECDSA_P384_SHA256,
        ECDSA_P384_SHA384,
        ED25519,
        RSA_PKCS1_2048_8192_SHA256,
        RSA_PKCS1_2048_8192_SHA384,
        RSA_PKCS1_2048_8192_SHA512,
    ]
}

/// A token that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamped {
    /// The time in it.
    pub at: Time,
    /// By when the bytes existed: the time in it and how far it may be off, as the authority says.
    pub by: Time,
    /// What the trust root calls the authority.
    pub authority: String,
    /// The name under which it is stored.
    pub name: TimestampName,
    /// The number of the request that it answers, from its highest byte.
    pub nonce: Option<Vec<u8>>,
}

impl Token<'_> {
    /// Judges it: whether one of these authorities stamped exactly these bytes.
    pub fn verify(&self, covered: &[u8], authorities: &[TimestampAuthority]) -> Result<Stamped, TimestampError> {
        let (hash, imprint) = self.imprint;
        if hash.of(covered) != imprint {
            return Err(TimestampError::Imprint);
        }
        if self.signer.hash.of(self.info) != self.signer.message_digest {
            return Err(TimestampError::Signature("it is over another timestamp"));
        }
        let listed: Vec<(&TimestampAuthority, Vec<u8>)> =
            authorities.iter().filter_map(|authority| Some((authority, authority.der()?))).collect();
        let signer = self.signer_certificate(&listed)?;
        if !signer.is_for_timestamps {
            return Err(TimestampError::Purpose);
        }
        self.check_signature(&signer)?;
        let (authority, der) = self.authority(&signer, &listed)?;
        Ok(Stamped {
            at: self.time,
            by: self.time.plus_millis(self.accuracy_millis),
            authority: authority.name.clone(),
            name: TimestampName::new(self.time, AuthorityId::of(der)),
            nonce: self.nonce.map(<[u8]>::to_vec),
        })
    }

    /// The certificate that the signed attributes name, out of the token or of the trust root.
    fn signer_certificate<'s>(
        &'s self,
        listed: &'s [(&TimestampAuthority, Vec<u8>)],
    ) -> Result<Certificate<'s>, TimestampError> {
        let all = self.certificates.iter().copied().chain(listed.iter().map(|(_, der)| der.as_slice()));
        let named = |der: &&[u8]| match self.signer.certificate {
            CertificateHash::Sha1(hash) => Sha1::digest(der).as_slice() == hash,
            CertificateHash::Of(of, hash) => of.of(der) == hash,
        };
        let certificate = Certificate::parse(all.into_iter().find(named).ok_or(TimestampError::NoSigner)?)?;
        let is_signer = match self.signer.id {
            SignerId::IssuerAndSerial(issuer, serial) => (certificate.issuer, certificate.serial) == (issuer, serial),
            SignerId::KeyId(id) => certificate.key_id == Some(id),
        };
        if is_signer { Ok(certificate) } else { Err(TimestampError::NoSigner) }
    }

    fn check_signature(&self, signer: &Certificate) -> Result<(), TimestampError> {
        let der = CertificateDer::from(signer.der);
        let certificate = EndEntityCert::try_from(&der).map_err(|e| TimestampError::Path(format!("{e:?}")))?;
        let fit = algorithms(self.signer.algorithm, self.signer.hash);
        if fit.is_empty() {
            return Err(TimestampError::Signature("it is by an algorithm that is not accepted"));
        }
        let (message, signature) = (self.signer.attributes.as_slice(), self.signer.signature);
        if fit.iter().any(|algorithm| certificate.verify_signature(*algorithm, message, signature).is_ok()) {
            Ok(())
        } else {
            Err(TimestampError::Signature("it is not by the certificate that it names"))
        }
    }

    /// The authority that the certificate leads to, as of the time in the token.
    fn authority<'l>(
        &self,
        signer: &Certificate,
        listed: &'l [(&'l TimestampAuthority, Vec<u8>)],
    ) -> Result<(&'l TimestampAuthority, &'l [u8]), TimestampError> {
        let mut why = TimestampError::UnknownAuthority;
        for (authority, der) in listed {
            match self.leads_to(signer, der) {
                Ok(()) => return Ok((authority, der)),
                Err(TimestampError::UnknownAuthority) => {}
                Err(other) => why = other,
            }
        }
        Err(why)
    }

    fn leads_to(&self, signer: &Certificate, authority: &[u8]) -> Result<(), TimestampError> {
        let listed = Certificate::parse(authority)?;
        let valid = |certificate: &Certificate, whose| {
            let (from, until) = (certificate.not_before, certificate.not_after);
            match certificate.is_valid_at(self.time) {
                true => Ok(()),
                false => Err(TimestampError::Validity { at: self.time, whose, from, until }),
            }
        };
        if signer.der == authority {
            return valid(&listed, "the certificate of the authority");
        }
        // One that may not sign others stands for itself alone.
        if !listed.is_authority {
            return Err(TimestampError::UnknownAuthority);
        }
        let path = |error: webpki::Error| match error {
            // Also of one that has only the name of the authority: it did not sign.
            webpki::Error::UnknownIssuer | webpki::Error::InvalidSignatureForPublicKey => {
                TimestampError::UnknownAuthority
            }
            webpki::Error::CertExpired { .. } | webpki::Error::CertNotValidYet { .. } => {
                let whose = "a certificate on the way to the authority";
                valid(signer, "the certificate that signed it").err().unwrap_or(TimestampError::Validity {
                    at: self.time,
                    whose,
                    from: signer.not_before,
                    until: signer.not_after,
                })
            }
            other => TimestampError::Path(format!("{other:?}")),
        };
        let anchor_der = CertificateDer::from(authority);
        let anchors = [anchor_from_trusted_cert(&anchor_der).map_err(path)?];
        let others: Vec<CertificateDer> = self.certificates.iter().map(|der| CertificateDer::from(*der)).collect();
        let der = CertificateDer::from(signer.der);
        let certificate = EndEntityCert::try_from(&der).map_err(path)?;
        let seconds = u64::try_from(self.time.unix_millis() / 1000).unwrap_or(0);
        let at = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        let usage = KeyUsage::required_if_present(TIMESTAMPING);
        certificate.verify_for_usage(&all(), &anchors, &others, at, usage, None, None).map_err(path)?;
        valid(&listed, "the certificate of the authority")
    }
}

/// What a signature of this algorithm may be verified with.
fn algorithms(oid: &[u8], hash: Hash) -> Vec<Algorithm> {
    match (oid, hash) {
        (RSA | RSA_SHA256, Hash::Sha256) => vec![RSA_PKCS1_2048_8192_SHA256],
        (RSA | RSA_SHA384, Hash::Sha384) => vec![RSA_PKCS1_2048_8192_SHA384],
        (RSA | RSA_SHA512, Hash::Sha512) => vec![RSA_PKCS1_2048_8192_SHA512],
        (ECDSA_SHA256, Hash::Sha256) => vec![ECDSA_P256_SHA256, ECDSA_P384_SHA256],
        (ECDSA_SHA384, Hash::Sha384) => vec![ECDSA_P256_SHA384, ECDSA_P384_SHA384],
        // RFC 8419 §3: the hash of the attributes is SHA-512.
        (EDWARDS, Hash::Sha512) => vec![ED25519],
        _ => Vec::new(),
    }
}
