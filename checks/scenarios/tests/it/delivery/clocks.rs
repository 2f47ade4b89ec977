//! Clocks that jump: the appliance's, then the depot's. Each is moved for one process, while it runs.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use writ_scenarios::depot::Depot;
use writ_scenarios::run;

use super::world::World;

/// Stands before libc's own: the wall clock, moved by the seconds that a file names at that moment. The clock that only
/// goes forward is left alone, as the kernel leaves it when somebody sets the time.
const LIBRARY: &str = r#"
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *at) {
    int result = (int)syscall(SYS_clock_gettime, clock, at);
    const char *file = getenv("WRIT_TEST_CLOCK");
    if (result == 0 && file && clock == CLOCK_REALTIME) {
        char text[32] = {0};
        int fd = open(file, O_RDONLY | O_CLOEXEC);
        if (fd >= 0) {
            if (read(fd, text, sizeof text - 1) > 0) at->tv_sec += atol(text);
            close(fd);
        }
    }
    return result;
}
"#;

/// A clock that can be set.
pub struct Clock {
    library: PathBuf,
    file: PathBuf,
}

impl Clock {
    pub fn make(world: &World) -> Self {
        let (source, library) = (world.house.path("clock.c"), world.house.path("clock.so"));
        fs::write(&source, LIBRARY).unwrap();
        run::checked(Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(&source)).unwrap();
        // Where the courier may read, which gives up all else.
        let clock = Self { library, file: world.house.path("spool/clock") };
        clock.set(0);
        clock
    }

    /// Moves the clock to so many seconds past the right time.
    pub fn set(&self, seconds: i64) {
        let new = self.file.with_extension("new");
        fs::write(&new, seconds.to_string()).unwrap();
        fs::rename(new, &self.file).unwrap();
    }

    pub fn of<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        command.env("LD_PRELOAD", &self.library).env("WRIT_TEST_CLOCK", &self.file)
    }
}

/// Whether the courier says that nobody takes its word: the depot, or it does not itself take the enforcer's, which to a clock
/// that is behind is of the future.
fn is_refused(world: &World) -> bool {
    let status = world.status();
    let problem = status["jobs"]["delivery"]["problem"].as_str().unwrap_or_default();
    problem.contains("401") || status["not_vouched"].as_str().is_some_and(|why| why.contains("it counts from"))
}

#[test]
fn a_courier_whose_clock_is_far_off_is_refused_and_says_so_and_delivers_when_it_is_right() {
    let (mut world, _depot) = World::running();
    world.enrol_courier();
    let clock = Clock::make(&world);
    world.say(10);
    let courier = world.courier_with(clock.of(&mut world.courier_command()));
    world.wait_for("the first ten", || world.delivered() == 10);
    for (jump, number) in [(1_000, 1), (-1_000, 2)] {
        clock.set(jump);
        world.say(10);
        courier.hurry();
        world.wait_for("a refusal", || is_refused(&world));
        assert_eq!(world.delivered(), 10 * number, "nothing counts meanwhile");
        clock.set(0);
        courier.hurry();
        world.wait_for("the rest", || world.delivered() == 10 * (number + 1));
    }
    // Less than what is allowed for is no trouble.
    clock.set(200);
    world.say(10);
    world.wait_for("all", || world.delivered() == 40);
    courier.stop();
    world.assert_delivered_once(&[]);
    world.assert_audited();
}

#[test]
fn a_depot_whose_clock_jumps_keeps_one_log() {
    let (mut world, depot) = World::running();
    world.enrol_courier();
    let clock = Clock::make(&world);
    depot.stop().unwrap();
    let start = |world: &World| Depot::spawn(clock.of(&mut world.depot_command()), &world.data()).unwrap();
    let mut depot = start(&world);
    let mut seen = Vec::new();
    for (number, jump) in [0, 86_400, 0, -86_400, 0].into_iter().enumerate() {
        clock.set(jump);
        world.say(10);
        let ran = world.carry();
        assert_eq!(ran.code == Some(0), jump == 0, "{jump}: {}", ran.stderr);
        if jump != 0 {
            assert!(ran.stderr.contains("401"), "{}", ran.stderr);
            // Also one that starts with the wrong time.
            depot.kill().unwrap();
            depot = start(&world);
            assert_eq!(world.carry().code, Some(1));
            clock.set(0);
            depot.kill().unwrap();
            depot = start(&world);
            world.carried();
        }
        assert_eq!(world.delivered(), 10 * (number + 1));
        seen.extend(world.seen(&world.origin));
    }
    world.assert_delivered_once(&seen);
    world.assert_audited();
}
