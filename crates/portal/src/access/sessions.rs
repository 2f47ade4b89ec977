//! Sessions: in memory alone, so that a restart ends all of them.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use writ_trust::digest::Digest;
use writ_trust::time::Time;
use zeroize::Zeroizing;

use super::token;

/// After how long without a request a session has ended, in milliseconds (15 minutes).
pub const IDLE: i64 = 15 * 60_000;
/// How long one may last, in milliseconds (8 hours).
pub const LONGEST: i64 = 8 * 3_600_000;
/// How far a clock may be set back without an end to sessions, in milliseconds (a minute): as it is when it is corrected.
const SET_BACK: i64 = 60_000;
/// The most sessions of one person: the one that was idle longest makes room.
const EACH: usize = 8;
/// The most of all.
const ALL: usize = 10_000;

/// One session.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Session {
    user: String,
    began: Time,
    last: Time,
}

/// Whether a session still counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Good,
    Idle,
    Over,
}

impl Session {
    /// A clock that was set back makes no session longer: one from the future is over.
    fn standing(&self, now: Time) -> Standing {
        if !(-SET_BACK..LONGEST).contains(&now.millis_since(self.began)) {
            Standing::Over
        } else if !(-SET_BACK..IDLE).contains(&now.millis_since(self.last)) {
            Standing::Idle
        } else {
            Standing::Good
        }
    }
}

/// All sessions, by the digests of their tokens.
#[derive(Debug, Default)]
pub struct Sessions(Mutex<BTreeMap<Digest, Session>>);

impl Sessions {
    fn held(&self) -> MutexGuard<'_, BTreeMap<Digest, Session>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins one; gives the token for the cookie.
    ///
    /// # Errors
    /// When there are no random bytes.
    pub fn begin(&self, user: &str, now: Time) -> io::Result<Zeroizing<String>> {
        let token = token::new()?;
        let Some(kept) = token::kept(&token) else { return Err(io::Error::other("a token of another shape")) };
        let mut held = self.held();
        held.retain(|_, session| session.standing(now) == Standing::Good);
        let oldest = |held: &BTreeMap<Digest, Session>, of: &dyn Fn(&Session) -> bool| {
            held.iter()
                .filter(|(_, session)| of(session))
                .min_by_key(|(_, session)| session.last)
                .map(|(kept, _)| *kept)
        };
        if held.values().filter(|session| session.user == user).count() >= EACH
            && let Some(kept) = oldest(&held, &|session| session.user == user)
        {
            held.remove(&kept);
        }
        if held.len() >= ALL
            && let Some(kept) = oldest(&held, &|_| true)
        {
            held.remove(&kept);
        }
        held.insert(kept, Session { user: user.to_owned(), began: now, last: now });
        Ok(token)
    }

    /// Whose session this token is, if it still counts: that begins its idle time anew.
    pub fn whose(&self, token: &str, now: Time) -> Option<String> {
        let kept = token::kept(token)?;
        let mut held = self.held();
        let session = held.get_mut(&kept)?;
        if session.standing(now) != Standing::Good {
            held.remove(&kept);
            return None;
        }
        session.last = session.last.max(now);
        Some(session.user.clone())
    }

    /// Ends one.
    pub fn end(&self, token: &str) {
        if let Some(kept) = token::kept(token) {
            self.held().remove(&kept);
        }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.held().len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> Time {
        Time::from_unix_millis(1_795_444_856_000 + minutes * 60_000)
    }

    #[test]
    fn a_session_ends_when_it_is_idle_and_at_the_latest_after_eight_hours() {
        let sessions = Sessions::default();
        let token = sessions.begin("kim", at(0)).unwrap();
        for minute in (14..480).step_by(14) {
            assert_eq!(sessions.whose(&token, at(minute)).as_deref(), Some("kim"), "{minute}");
        }
        assert_eq!(sessions.whose(&token, at(480)), None, "eight hours");
        let token = sessions.begin("kim", at(0)).unwrap();
        assert_eq!(sessions.whose(&token, at(15)), None, "a quarter of an hour");
        assert_eq!(sessions.whose(&token, at(1)), None, "what has ended has ended");
        let token = sessions.begin("kim", at(0)).unwrap();
        sessions.end(&token);
        assert_eq!(sessions.whose(&token, at(0)), None);
        assert_eq!((sessions.whose("x", at(0)), sessions.count()), (None, 0));
    }

    #[test]
    fn a_clock_that_is_set_back_ends_a_session_and_one_that_is_corrected_does_not() {
        let sessions = Sessions::default();
        let token = sessions.begin("kim", at(60)).unwrap();
        assert!(sessions.whose(&token, at(59)).is_some(), "a minute");
        assert_eq!(sessions.whose(&token, at(58)), None, "before it began");
        let token = sessions.begin("kim", at(60)).unwrap();
        assert!(sessions.whose(&token, at(70)).is_some());
        assert_eq!(sessions.whose(&token, at(65)), None, "before it was used last");
    }

    #[test]
    fn one_person_has_eight_at_most() {
        let sessions = Sessions::default();
        let tokens: Vec<_> = (0..9).map(|n| sessions.begin("kim", at(n)).unwrap()).collect();
        assert_eq!(sessions.whose(&tokens[0], at(9)), None);
        assert!(tokens[1..].iter().all(|token| sessions.whose(token, at(9)).is_some()));
    }
}
