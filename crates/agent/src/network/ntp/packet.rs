//! NTP packets (RFC 5905 §7.3): a request that tells nothing of who asks, and what an answer to it says of the time. Pure.

/// The length of a packet without extensions.
pub const LENGTH: usize = 48;
/// Seconds from the era of NTP to that of Unix.
const TO_UNIX: i64 = 2_208_988_800;
/// The longest way to its reference that a server may have (MAXDIST, §11.2.1: 1.5 s).
const MOST_DISTANCE: f64 = 1.5;

/// A request. `nonce` stands where the time of sending would: the server repeats it, and learns nothing of our clock
/// (draft-ietf-ntp-data-minimization).
pub fn request(nonce: [u8; 8]) -> [u8; LENGTH] {
    let mut packet = [0; LENGTH];
    // No leap, version 4, client.
    packet[0] = 0x23;
    packet[40..].copy_from_slice(&nonce);
    packet
}

/// When something happened, in seconds since 1970.
type Seconds = f64;

/// What one server said.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// How far its time is ahead of ours.
    pub offset: Seconds,
    /// How far that may be wrong, either way: half of the way there and back, and what the server says of its own time.
    pub uncertainty: Seconds,
}

/// Reads the answer to a request that was sent at `sent` and came back at `received`, both by our clock.
///
/// # Errors
/// Why it says nothing of the time.
pub fn sample(bytes: &[u8], nonce: [u8; 8], sent: Seconds, received: Seconds) -> Result<Sample, &'static str> {
    let packet: &[u8; LENGTH] = bytes.first_chunk().ok_or("it is too short")?;
    let at = |from: usize| -> [u8; 8] { std::array::from_fn(|n| packet[from + n]) };
    let short = |from: usize| f64::from(u32::from_be_bytes(std::array::from_fn(|n| packet[from + n]))) / 65_536.0;
    if at(24) != nonce {
        return Err("it answers another request");
    }
    if packet[0] & 7 != 4 || !matches!((packet[0] >> 3) & 7, 3 | 4) {
        return Err("it is no answer of a server");
    }
    match packet[1] {
        0 => return Err("the server wants to be asked less"),
        1..=15 if packet[0] >> 6 != 3 => {}
        _ => return Err("the server does not know the time itself"),
    }
    let distance = short(4) / 2.0 + short(8);
    if distance > MOST_DISTANCE {
        return Err("the server is too unsure of its own time");
    }
    let (arrived, left) = (seconds(at(32), received), seconds(at(40), received));
    if at(40) == [0; 8] || left < arrived {
        return Err("its times are in no order");
    }
    let way = ((received - sent) - (left - arrived)).max(0.0);
    let offset = ((arrived - sent) + (left - received)) / 2.0;
    Ok(Sample { offset, uncertainty: way / 2.0 + distance })
}

/// A time of NTP as seconds since 1970, of the era that is nearest to ours: the seconds begin anew in 2036 (§6).
fn seconds(bytes: [u8; 8], near: Seconds) -> Seconds {
    let number = u64::from_be_bytes(bytes);
    let whole = i64::try_from(number >> 32).unwrap_or(0) - TO_UNIX;
    let fraction = (number & 0xffff_ffff) as f64 / 4_294_967_296.0;
    let era = 4_294_967_296.0;
    let time = whole as f64 + fraction;
    time + ((near - time) / era).round() * era
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NONCE: [u8; 8] = [1, 2, 3, 4, 5, 6, 7, 8];
    const SENT: f64 = 1_795_000_000.0;

    fn stamp(seconds: f64) -> [u8; 8] {
        let whole = seconds.floor();
        let number = ((whole as i64 + TO_UNIX) as u64) << 32 | ((seconds - whole) * 4_294_967_296.0) as u64;
        number.to_be_bytes()
    }

    /// An answer of a server that is five seconds ahead, twenty milliseconds after it was asked.
    fn answer() -> [u8; LENGTH] {
        let mut packet = [0; LENGTH];
        (packet[0], packet[1]) = (0x24, 2);
        packet[4..8].copy_from_slice(&655_u32.to_be_bytes());
        packet[8..12].copy_from_slice(&655_u32.to_be_bytes());
        packet[24..32].copy_from_slice(&NONCE);
        packet[32..40].copy_from_slice(&stamp(SENT + 5.010));
        packet[40..48].copy_from_slice(&stamp(SENT + 5.011));
        packet
    }

    fn read(packet: &[u8]) -> Result<Sample, &'static str> {
        sample(packet, NONCE, SENT, SENT + 0.021)
    }

    #[test]
    fn the_time_of_a_server_is_told_with_its_uncertainty() {
        let sample = read(&answer()).unwrap();
        assert!((sample.offset - 5.0).abs() < 1e-4, "{sample:?}");
        // Half of twenty milliseconds, half of ten, and ten.
        assert!((sample.uncertainty - 0.025).abs() < 1e-3, "{sample:?}");
    }

    #[test]
    fn what_says_nothing_of_the_time_is_refused() {
        for (at, value) in [(0, 0x23), (0, 0xe4), (0, 0x04), (1, 0), (1, 16), (24, 0xff), (4, 0xff), (8, 0xff)] {
            let mut packet = answer();
            packet[at] = value;
            assert!(read(&packet).is_err(), "{at} {value:#x}");
        }
        assert!(read(&answer()[..47]).is_err());
        let mut backwards = answer();
        backwards.copy_within(32..40, 40);
        backwards[32..40].copy_from_slice(&stamp(SENT + 6.0));
        assert!(read(&backwards).is_err());
    }

    #[test]
    fn times_after_2036_are_of_the_next_era() {
        let year_2040 = 2_208_988_801.0;
        assert!((seconds(((2 * TO_UNIX as u64 + 1) << 32).to_be_bytes(), year_2040) - year_2040).abs() < 1.0);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in any::<Vec<u8>>(), at in 0_usize..LENGTH, with in any::<u8>()) {
            let _ = read(&bytes);
            let mut packet = answer();
            packet[at] = with;
            if let Ok(sample) = read(&packet) {
                prop_assert!(sample.offset.is_finite() && sample.uncertainty.is_finite() && sample.uncertainty >= 0.0);
            }
        }
    }
}
