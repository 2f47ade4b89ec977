//! Bad public keys, signatures and secret keys: each refused for its own reason, none with a panic.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use writ_trust::minisign::{
    KdfStrength, KeyId, PublicKey, PublicKeyError, SecretKeyError, SecretKeyFile, SignError, Signature, SignatureError,
    StretchError,
};

use crate::world::{RELEASE_A, assert_one_line, public, secret};

fn key_line(edit: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut bytes = STANDARD.decode(public(RELEASE_A).line()).unwrap();
    edit(&mut bytes);
    STANDARD.encode(bytes)
}

fn key_of(point: [u8; 32]) -> String {
    key_line(|b| b[10..].copy_from_slice(&point))
}

/// The little-endian encoding of 2^255 - 19 + `more`, which no canonical point has.
fn beyond_the_field(more: u8) -> [u8; 32] {
    let mut bytes = [0xff; 32];
    bytes[0] = 0xed + more;
    bytes[31] = 0x7f;
    bytes
}

#[test]
fn bad_public_keys() {
    let good = public(RELEASE_A).line();
    let mut identity = [0; 32];
    identity[0] = 1;
    let order_eight = {
        // RFC 8032's curve has this point of order 8 (also in libsodium's blocklist).
        let hex = "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a";
        let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
        std::array::from_fn(|i| byte(2 * i))
    };
    let off_curve = {
        let mut point = [0; 32];
        point[0] = 2;
        point
    };
    let encoding = |text: String| matches!(PublicKey::parse(&text), Err(PublicKeyError::Encoding(_)));
    let lines = |text: String| PublicKey::parse(&text) == Err(PublicKeyError::Lines);
    assert!(encoding(String::new()));
    assert!(encoding("\n".into()));
    assert!(encoding("RW".into()));
    assert!(encoding(format!("{good} ")));
    assert!(encoding(format!(" {good}")));
    assert!(encoding(good.replace('R', "-")));
    assert!(encoding(key_line(|b| b.truncate(41))));
    assert!(encoding(key_line(|b| b.push(0))));
    assert!(encoding(good.replacen("RW", "R\u{e9}", 1)));
    assert!(lines(format!("{good}\n\n")));
    assert!(lines(format!("comment: x\n{good}\n")));
    assert!(lines(format!("untrusted comment: x\r\n{good}\r\n")));
    assert!(lines(format!("untrusted comment: x\n{good}\n{good}\n")));
    assert!(lines(format!("\n{good}\n")));
    assert!(matches!(PublicKey::parse(&"x".repeat(5_000)), Err(PublicKeyError::TooLong(5_000))));
    let algorithm =
        |edit: fn(&mut Vec<u8>)| matches!(PublicKey::parse(&key_line(edit)), Err(PublicKeyError::Algorithm(_)));
    assert!(algorithm(|b| b[1] = b'D'));
    assert!(algorithm(|b| b[0] = 0));
    assert_eq!(PublicKey::parse(&key_of(off_curve)), Err(PublicKeyError::NotAPoint));
    assert_eq!(PublicKey::parse(&key_of(beyond_the_field(3))), Err(PublicKeyError::NotAPoint), "3 is another spelling");
    for more in 0..19 {
        for sign in [0, 0x80] {
            let mut second = beyond_the_field(more);
            second[31] |= sign;
            assert_eq!(PublicKey::parse(&key_of(second)), Err(PublicKeyError::NotAPoint), "{more} {sign}");
        }
    }
    // x = 0 with a sign, at y = 1 and y = -1: second encodings too.
    let (mut one, mut minus_one) = ([0; 32], [0xff; 32]);
    (one[0], one[31]) = (1, 0x80);
    minus_one[0] = 0xec;
    for negative_zero in [one, minus_one] {
        assert_eq!(PublicKey::parse(&key_of(negative_zero)), Err(PublicKeyError::Weak));
    }
    assert_eq!(PublicKey::parse(&key_of(identity)), Err(PublicKeyError::Weak));
    assert_eq!(PublicKey::parse(&key_of([0; 32])), Err(PublicKeyError::Weak));
    assert_eq!(PublicKey::parse(&key_of(order_eight)), Err(PublicKeyError::Weak));

    // A document holds the bare line, in one spelling.
    let file = public(RELEASE_A).to_file();
    assert_eq!(PublicKey::parse(&file).unwrap(), public(RELEASE_A));
    assert_eq!(PublicKey::parse(file.trim_end()).unwrap(), public(RELEASE_A));
    for bad in [file, format!("{good}\n"), String::new()] {
        assert!(serde_json::from_value::<PublicKey>(bad.into()).is_err());
    }
}

