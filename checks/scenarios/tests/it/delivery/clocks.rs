//! Clocks that jump: the appliance's, then the depot's. Each is moved for one process, while it runs.

use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::process::Command;

use writ_scenarios::depot::Depot;
use writ_scenarios::run;

use super::world::World;

/// Stands before libc's own: the wall clock, moved by the seconds that a file holds at that moment. It is mapped before a process
/// gives up anything. The clock that only goes forward is left alone, as the kernel leaves it when somebody sets the time.
const LIBRARY: &str = r#"
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *seconds;

__attribute__((constructor)) static void begin(void) {
    const char *file = getenv("WRIT_TEST_CLOCK");
    int fd = file ? open(file, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0) return;
    void *mapped = mmap(NULL, sizeof *seconds, PROT_READ, MAP_SHARED, fd, 0);
    if (mapped != MAP_FAILED) seconds = mapped;
    close(fd);
}

int clock_gettime(clockid_t clock, struct timespec *at) {
    int result = (int)syscall(SYS_clock_gettime, clock, at);
    if (result == 0 && seconds && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) at->tv_sec += *seconds;
    return result;
}
"#;

/// A clock that can be set.
#[derive(Clone)]
pub struct Clock {
    library: PathBuf,
    file: PathBuf,
}

impl Clock {
    pub fn make(world: &World) -> Self {
        let (source, library) = (world.house.path("clock.c"), world.house.path("clock.so"));
        fs::write(&source, LIBRARY).unwrap();
        run::checked(Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(&source)).unwrap();
        let clock = Self { library, file: world.house.path("clock") };
        clock.set(0);
        clock
    }

    /// Moves the clock to so many seconds past the right time. In the file that processes have mapped.
    pub fn set(&self, seconds: i64) {
        let file = fs::File::options().create(true).truncate(false).write(true).open(&self.file).unwrap();
        file.write_all_at(&seconds.to_ne_bytes(), 0).unwrap();
    }

    /// How many seconds past the right time it is.
    pub fn seconds(&self) -> i64 {
        i64::from_ne_bytes(fs::read(&self.file).unwrap().try_into().unwrap())
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
