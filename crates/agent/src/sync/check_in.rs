//! The check-in: hands over the enforcer's heartbeat, and hears what the depot has.

use tracing::warn;
use writ_trust::text::one_line;
use writ_wire::check_in::{CheckIn, CheckInReply, CheckInSchema, MAX_CHECK_IN};
use writ_wire::paths;

use super::courier::Courier;
use super::identity::{Vouched, read_statement};
use super::now;
use super::schedule::{Ending, Event};
use super::trouble::Trouble;

/// The heartbeat's file in `presence/`.
pub const HEARTBEAT: &str = "heartbeat.json";
/// How far the clocks may differ before it is said, in milliseconds.
const SKEW: i64 = 60_000;

impl Courier {
    /// Checks in. What the answer calls for comes back as events; nothing in it is believed further than that.
    pub fn check_in(&mut self, vouched: &Vouched) -> Result<(Ending, Vec<Event>), Trouble> {
        let heartbeat = read_statement(&self.config.presence(), HEARTBEAT, |_| Some(vouched.appliance_key.clone()))?;
        let request = CheckIn { schema: CheckInSchema::V1, heartbeat }.canonical();
        let client = self.signed(vouched);
        let bytes = client.post(&paths::check_in(), &request, MAX_CHECK_IN as u64)?;
        let reply = CheckInReply::parse(&bytes).map_err(|e| Trouble::refused("check-in-reply", one_line(e)))?;
        let offset = reply.now.millis_since(now());
        if offset.abs() > SKEW {
            warn!(offset_s = offset / 1000, "this clock and the depot's differ");
        }
        self.status.clock_offset_ms = Some(offset);
        let mut events = Vec::new();
        let known = match self.pending()? {
            Some(pending) => writ_trust::release::Release::parse(&pending.release.document.0).ok().map(|r| r.point()),
            None => None,
        };
        let known = known.max(self.inbox.points().first().copied());
        let newer_release = reply.epoch.zip(reply.serial).is_some_and(|offered| Some(offered) > known);
        if newer_release || reply.trust_version > self.chain.newest().version {
            events.push(Event::News);
        }
        if reply.orders != self.orders_here() {
            events.push(Event::OrdersWanted);
        }
        if self.told_of_evidence(reply.held, reply.newest)? {
            events.push(Event::Behind);
        }
        Ok((Ending::Done, events))
    }
}