#[test]
fn bad_signatures() {
    use SignatureError as E;
    let good = secret(RELEASE_A).sign(b"document", "trusted", "untrusted").unwrap().to_string();
    let lines: Vec<&str> = good.lines().collect();
    let [first, second, third, fourth] = lines[..] else { panic!("four lines") };
    let join = |parts: [&str; 4]| parts.join("\n");
    let packed = |edit: fn(&mut Vec<u8>)| {
        let mut bytes = STANDARD.decode(second).unwrap();
        edit(&mut bytes);
        join([first, &STANDARD.encode(bytes), third, fourth])
    };
    let long = |prefix: &str, n| format!("{prefix}{}", "x".repeat(n));
    let (long_first, long_third) = (long("untrusted comment: ", 1_004), long("trusted comment: ", 8_174));
    let doubled = fourth.repeat(2);
    type Expected = fn(&E) -> bool;
    let bad: Vec<(Vec<u8>, Expected)> = vec![
        (vec![b'x'; 16 * 1024 + 1], |e| matches!(e, E::TooLarge(_))),
        (vec![], |e| matches!(e, E::Lines)),
        (b"\n\n\n\n".to_vec(), |e| matches!(e, E::Comment(1))),
        ([good.as_bytes(), b"\n"].concat(), |e| matches!(e, E::Lines)),
        ([good.as_bytes(), b"more\n"].concat(), |e| matches!(e, E::Lines)),
        (lines[..3].join("\n").into(), |e| matches!(e, E::Lines)),
        (good.replace('\n', "\r\n").into(), |e| matches!(e, E::Lines)),
        ([b"\xff", good.as_bytes()].concat(), |e| matches!(e, E::NotUtf8(0))),
        (join(["comment: x", second, third, fourth]).into(), |e| matches!(e, E::Comment(1))),
        (join([&long_first, second, third, fourth]).into(), |e| matches!(e, E::Comment(1))),
        (join(["untrusted comment: \u{1b}[2J", second, third, fourth]).into(), |e| matches!(e, E::Comment(1))),
        (join([first, second, "trusted x", fourth]).into(), |e| matches!(e, E::Comment(3))),
        (join([first, second, &long_third, fourth]).into(), |e| matches!(e, E::Comment(3))),
        (join([first, second, "trusted comment: a\u{7}", fourth]).into(), |e| matches!(e, E::Comment(3))),
        (join([first, "", third, fourth]).into(), |e| matches!(e, E::Encoding { line: 2, .. })),
        (join([first, &second[4..], third, fourth]).into(), |e| matches!(e, E::Encoding { line: 2, .. })),
        (join([first, &second.replacen('R', "!", 1), third, fourth]).into(), |e| {
            matches!(e, E::Encoding { line: 2, .. })
        }),
        (join([first, second, third, &fourth[1..]]).into(), |e| matches!(e, E::Encoding { line: 4, .. })),
        (join([first, second, third, &doubled]).into(), |e| matches!(e, E::Encoding { line: 4, .. })),
        (packed(|b| b.truncate(73)).into(), |e| matches!(e, E::Encoding { line: 2, .. })),
        (packed(|b| b[1] = b'd').into(), |e| matches!(e, E::Legacy)),
        (packed(|b| b[1] = b'X').into(), |e| matches!(e, E::Algorithm(_))),
        (packed(|b| b[0] = 0).into(), |e| matches!(e, E::Algorithm(_))),
        (join([second, first, third, fourth]).into(), |e| matches!(e, E::Comment(1))),
        (public(RELEASE_A).to_file().into(), |e| matches!(e, E::Lines)),
    ];
    for (at, (bytes, expected)) in bad.iter().enumerate() {
        let error = Signature::parse(bytes).unwrap_err();
        assert!(expected(&error), "input {at}: {error:?}");
        assert_one_line(&error.to_string());
    }
    assert_eq!(Signature::parse(good.as_bytes()).unwrap().to_string(), good);
    Signature::parse(good.trim_end().as_bytes()).unwrap();
}

fn open_file(edit: impl FnOnce(&mut Vec<u8>)) -> String {
    let file = secret(RELEASE_A).to_open_file();
    let mut bytes = STANDARD.decode(file.lines().nth(1).unwrap()).unwrap();
    edit(&mut bytes);
    format!("untrusted comment: x\n{}\n", STANDARD.encode(bytes))
}

fn opened(text: &str) -> SecretKeyError {
    match SecretKeyFile::parse(text).and_then(|file| file.open()) {
        Ok(key) => panic!("accepted as {key:?}"),
        Err(error) => error,
    }
}

