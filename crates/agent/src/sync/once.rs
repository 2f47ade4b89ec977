//! `writ-sync --once`: everything there is to do, one after another, and then the end.

use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

use super::courier::Courier;
use super::fetch::Progress;
use super::identity::Vouched;
use super::now;
use super::schedule::{Ending, Event, Job};
use super::trouble::Trouble;

/// What came of it.
#[derive(Debug, Default)]
pub struct Report {
    /// What stood in the way, by job.
    pub troubles: Vec<(Job, Trouble)>,
}

/// Checks in, pulls, fetches and sends; what fails does not keep the rest from being tried.
pub fn run(courier: &mut Courier) -> Result<Report, Trouble> {
    let vouched = courier.vouched()?;
    let mut report = Report::default();
    let checked_in = courier.check_in(&vouched);
    let orders = matches!(&checked_in, Ok((_, events)) if events.contains(&Event::OrdersWanted));
    note(courier, &mut report, Job::CheckIn, checked_in.map(|(ending, _)| ending));
    let mut fetch_wanted = false;
    let settled = loop {
        let pulled = courier.pull(&vouched);
        fetch_wanted |= matches!(&pulled, Ok((_, events)) if events.contains(&Event::FetchWanted));
        let pulled = pulled.map(|(ending, _)| ending);
        let ending = pulled.as_ref().ok().copied();
        note(courier, &mut report, Job::Sync, pulled);
        if ending != Some(Ending::More) {
            break ending == Some(Ending::Done);
        }
    };
    if orders {
        // After the trust roots, by which they are judged.
        let fetched = courier.fetch_orders(&vouched);
        note(courier, &mut report, Job::Orders, fetched);
    }
    if fetch_wanted {
        let fetched = fetch(courier, &vouched).map(|()| Ending::Done);
        note(courier, &mut report, Job::Fetch, fetched);
    }
    courier.prune(settled);
    type Send = fn(&mut Courier, &Vouched) -> Result<Ending, Trouble>;
    let sends: [(Job, Send); 3] =
        [(Job::Notices, Courier::send_notices), (Job::Deliver, Courier::deliver), (Job::Logs, Courier::send_logs)];
    for (job, send) in sends {
        loop {
            let sent = send(courier, &vouched);
            let more = matches!(sent, Ok(Ending::More));
            note(courier, &mut report, job, sent);
            if !more {
                break;
            }
        }
    }
    courier.write_status();
    Ok(report)
}

fn fetch(courier: &mut Courier, vouched: &Vouched) -> Result<(), Trouble> {
    if let Some(fetch) = courier.fetch()? {
        fetch.run(&AtomicBool::new(false), &Mutex::new(Progress::default()))?;
        courier.place_pending(vouched, fetch.release)?;
    }
    Ok(())
}

fn note(courier: &mut Courier, report: &mut Report, job: Job, result: Result<Ending, Trouble>) {
    courier.status.ended(job, &result, now());
    if let Err(trouble) = result {
        report.troubles.push((job, trouble));
    }
}
