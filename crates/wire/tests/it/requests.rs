//! Signed requests: whoever alters anything of one is refused.

use proptest::collection::vec;
use proptest::prelude::*;
use writ_trust::digest::Digest;
use writ_trust::minisign::{PublicKey, SecretKey};
use writ_trust::time::Time;
use writ_wire::http::parameters::{Parameters, ParametersError};
use writ_wire::http::sign::{SignedHeaders, sign};
use writ_wire::http::verify::{BodyError, Headers, Verified, VerifyError, verify};
use writ_wire::http::{Request, WINDOW_MILLIS};

const SUBMIT: Request<'static> = Request { method: "POST", path: "/api/evidence/sites/clinic-001/submit", query: None };
const SYNC: Request<'static> = Request { method: "GET", path: "/agent/sync", query: Some("trust=1&log=0") };

fn key(n: u8) -> SecretKey {
    SecretKey::generate(&[n; 40])
}

fn now() -> Time {
    "2026-11-23T12:00:00Z".parse().unwrap()
}

fn judge(request: &Request<'_>, headers: &SignedHeaders, at: Time) -> Result<Verified, VerifyError> {
    judge_under(&key(1).public_key(), request, headers, at)
}

fn judge_under(
    key: &PublicKey,
    request: &Request<'_>,
    headers: &SignedHeaders,
    at: Time,
) -> Result<Verified, VerifyError> {
    let headers = Headers {
        signature_input: Some(&headers.signature_input),
        signature: Some(&headers.signature),
        content_digest: headers.content_digest.as_deref(),
    };
    verify(request, &headers, |_| Some(key.clone()), at)
}

fn with_body() -> SignedHeaders {
    sign(&SUBMIT, Some(&Digest::of(b"body")), &key(1), now(), [7; 16])
}

fn without_body() -> SignedHeaders {
    sign(&SYNC, None, &key(1), now(), [7; 16])
}

#[test]
fn a_signed_request_says_who_when_and_with_what_body() {
    let verified = judge(&SUBMIT, &with_body(), now().plus_millis(1_000)).unwrap();
    assert_eq!((verified.key.clone(), verified.created, verified.nonce), (key(1).public_key(), now(), [7; 16]));
    assert_eq!(verified.check_body(Some(Digest::of(b"body"))), Ok(()));
    assert!(matches!(verified.check_body(Some(Digest::of(b"other"))), Err(BodyError::Altered { .. })));
    assert!(matches!(verified.check_body(None), Err(BodyError::Altered { .. })));
    let verified = judge(&SYNC, &without_body(), now()).unwrap();
    assert_eq!(verified.check_body(None), Ok(()));
    assert_eq!(verified.check_body(Some(Digest::of(b"smuggled"))), Err(BodyError::NotCovered));
}

#[test]
fn the_headers_are_as_documented() {
    assert_eq!(
        without_body().signature_input,
        format!(
            "writ=(\"@method\" \"@path\" \"@query\");created=1795435200;nonce=\"BwcHBwcHBwcHBwcHBwcHBw==\";keyid=\"{}\";\
             alg=\"ed25519\";tag=\"writ-v1\"",
            key(1).public_key().fingerprint()
        )
    );
    let headers = with_body();
    assert!(headers.signature_input.starts_with("writ=(\"@method\" \"@path\" \"@query\" \"content-digest\");created="));
    assert_eq!(headers.pairs().count(), 3);
    assert_eq!(without_body().pairs().count(), 2);
}

#[test]
fn another_request_under_the_same_headers_is_refused() {
    let headers = without_body();
    for other in [
        Request { method: "POST", ..SYNC },
        Request { method: "get", ..SYNC },
        Request { path: "/agent/checkin", ..SYNC },
        Request { path: "/agent/sync/", ..SYNC },
        Request { path: "/agent/%73ync", ..SYNC },
        Request { query: None, ..SYNC },
        Request { query: Some(""), ..SYNC },
        Request { query: Some("trust=1&log=1"), ..SYNC },
        Request { query: Some("log=0&trust=1"), ..SYNC },
    ] {
        assert_eq!(judge(&other, &headers, now()), Err(VerifyError::Forged), "{other:?}");
    }
    let broken = Request { path: "/agent/sync\n\"@query\": ?trust=1", ..SYNC };
    assert_eq!(judge(&broken, &headers, now()), Err(VerifyError::RequestLine));
    let unknown = VerifyError::UnknownKey(key(1).public_key().fingerprint());
    assert_eq!(
        judge_under(&key(2).public_key(), &SYNC, &headers, now()),
        Err(unknown),
        "what a lookup returns is checked"
    );
}

