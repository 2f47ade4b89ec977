//! Turning a passphrase into the bytes that cover a secret key: scrypt with libsodium's reading of its two limits.

use scrypt::Params;
use zeroize::Zeroizing;

/// How dear it is to guess a passphrase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KdfStrength {
    /// Minisign's own default: 1 GiB of memory and a few seconds per guess.
    Sensitive,
    /// libsodium's interactive limits: 16 MiB and a fraction of a second.
    Interactive,
    /// 1 MiB and a few milliseconds: for tests, whose keys protect nothing.
    Weak,
}

impl KdfStrength {
    /// The operations limit and the memory limit (bytes) that the key file stores.
    pub(super) fn limits(self) -> Limits {
        match self {
            Self::Sensitive => Limits { operations: 1 << 25, memory: 1 << 30 },
            Self::Interactive => Limits { operations: 1 << 19, memory: 1 << 24 },
            Self::Weak => Limits { operations: 1 << 15, memory: 1 << 20 },
        }
    }
}

/// The limits stored in a key file, as libsodium names them (`opslimit`, `memlimit`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub operations: u64,
    pub memory: u64,
}

/// Why stored limits cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StretchError {
    /// The file asks for more memory or work than minisign's own default.
    #[error(
        "the key file asks for {memory} bytes of memory and {operations} operations to unlock it, more than minisign's \
         {MAX_MEMORY} and {MAX_OPERATIONS}: it was altered, or made by another tool"
    )]
    Excessive {
        /// Stored memory limit in bytes.
        memory: u64,
        /// Stored operations limit.
        operations: u64,
    },
    /// The limits do not describe any scrypt parameters.
    #[error("the key file's limits ({memory} bytes, {operations} operations) describe no scrypt parameters")]
    Meaningless {
        /// Stored memory limit in bytes.
        memory: u64,
        /// Stored operations limit.
        operations: u64,
    },
}

const MAX_MEMORY: u64 = 1 << 30;
const MAX_OPERATIONS: u64 = 1 << 25;
const BLOCK: u64 = 8;

impl Limits {
    /// log2(N) and p as libsodium's `pickparams` (crypto_pwhash/scryptsalsa208sha256) chooses them; r is always 8.
    fn parameters(self) -> (u8, u32) {
        let operations = self.operations.max(32_768);
        let power = |most: u64| (1..63).find(|bits| (1u64 << bits) > most / 2).unwrap_or(63);
        if operations < self.memory / 32 {
            (power(operations / (BLOCK * 4)), 1)
        } else {
            let bits = power(self.memory / (BLOCK * 128));
            let most = ((operations / 4) >> bits).min(0x3fff_ffff);
            (bits, u32::try_from(most / BLOCK).unwrap_or(0))
        }
    }

    /// Stretches a passphrase into `output`, having refused limits beyond minisign's default.
    pub fn stretch(
        self,
        passphrase: &[u8],
        salt: &[u8; 32],
        output: &mut Zeroizing<[u8; 104]>,
    ) -> Result<(), StretchError> {
        let Self { operations, memory } = self;
        if memory > MAX_MEMORY || operations > MAX_OPERATIONS {
            return Err(StretchError::Excessive { memory, operations });
        }
        let (bits, lanes) = self.parameters();
        // Few bytes of memory with many operations would make p large: N * p stays bounded by the operations.
        let params =
            Params::new(bits, BLOCK as u32, lanes, 32).map_err(|_| StretchError::Meaningless { memory, operations })?;
        scrypt::scrypt(passphrase, salt, &params, &mut output[..])
            .map_err(|_| StretchError::Meaningless { memory, operations })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_those_of_libsodium() {
        // N = 2^20, r = 8, p = 1 is libsodium's "sensitive"; 2^14, 8, 1 its "interactive".
        assert_eq!(KdfStrength::Sensitive.limits().parameters(), (20, 1));
        assert_eq!(KdfStrength::Interactive.limits().parameters(), (14, 1));
        assert_eq!(KdfStrength::Weak.limits().parameters(), (10, 1));
        // Fewer operations than the memory could serve: N follows the operations.
        assert_eq!(Limits { operations: 1 << 15, memory: 1 << 30 }.parameters(), (10, 1));
        // minisign's fallback on small machines halves both.
        assert_eq!(Limits { operations: 1 << 24, memory: 1 << 29 }.parameters(), (19, 1));
    }

    #[test]
    fn absurd_limits_are_refused_before_any_memory_is_taken() {
        let mut out = Zeroizing::new([0; 104]);
        for (operations, memory) in [(1 << 25, (1 << 30) + 1), (1 << 26, 1 << 20), (u64::MAX, u64::MAX)] {
            let error = Limits { operations, memory }.stretch(b"x", &[0; 32], &mut out).unwrap_err();
            assert_eq!(error, StretchError::Excessive { memory, operations });
        }
        let error = Limits { operations: 1, memory: 1 << 23 }.stretch(b"x", &[0; 32], &mut out);
        assert_eq!(error, Ok(()), "operations below libsodium's least are raised to it");
        // Much memory and next to no operations per N leaves no lane at all.
        let limits = Limits { operations: 1 << 15, memory: 1 << 20 };
        assert_eq!(limits.stretch(b"x", &[0; 32], &mut out), Ok(()));
    }
}
