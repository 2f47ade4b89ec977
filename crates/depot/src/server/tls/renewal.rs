//! Taking over a certificate that was renewed.
//!
//! Programs that renew certificates replace two files, one after the other, by renaming new ones over them or by swinging
//! links. So both files are read now and then and compared by what is in them, and a pair that does not fit is looked at once
//! more before anybody is told: the second file may be on its way.

use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::Signal;
use tokio::time::{MissedTickBehavior, interval};
use writ_trust::digest::Digest;
use writ_trust::time::Time;

use super::pair::Pair;
use super::{Tls, TlsError};
use crate::clock;
use crate::depot::Depot;

/// What a look at the files comes to.
#[derive(Debug)]
enum Look {
    /// They hold what is served.
    Same,
    /// They hold something else, which fits.
    Taken(Pair),
    /// They hold something else, which is of no use; perhaps not all of it is there yet.
    Waits,
    /// They are of no use.
    Failed(TlsError),
}

/// How a look that is of no use is judged: what is asked for by a signal is there, so it counts at once.
fn judged(error: TlsError, asked: bool, looks: u32) -> Look {
    if asked || looks > 1 { Look::Failed(error) } else { Look::Waits }
}

/// What the looks so far came to.
#[derive(Debug, Default)]
struct Looks {
    /// How many in a row were of no use.
    bad: u32,
    /// What was told last, so that the same is not told again at every look.
    told: Option<String>,
}

impl Looks {
    fn next(&mut self, tls: &Tls, asked: bool, now: Time) -> Look {
        let serving = tls.serving();
        match read(tls, serving.digest, serving.holds(now), now) {
            Ok(None) => {
                *self = Self::default();
                Look::Same
            }
            Ok(Some(pair)) => {
                *self = Self::default();
                Look::Taken(pair)
            }
            Err(error) => {
                self.bad = self.bad.saturating_add(1);
                judged(error, asked, self.bad)
            }
        }
    }

    /// Whether this was not told yet.
    fn is_news(&mut self, error: &TlsError, asked: bool) -> bool {
        let text = error.to_string();
        let news = asked || self.told.as_ref() != Some(&text);
        self.told = Some(text);
        news
    }
}

/// The pair in the files, unless it is the one of this digest.
fn read(tls: &Tls, served: Digest, served_holds: bool, now: Time) -> Result<Option<Pair>, TlsError> {
    let read = tls.files.read()?;
    if read.digest() == served {
        return Ok(None);
    }
    let pair = read.load()?;
    if served_holds && !pair.holds(now) {
        let path = tls.files.certificates().to_owned();
        return Err(TlsError::NotNow { path, from: pair.from, until: pair.until });
    }
    Ok(Some(pair))
}

/// Looks at the files at every tick, and whenever SIGHUP asks for it; for ever. Without TLS, SIGHUP does nothing.
pub(in crate::server) async fn renewed(
    depot: Arc<Depot>,
    tls: Option<Arc<Tls>>,
    every: Duration,
    mut asks: Option<Signal>,
) {
    let mut tick = interval(every);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut looks = Looks::default();
    loop {
        let asked = tokio::select! {
            _ = tick.tick() => false,
            () = asked(&mut asks) => true,
        };
        let Some(tls) = &tls else { continue };
        depot.metrics.tls_ends(tls.serving().until);
        let reading = {
            let tls = tls.clone();
            let mut looks = std::mem::take(&mut looks);
            tokio::task::spawn_blocking(move || (looks.next(&tls, asked, clock::now()), looks))
        };
        // A look that panicked is none.
        let Ok((look, after)) = reading.await else { continue };
        looks = after;
        match look {
            Look::Same if asked => tracing::info!("SIGHUP: certificate and key are those that are served"),
            Look::Same | Look::Waits => {}
            Look::Taken(pair) => {
                tracing::info!(
                    serial = pair.serial,
                    "a new certificate is served from now on; it holds until {}",
                    pair.until
                );
                depot.metrics.tls_ends(pair.until);
                tls.serve(pair);
            }
            Look::Failed(error) => {
                depot.metrics.tls_reload_failures.inc();
                if looks.is_news(&error, asked) {
                    tracing::error!(
                        "THE CERTIFICATE CANNOT BE RENEWED, the one before serves on (until {}): {error}; put a pair that \
                         fits in its place: it is looked at every few seconds, and on SIGHUP",
                        tls.serving().until
                    );
                }
            }
        }
    }
}

/// When the signal comes; never where it cannot be waited for.
async fn asked(asks: &mut Option<Signal>) {
    match asks {
        Some(signal) => {
            if signal.recv().await.is_none() {
                std::future::pending::<()>().await;
            }
        }
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn none() -> TlsError {
        TlsError::NoCertificate("cert.pem".into())
    }

    #[test]
    fn one_file_of_two_is_waited_for_once_and_a_signal_waits_for_nothing() {
        assert!(matches!(judged(none(), false, 1), Look::Waits));
        assert!(matches!(judged(none(), false, 2), Look::Failed(_)));
        assert!(matches!(judged(none(), true, 1), Look::Failed(_)));
    }

    #[test]
    fn what_is_wrong_is_told_once_and_again_when_it_is_asked_for() {
        let mut looks = Looks::default();
        assert!(looks.is_news(&none(), false));
        assert!(!looks.is_news(&none(), false));
        assert!(looks.is_news(&none(), true));
        assert!(looks.is_news(&TlsError::NoCertificate("other.pem".into()), false));
    }
}
