//! Booting a candidate once, as a state machine: pure, beside that of the [switch](super::super::machine).
//!
//! A candidate whose kernel, initrd or kernel parameters are not those that were booted holds only when the machine comes up
//! with them. So, once it held alive, the boot loader is told to boot it *once*, and the machine is booted: one that does
//! not come up is back in its old default with the next start, whoever causes that, and the default becomes the candidate
//! only when it held after its boot.
//!
//! `planned → preparing → ordered → booted → proven`, and from there back to where a switch goes back.

use serde::{Deserialize, Serialize};

/// How far it has come. The record holds the stage that is being entered; what it asks for may be done twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Nothing here may or can boot the machine: people do. No part of the trial.
    Pending,
    /// The candidate is to be booted once it held alive.
    Planned,
    /// The entry of the boot loader is being made.
    Preparing,
    /// The entry is there, the loader is told, and the machine is to boot.
    Ordered,
    /// The candidate was booted, and is judged.
    Booted,
    /// The candidate held after its boot.
    Proven,
    /// Something else was booted than the candidate.
    Missed,
    /// The candidate was booted and refused: the machine is to boot its default.
    Returning,
    /// The switch was decided without a boot. Kept only where something could not be taken back from the loader.
    Dropped,
}

impl Stage {
    /// The name as documents write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Planned => "planned",
            Self::Preparing => "preparing",
            Self::Ordered => "ordered",
            Self::Booted => "booted",
            Self::Proven => "proven",
            Self::Missed => "missed",
            Self::Returning => "returning",
            Self::Dropped => "dropped",
        }
    }

    /// Whether an entry may be on the loader's partition, or the loader told of it.
    pub fn touches_loader(self) -> bool {
        // A power cut leads back to `planned`, and leaves what there was.
        !matches!(self, Self::Pending | Self::Dropped)
    }
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Event {
    /// The candidate held, alive or after its boot.
    Holds,
    /// The entry is there, and the loader told.
    Ready,
    /// It could not be made so.
    NotReady,
    /// The order to boot was refused.
    NotOrdered,
    /// A driver takes the switch up, and the machine has not started again since.
    TakenUp,
    /// The same, and it has; with the candidate, or with another system.
    Started {
        /// Whether the candidate is what was booted.
        candidate: bool,
    },
    /// The switch goes back.
    Refused,
}

/// What is to be done, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Lay out the entry and tell the loader to boot it once; answer with `Ready` or `NotReady`.
    Prepare,
    /// Boot the machine; answer with `NotOrdered` if that is refused.
    Reboot,
    /// Remove the entry, and the word to the loader.
    Clear,
}

/// One step. An event that means nothing in a stage changes nothing and asks for nothing.
pub fn step(stage: Stage, event: Event) -> (Stage, Vec<Action>) {
    use {Event as E, Stage as S};
    match (stage, event) {
        (S::Planned | S::Preparing, E::Holds) => (S::Preparing, vec![Action::Prepare]),
        (S::Preparing, E::Ready) | (S::Ordered, E::TakenUp) => (S::Ordered, vec![Action::Reboot]),
        (S::Preparing, E::NotReady) | (S::Ordered, E::NotOrdered) => (S::Pending, vec![Action::Clear]),
        (S::Preparing | S::Ordered, E::Started { candidate: true }) => (S::Booted, vec![]),
        (S::Ordered, E::Started { candidate: false }) => (S::Missed, vec![]),
        // The power went: before the loader was told, or while the candidate that had come up was judged. The switch counts
        // that as an interruption, of which it takes few.
        (S::Preparing | S::Booted, E::Started { candidate: false }) => (S::Planned, vec![]),
        (S::Booted, E::Holds) => (S::Proven, vec![]),
        (S::Booted | S::Proven, E::Refused) => (S::Returning, vec![Action::Clear, Action::Reboot]),
        (S::Planned | S::Preparing | S::Ordered, E::Refused) => (S::Dropped, vec![Action::Clear]),
        _ => (stage, vec![]),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const STAGES: [Stage; 9] = [
        Stage::Pending,
        Stage::Planned,
        Stage::Preparing,
        Stage::Ordered,
        Stage::Booted,
        Stage::Proven,
        Stage::Missed,
        Stage::Returning,
        Stage::Dropped,
    ];
    const EVENTS: [Event; 8] = [
        Event::Holds,
        Event::Ready,
        Event::NotReady,
        Event::NotOrdered,
        Event::TakenUp,
        Event::Started { candidate: true },
        Event::Started { candidate: false },
        Event::Refused,
    ];

    fn after(events: &[Event]) -> (Stage, Vec<Action>) {
        events.iter().fold((Stage::Planned, vec![]), |(stage, _), event| step(stage, *event))
    }

    #[test]
    fn the_good_way_ends_proven_and_the_others_where_they_should() {
        use Event as E;
        let (up, down) = (E::Started { candidate: true }, E::Started { candidate: false });
        assert_eq!(after(&[E::Holds, E::Ready]), (Stage::Ordered, vec![Action::Reboot]));
        assert_eq!(after(&[E::Holds, E::Ready, E::TakenUp]), (Stage::Ordered, vec![Action::Reboot]));
        assert_eq!(after(&[E::Holds, E::Ready, up, E::Holds]).0, Stage::Proven);
        assert_eq!(after(&[E::Holds, E::Ready, down]).0, Stage::Missed);
        assert_eq!(after(&[E::Holds, E::NotReady]), (Stage::Pending, vec![Action::Clear]));
        let back = vec![Action::Clear, Action::Reboot];
        assert_eq!(after(&[E::Holds, E::Ready, up, E::Refused]), (Stage::Returning, back));
        // A power cut after the boot is no verdict: it is booted once more, if the switch still wants it.
        assert_eq!(after(&[E::Holds, E::Ready, up, down, E::Holds]).0, Stage::Preparing);
    }

    proptest! {
        #[test]
        fn nothing_is_proven_that_was_not_booted_and_held(
            events in prop::collection::vec((0..EVENTS.len()).prop_map(|i| EVENTS[i]), 0..40),
        ) {
            let (mut stage, mut booted) = (Stage::Planned, false);
            for event in events {
                let before = stage;
                let (next, actions) = step(stage, event);
                match event {
                    Event::Started { candidate } if before != next => booted = candidate,
                    _ => {}
                }
                prop_assert!(next != Stage::Proven || booted);
                // The machine is booted only for a candidate that held, or back from one that was booted and did not.
                if actions.contains(&Action::Reboot) {
                    let forth = next == Stage::Ordered && matches!(before, Stage::Preparing | Stage::Ordered);
                    let back = next == Stage::Returning && matches!(before, Stage::Booted | Stage::Proven);
                    prop_assert!(forth || (back && booted));
                }
                // Whoever leaves the trial for good leaves nothing on the loader's partition.
                if before.touches_loader() && matches!(next, Stage::Pending | Stage::Dropped) && before != next {
                    prop_assert!(actions.contains(&Action::Clear));
                }
                stage = next;
            }
        }
    }

    #[test]
    fn what_is_over_stays_over() {
        for stage in STAGES {
            let over = matches!(stage, Stage::Pending | Stage::Missed | Stage::Returning | Stage::Dropped);
            let moves = EVENTS.iter().any(|event| step(stage, *event).0 != stage);
            assert_eq!(over, !moves, "{stage:?}");
        }
    }
}