#[test]
fn bad_secret_keys() {
    use SecretKeyError as E;
    let good = open_file(|_| {});
    let line = good.lines().nth(1).unwrap();
    assert_eq!(opened(""), E::Lines);
    assert_eq!(opened(line), E::Lines);
    assert_eq!(opened(&format!("{good}\n")), E::Lines);
    assert_eq!(opened(&good.replace('\n', "\r\n")), E::Lines);
    assert_eq!(opened(&format!("secret\n{line}\n")), E::Lines);
    assert_eq!(opened(&"x".repeat(3_000)), E::TooLong(3_000));
    assert_eq!(opened(&format!("untrusted comment: x\n{}\n", &line[1..])), E::Encoding);
    assert_eq!(opened(&format!("untrusted comment: x\n{}\n", line.replacen('R', "*", 1))), E::Encoding);
    assert_eq!(opened("untrusted comment: x\n\n"), E::Encoding);
    assert_eq!(opened(&open_file(|b| b.truncate(157))), E::Encoding);
    assert_eq!(opened(&open_file(|b| b.push(0))), E::Encoding);
    assert_eq!(opened(&public(RELEASE_A).to_file()), E::Encoding);
    assert_eq!(opened(&open_file(|b| b[1] = b'D')), E::Algorithm);
    assert_eq!(opened(&open_file(|b| b[4] = b'X')), E::Algorithm);
    assert_eq!(opened(&open_file(|b| b[2] = b'A')), E::UnknownLock);
    assert_eq!(opened(&open_file(|b| b[2..4].copy_from_slice(b"Sc"))), E::Locked);
    assert_eq!(opened(&open_file(|b| b[6] = 1)), E::Damaged);
    assert_eq!(opened(&open_file(|b| b[53] = 1)), E::Damaged);
    assert_eq!(opened(&open_file(|b| b[54] ^= 1)), E::Damaged, "key id");
    assert_eq!(opened(&open_file(|b| b[62] ^= 1)), E::Damaged, "secret half");
    assert_eq!(opened(&open_file(|b| b[94] ^= 1)), E::Damaged, "public half");
    assert_eq!(opened(&open_file(|b| b[157] ^= 1)), E::Damaged, "checksum");
    // As minisign stores open keys, without a checksum, the two halves still have to fit.
    let bare = |b: &mut Vec<u8>| b[126..].fill(0);
    assert!(SecretKeyFile::parse(&open_file(bare)).unwrap().open().is_ok());
    let error = opened(&open_file(|b| {
        bare(b);
        b[94] ^= 1;
    }));
    assert_eq!(error, E::Mismatched);
}

#[test]
fn locked_keys_open_with_their_passphrase_only() {
    let file = secret(RELEASE_A).to_locked_file(b"right", &[3; 32], KdfStrength::Weak).unwrap();
    let read = SecretKeyFile::parse(&file).unwrap();
    assert_eq!(read.unlock(b"right").unwrap().public_key(), public(RELEASE_A));
    assert_eq!(read.open().unwrap_err(), SecretKeyError::Locked);
    for wrong in [&b""[..], b"Right", b"right ", b"right\n"] {
        assert_eq!(read.unlock(wrong).unwrap_err(), SecretKeyError::WrongPassphrase);
    }
    let altered = |at: usize, value: u8| {
        let mut bytes = STANDARD.decode(file.lines().nth(1).unwrap()).unwrap();
        bytes[at] = value;
        let text = format!("untrusted comment: x\n{}\n", STANDARD.encode(bytes));
        SecretKeyFile::parse(&text).unwrap().unlock(b"right").unwrap_err()
    };
    for at in [6, 37, 54, 62, 100, 157] {
        assert_eq!(altered(at, 0xa5), SecretKeyError::WrongPassphrase, "byte {at}");
    }
    // Limits that would take all memory or for ever are refused before anything is allocated.
    for at in [45, 53] {
        let error = altered(at, 0x7f);
        assert!(matches!(error, SecretKeyError::Limits(StretchError::Excessive { .. })), "{error}");
        assert_one_line(&error.to_string());
    }
}

#[test]
fn secrets_do_not_print() {
    let key = secret(RELEASE_A);
    let file = key.to_open_file();
    let shown = format!("{key:?} {:?}", SecretKeyFile::parse(&file).unwrap());
    let seed = STANDARD.encode([RELEASE_A; 32]);
    assert!(!shown.contains("11, 11") && !shown.contains(&seed) && !shown.contains("0b0b0b0b0b0b0b0b0b"), "{shown}");
    // An error quotes nothing of a secret key file either.
    let error = opened(&file.replacen('R', "*", 1)).to_string();
    assert!(!error.contains(&file.lines().nth(1).unwrap()[2..10]));
}

#[test]
fn comments_that_would_break_the_file_are_not_signed() {
    let key = secret(RELEASE_A);
    for bad in ["a\nb", "a\rb", "a\u{0}b", &"x".repeat(9_000)] {
        assert!(matches!(key.sign(b"", bad, ""), Err(SignError::Comment { which: "trusted", .. })));
        assert!(matches!(key.sign(b"", "", bad), Err(SignError::Comment { which: "untrusted", .. })));
    }
    let tabbed = key.sign(b"", "timestamp:1\tfile:f\thashed", "").unwrap();
    assert_eq!(Signature::parse(tabbed.to_string().as_bytes()).unwrap(), tabbed);
}

#[test]
fn key_ids_have_one_spelling() {
    let id = KeyId::from_bytes([0xcf, 0xff, 0x40, 0x5d, 0x6c, 0x59, 0xc1, 0x09]);
    assert_eq!(id.to_string(), "09C1596C5D40FFCF");
    assert_eq!("09C1596C5D40FFCF".parse::<KeyId>().unwrap(), id);
    for bad in ["", "9C1596C5D40FFCF", "09c1596c5d40ffcf", "+9C1596C5D40FFCF", "09C1596C5D40FFCF0", "09C1596C5D40FFCG"]
    {
        assert!(bad.parse::<KeyId>().is_err(), "{bad:?}");
    }
}
