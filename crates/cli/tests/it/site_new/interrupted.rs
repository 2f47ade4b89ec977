//! A signal while the site is tried or written: all of it is there, or nothing.

use std::process::Stdio;

use super::world::{NEEDED, World};

#[test]
fn a_signal_while_it_works_leaves_all_or_nothing() {
    let world = World::new();
    let options: Vec<&str> = NEEDED.iter().flat_map(|(option, value)| [*option, *value]).collect();
    let (mut stopped, mut before) = (0, world.paths());
    for round in 0..8 {
        let name = format!("clinic-{round}");
        let arguments: Vec<&str> = ["site", "new", &name].into_iter().chain(options.iter().copied()).collect();
        let mut child = world.writ(&arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // As soon as there is something that could be left behind, and a little later each time.
        let mut looks = 0;
        while looks < round * 40 && child.try_wait().unwrap().is_none() {
            looks += usize::from(std::fs::read_dir(world.temporary()).unwrap().next().is_some());
        }
        let signal = if round % 2 == 0 { "-INT" } else { "-TERM" };
        let pid = child.id().to_string();
        // It may have ended already.
        let _ = std::process::Command::new("kill").args([signal, &pid]).stderr(Stdio::null()).status();
        let status = child.wait().unwrap();
        let after = world.paths();
        if world.tree().join("hosts").join(&name).exists() {
            world.is_clean();
            assert!(after.iter().all(|path| !path.contains(".writ-site-") && !path.starts_with("tmp/")), "{after:?}");
            before = after;
        } else {
            stopped += 1;
            assert!(!status.success());
            assert_eq!(after, before);
        }
    }
    assert!(stopped > 0, "no signal came in time");
}