#[test]
fn the_window_has_two_ends() {
    let at = |millis: i64| judge(&SYNC, &without_body(), now().plus_millis(millis));
    assert!(at(WINDOW_MILLIS).is_ok() && at(-WINDOW_MILLIS).is_ok());
    for outside in [WINDOW_MILLIS + 1, -WINDOW_MILLIS - 1] {
        assert!(matches!(at(outside), Err(VerifyError::Window { .. })));
    }
}

/// Nobody's signature is needed to have a time judged: the error is written into the depot's log.
#[test]
fn no_time_makes_an_error_that_cannot_be_written() {
    for created in ["0", "253402207200", "253402207201", "253402300799", "999999999999"] {
        let good = without_body();
        let signature_input = good.signature_input.replace("=1795435200", &format!("={created}"));
        let error = judge(&SYNC, &SignedHeaders { signature_input, ..good }, now()).unwrap_err();
        assert!(!error.to_string().is_empty(), "{created}");
    }
}

#[test]
fn what_is_missing_is_named() {
    let full = with_body();
    let headers = Headers {
        signature_input: Some(&full.signature_input),
        signature: Some(&full.signature),
        content_digest: full.content_digest.as_deref(),
    };
    for (missing, name) in [
        (Headers { signature_input: None, ..headers }, "signature-input"),
        (Headers { signature: None, ..headers }, "signature"),
        (Headers { content_digest: None, ..headers }, "content-digest"),
    ] {
        let error = verify(&SUBMIT, &missing, |_| Some(key(1).public_key()), now()).unwrap_err();
        assert_eq!(error, VerifyError::Missing(name));
    }
    let error = verify(&SUBMIT, &headers, |_| None, now()).unwrap_err();
    assert_eq!(error, VerifyError::UnknownKey(key(1).public_key().fingerprint()));
}

#[test]
fn an_input_out_of_the_profile_is_refused_by_name() {
    use ParametersError as E;
    let good = without_body().signature_input;
    let with = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        good.replace(from, to)
    };
    let refused = |text: &str| Parameters::parse(text).unwrap_err();
    let value = |text: &str, parameter: &str| {
        assert!(matches!(refused(text), E::Value { name, .. } if name == parameter), "{text}: {:?}", refused(text));
    };
    assert!(Parameters::parse(&good).is_ok());
    assert_eq!(refused(&format!("{good}{}", "x".repeat(1024))), E::TooLong(good.len() + 1024));
    for text in [&with("writ=", "sig1="), &with("writ=", "writ ="), &format!("sig1=(), {good}"), &format!(" {good}")] {
        assert_eq!(refused(text), E::Label, "{text}");
    }
    for text in [
        with("(\"@method\" ", "(\"@method\" \"@method\" "),
        with("(\"@method\" ", "(\"@method\"  "),
        with("(\"@method\" ", "(\"@method\" \"@authority\" "),
        with("\"@query\")", "\"@query\";req)"),
        with("(\"@method\" \"@path\" \"@query\")", "()"),
        with("(\"@method\" \"@path\" \"@query\")", "\"@method\""),
    ] {
        assert_eq!(refused(&text), E::Components, "{text}");
    }
    assert_eq!(refused(&with("\"@method\" ", "")), E::NotCovered("@method"));
    assert_eq!(refused(&with("\"@path\" ", "")), E::NotCovered("@path"));
    assert_eq!(refused(&with(" \"@query\"", "")), E::NotCovered("@query"));
    assert_eq!(refused(&with(";created=1795435200", "")), E::Missing("created"));
    assert_eq!(refused(&with(";alg=\"ed25519\"", "")), E::Missing("alg"));
    assert_eq!(refused(&format!("{good};tag=\"writ-v1\"")), E::Repeated("tag"));
    assert_eq!(refused(&format!("{good};expires=1")), E::Unknown);
    assert_eq!(refused(&format!("{good};expires")), E::Form);
    assert_eq!(refused(&format!("{good}, sig2=()")), E::Value { name: "tag", expected: "\"writ-v1\"" });
    value(&with("ed25519", "hmac-sha256"), "alg");
    value(&with("\"writ-v1\"", "\"writ-v2\""), "tag");
    value(&with("\"writ-v1\"", "writ-v1"), "tag");
    for created in ["-1", "1.5", "\"1\"", "", "01", "+1", "1234567890123", "0x1", "253402207201", "999999999999"] {
        let text = with("=1795435200", &format!("={created}"));
        value(&text, "created");
        assert!(refused(&text).to_string().contains("created is not a whole number"), "{created}");
    }
    for nonce in ["", "BwcHBwcHBwcHBwcHBwcHBw", "AAAA", "BwcHBwcHBwcHBwcHBwcHBx==", "\\\""] {
        value(&with("BwcHBwcHBwcHBwcHBwcHBw==", nonce), "nonce");
    }
    value(&with("keyid=\"", "keyid=\"A"), "keyid");
    value(&good.replace(&key(1).public_key().fingerprint(), &"A".repeat(64)), "keyid");
}

