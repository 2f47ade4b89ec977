use proptest::prelude::*;

use super::*;

const RHYTHM: Rhythm = Rhythm { check_in: 60_000, sync: 3_600_000 };

/// A schedule and the clock it is asked by.
struct Run {
    schedule: Schedule,
    now: u64,
}

impl Run {
    fn new() -> Self {
        let mut run = Self { schedule: Schedule::new(RHYTHM), now: 0 };
        run.tell(Event::Vouched(true));
        run
    }

    fn tell(&mut self, event: Event) -> Vec<Job> {
        let (schedule, actions) = self.schedule.clone().step(event, self.now, 12_345);
        self.schedule = schedule;
        actions.into_iter().map(|Action::Start(job)| job).collect()
    }

    fn tick(&mut self) -> Vec<Job> {
        self.tell(Event::Tick)
    }

    /// Goes on to what is due next.
    fn wait(&mut self) -> Vec<Job> {
        self.now = self.now.max(self.schedule.next().unwrap());
        self.tick()
    }

    fn end(&mut self, job: Job, ending: Ending) {
        self.tell(Event::Ended(job, ending));
    }

    /// Past the first round, with nothing to deliver.
    fn settled() -> Self {
        let mut run = Self::new();
        while run.schedule.next() == Some(0) {
            for job in run.tick() {
                run.end(job, Ending::Done);
            }
        }
        run
    }
}

#[test]
fn nothing_is_done_until_the_enforcer_vouches() {
    let mut run = Run { schedule: Schedule::new(RHYTHM), now: 0 };
    assert_eq!(run.tell(Event::Asked), []);
    assert_eq!(run.tell(Event::OutboxChanged), []);
    run.now = 1_000_000;
    assert_eq!((run.tick(), run.schedule.next()), (vec![], None));
    run.tell(Event::Vouched(true));
    assert_eq!(run.tick(), [Job::CheckIn]);
    run.tell(Event::Vouched(false));
    run.end(Job::CheckIn, Ending::Done);
    assert_eq!((run.tick(), run.schedule.next()), (vec![], None));
    run.tell(Event::Vouched(true));
    assert_eq!(run.tick(), [Job::CheckIn]);
}

#[test]
fn one_thing_at_a_time_and_fetching_beside_it() {
    let mut run = Run::new();
    assert_eq!(run.tick(), [Job::CheckIn]);
    assert_eq!(run.tick(), []);
    run.tell(Event::FetchWanted);
    assert_eq!(run.tick(), [Job::Fetch]);
    run.end(Job::CheckIn, Ending::Done);
    assert_eq!(run.tick(), [Job::Notices]);
    run.end(Job::Notices, Ending::Done);
    assert_eq!(run.tick(), [Job::Sync]);
    run.end(Job::Sync, Ending::Done);
    assert_eq!(run.tick(), [Job::Deliver]);
    run.end(Job::Deliver, Ending::More);
    assert_eq!(run.tick(), [Job::Deliver], "while there is a backlog, before logs");
    run.end(Job::Deliver, Ending::Done);
    assert_eq!(run.tick(), [Job::Logs]);
}

#[test]
fn check_ins_and_pulls_have_their_rhythm() {
    let mut run = Run::settled();
    let (mut check_ins, mut pulls) = (0, 0);
    while run.now < 24 * 3_600_000 {
        for job in run.wait() {
            check_ins += u64::from(job == Job::CheckIn);
            pulls += u64::from(job == Job::Sync);
            run.end(job, Ending::Done);
        }
    }
    assert!((1_300..=1_600).contains(&check_ins), "{check_ins}");
    assert!((22..=27).contains(&pulls), "{pulls}");
}

#[test]
fn news_are_pulled_at_once_but_not_while_pulling_fails() {
    let mut run = Run::settled();
    run.tell(Event::News);
    assert_eq!(run.tick(), [Job::Sync]);
    run.end(Job::Sync, Ending::Failed { wait: 0 });
    run.tell(Event::News);
    assert_eq!(run.tick(), [], "the one who tells of news may be the one who sends garbage");
    run.tell(Event::Asked);
    run.tick();
    run.end(Job::CheckIn, Ending::Done);
    assert_eq!(run.tick(), [Job::Notices]);
    run.end(Job::Notices, Ending::Done);
    assert_eq!(run.tick(), [Job::Sync], "people may ask at any time");
}

#[test]
fn what_is_asked_for_while_it_runs_is_done_again() {
    let mut run = Run::settled();
    run.tell(Event::News);
    assert_eq!(run.tick(), [Job::Sync]);
    run.tell(Event::News);
    run.end(Job::Sync, Ending::Done);
    assert_eq!(run.tick(), [Job::Sync]);
}

#[test]
fn the_outbox_is_gathered_and_then_sent() {
    let mut run = Run::settled();
    let begun = run.now;
    run.tell(Event::OutboxChanged);
    assert_eq!(run.tick(), []);
    assert_eq!((run.wait(), run.now), (vec![Job::Deliver], begun + GATHER));
}

#[test]
fn notices_are_sent_when_they_come() {
    let mut run = Run::settled();
    let begun = run.now;
    run.tell(Event::NoticesChanged);
    assert_eq!((run.wait(), run.now), (vec![Job::Notices], begun + GATHER));
}

