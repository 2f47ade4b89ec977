//! The one place where this program draws random bytes.

use zeroize::Zeroizing;

use crate::failure::{Failure, Outcome};

/// Random bytes from the operating system, wiped when dropped.
pub fn bytes<const N: usize>() -> Outcome<Zeroizing<[u8; N]>> {
    let mut bytes = Zeroizing::new([0; N]);
    getrandom::fill(&mut bytes[..])
        .map_err(|e| Failure::could_not("the operating system gave no random bytes").because(e))?;
    Ok(bytes)
}