#[test]
fn a_signature_header_out_of_the_profile_is_refused() {
    let good = without_body();
    for bad in [
        "",
        "writ=::",
        "writ=:AAAA:",
        &good.signature.replace("writ", "sig1"),
        &format!("{}, sig1=:AAAA:", good.signature),
        &good.signature[..good.signature.len() - 1],
        &good.signature.replace("=:", "=\""),
    ] {
        let headers = SignedHeaders { signature: bad.to_owned(), ..good.clone() };
        assert_eq!(judge(&SYNC, &headers, now()), Err(VerifyError::Signature), "{bad}");
    }
    let mut digest = with_body();
    digest.content_digest = Some("sha-512=:AAAA:".into());
    assert_eq!(judge(&SUBMIT, &digest, now()), Err(VerifyError::ContentDigest));
}

/// Parameters in another order are another signer's way of writing: they verify when that is what was signed.
#[test]
fn the_order_of_components_and_parameters_is_the_signer_s() {
    let id = key(1).public_key().fingerprint();
    let text = format!(
        "(\"@query\" \"@path\" \"@method\");tag=\"writ-v1\";alg=\"ed25519\";keyid=\"{id}\";nonce=\"AAAAAAAAAAAAAAAAAAAAAA==\"\
         ;created=1795435200"
    );
    let base =
        format!("\"@query\": ?trust=1&log=0\n\"@path\": /agent/sync\n\"@method\": GET\n\"@signature-params\": {text}");
    let signature = writ_wire::Blob(key(1).sign_message(base.as_bytes()).to_vec()).encode();
    let headers = SignedHeaders {
        signature_input: format!("writ={text}"),
        signature: format!("writ=:{signature}:"),
        content_digest: None,
    };
    judge(&SYNC, &headers, now()).unwrap().check_body(None).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn what_is_signed_verifies_and_nothing_else_does(
        method in "[A-Z]{3,6}", path in "/[a-z0-9/._-]{0,40}", query in proptest::option::of("[a-z0-9=&]{0,30}"),
        body in proptest::option::of(vec(any::<u8>(), 0..100)), nonce in any::<[u8; 16]>(),
        seconds in 0i64..4_000_000_000, at in any::<usize>(), bit in 0u8..7, part in 0usize..6,
    ) {
        let request = Request { method: &method, path: &path, query: query.as_deref() };
        let (time, digest) = (Time::from_unix_millis(seconds * 1000), body.as_deref().map(Digest::of));
        let headers = sign(&request, digest.as_ref(), &key(1), time, nonce);
        let verified = judge(&request, &headers, time).unwrap();
        prop_assert_eq!((verified.created, verified.nonce, verified.body), (time, nonce, digest));
        prop_assert_eq!(verified.check_body(digest), Ok(()));

        let flip = |text: &str| {
            let mut bytes = text.as_bytes().to_vec();
            if bytes.is_empty() {
                return "x".to_owned();
            }
            let at = at % bytes.len();
            bytes[at] ^= 1 << bit;
            String::from_utf8(bytes).unwrap()
        };
        let mut altered = headers.clone();
        let (mut a, mut b, mut c) = (method.clone(), path.clone(), query.clone());
        match part {
            0 => a = flip(&method),
            1 => b = flip(&path),
            2 => c = Some(flip(query.as_deref().unwrap_or_default())),
            3 => altered.signature_input = flip(&headers.signature_input),
            4 => altered.signature = flip(&headers.signature),
            _ => altered.content_digest = Some(flip(headers.content_digest.as_deref().unwrap_or("sha-256=::"))),
        }
        let other = Request { method: &a, path: &b, query: c.as_deref() };
        match judge(&other, &altered, time) {
            Err(_) => {}
            // A digest that the signature does not cover is not looked at; a body would be refused.
            Ok(verified) => prop_assert!(part == 5 && verified.body.is_none() && digest.is_none()),
        }
    }

    #[test]
    fn no_header_makes_the_verifier_panic(input in ".{0,300}", signature in ".{0,200}", digest in ".{0,80}") {
        let headers = |input: String, signature: String| {
            SignedHeaders { signature_input: input, signature, content_digest: Some(digest.clone()) }
        };
        let _ = judge(&SYNC, &headers(input.clone(), signature.clone()), now());
        let _ = judge(&SYNC, &headers(format!("writ={input}"), with_body().signature), now());
        let _ = judge(&SYNC, &headers(with_body().signature_input, format!("writ=:{signature}:")), now());
        let _ = writ_wire::courier::from_header(&signature);
    }
}