#[test]
fn waits_double_up_to_a_bound_and_end_with_the_first_success() {
    for (ending, longest) in [(Ending::Offline, LONGEST_OFFLINE), (Ending::Failed { wait: 0 }, LONGEST_FAILED)] {
        let mut run = Run::settled();
        run.wait();
        let mut waits = Vec::new();
        for _ in 0..40 {
            run.end(Job::CheckIn, ending);
            let from = run.now;
            loop {
                let jobs = run.wait();
                if jobs.contains(&Job::CheckIn) {
                    break;
                }
                jobs.into_iter().for_each(|job| run.end(job, Ending::Done));
            }
            waits.push(run.now - from);
        }
        assert!(waits[0] <= FIRST_WAIT && waits[39] <= longest && waits[39] >= longest / 2, "{waits:?}");
        assert_eq!(run.schedule.failures(Job::CheckIn), 40);
        run.end(Job::CheckIn, Ending::Done);
        assert_eq!(run.schedule.failures(Job::CheckIn), 0);
    }
}

#[test]
fn whoever_asks_ends_the_back_off_of_a_failed_fetch_too() {
    let mut run = Run::settled();
    run.tell(Event::Asked);
    assert!(!run.tick().contains(&Job::Fetch), "nothing is to be fetched");
    run.tell(Event::FetchWanted);
    assert!(run.tick().contains(&Job::Fetch));
    run.end(Job::Fetch, Ending::Failed { wait: 0 });
    assert!(!run.tick().contains(&Job::Fetch));
    run.tell(Event::Asked);
    assert!(run.tick().contains(&Job::Fetch));
}

#[test]
fn a_network_that_comes_back_is_used_at_once() {
    let mut run = Run::settled();
    run.tell(Event::Asked);
    run.tell(Event::FetchWanted);
    let mut failed = 0;
    loop {
        let jobs = run.wait();
        failed += jobs.len();
        let last = failed > 20 && jobs.contains(&Job::CheckIn);
        for job in jobs.into_iter().filter(|job| !last || *job != Job::CheckIn) {
            run.end(job, Ending::Offline);
        }
        if last {
            break;
        }
    }
    run.end(Job::CheckIn, Ending::Done);
    assert_eq!(run.tick(), [Job::Notices, Job::Fetch]);
    for (ended, next) in [(Job::Notices, Job::Sync), (Job::Sync, Job::Deliver), (Job::Deliver, Job::Logs)] {
        run.end(ended, Ending::Done);
        assert_eq!(run.tick(), [next]);
    }
}

#[test]
fn a_delivery_that_was_refused_is_not_hurried() {
    let mut run = Run::settled();
    run.tell(Event::Behind);
    run.tick();
    run.end(Job::Deliver, Ending::Failed { wait: 0 });
    run.tell(Event::Behind);
    run.tell(Event::OutboxChanged);
    assert_eq!(run.tick(), []);
    let due = run.schedule.next().unwrap();
    assert!(due >= run.now + FIRST_WAIT / 2, "{due}");
}

#[test]
fn the_depot_may_ask_to_wait() {
    let mut run = Run::settled();
    run.tell(Event::News);
    run.tick();
    run.end(Job::Sync, Ending::Failed { wait: 600_000 });
    let from = run.now;
    loop {
        let jobs = run.wait();
        if jobs.contains(&Job::Sync) {
            break;
        }
        jobs.into_iter().for_each(|job| run.end(job, Ending::Done));
    }
    assert!(run.now >= from + 600_000);
}

fn events() -> impl Strategy<Value = (Event, u64, u64)> {
    let ending = prop_oneof![
        Just(Ending::Done),
        Just(Ending::More),
        Just(Ending::Offline),
        (0u64..10_000).prop_map(|wait| Ending::Failed { wait }),
    ];
    let job = prop::sample::select(&Job::ALL[..]);
    let event = prop_oneof![
        4 => Just(Event::Tick),
        1 => any::<bool>().prop_map(Event::Vouched),
        1 => Just(Event::OutboxChanged),
        1 => Just(Event::NoticesChanged),
        1 => Just(Event::Asked),
        1 => Just(Event::News),
        1 => Just(Event::Behind),
        1 => Just(Event::FetchWanted),
        4 => (job, ending).prop_map(|(job, ending)| Event::Ended(job, ending)),
    ];
    (event, 0u64..100_000, any::<u64>())
}

proptest! {
    #[test]
    fn no_job_runs_twice_none_is_forgotten_and_nothing_waits_for_ever(steps in prop::collection::vec(events(), 1..200)) {
        let (mut schedule, mut now) = (Schedule::new(RHYTHM), 0);
        let (mut running, mut vouched) = (Vec::new(), false);
        for (event, passed, random) in steps {
            now += passed;
            // Only what runs can end.
            if let Event::Ended(job, _) = event {
                if !running.contains(&job) {
                    continue;
                }
                running.retain(|r| *r != job);
            }
            if let Event::Vouched(now) = event {
                vouched = now;
            }
            let (next, actions) = schedule.step(event, now, random);
            schedule = next;
            for Action::Start(job) in actions {
                prop_assert!(vouched && !running.contains(&job));
                running.push(job);
            }
            prop_assert!(running.iter().filter(|job| **job != Job::Fetch).count() <= 1);
            if vouched && !running.contains(&Job::CheckIn) {
                let next = schedule.next();
                prop_assert!(next.is_some_and(|next| next <= now + RHYTHM.sync), "{next:?} at {now}");
            }
        }
    }
}
