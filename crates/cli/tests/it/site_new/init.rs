//! A tree that begins in an empty folder, with nothing but the program.

use std::fs;
use std::process::Command;

use super::asking::Terminal;
use super::world::{World, repository};

#[test]
fn a_tree_begins_with_its_first_site() {
    let world = World::empty();
    world.git(&["init", "--quiet"]);
    let without = world.new_site("riverside-clinic", &[]);
    assert_eq!(without.code, Some(2), "{}", without.stderr);
    assert!(without.stderr.contains("begin one here with --init"), "{}", without.stderr);
    assert!(!world.tree().join("hosts").exists());

    let ran = begin(&world, &[]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains("\n  git add --all\n"), "{}", ran.stdout);
    world.git(&["add", "--all"]);
    world.is_clean();
    assert!(fs::read_dir(world.temporary()).unwrap().next().is_none());
    // What it consists of is what this repository has.
    for file in ["modules/policy/evaluate.nix", "modules/minimal-system/default.nix", "baselines/hipaa/default.nix"] {
        assert_eq!(world.read(file), fs::read_to_string(repository().join(file)).unwrap(), "{file}");
    }
    for file in ["flake.nix", "README.md", ".gitignore"] {
        assert_eq!(world.read(file), fs::read_to_string(repository().join("templates/site").join(file)).unwrap());
    }

    // A key that lies in the tree all the same does not become part of it.
    fs::create_dir(world.tree().join("keys")).unwrap();
    for name in ["front.key", "cache.nix-key"] {
        fs::write(world.tree().join("keys").join(name), "secret").unwrap();
    }
    world.git(&["add", "--all"]);
    let listed = Command::new("git").args(["ls-files", "keys"]).current_dir(world.tree()).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&listed.stdout), "");

    // The second one needs no --init, and one does no harm.
    assert_eq!(world.new_site("second-clinic", &[]).code, Some(0));
    assert_eq!(begin_called(&world, "third-clinic").code, Some(0));
}

fn begin(world: &World, changes: &[(&str, &str)]) -> super::world::Ran {
    world.new_site("riverside-clinic", &[changes, &[("--init", "--tier=essential")]].concat())
}

fn begin_called(world: &World, name: &str) -> super::world::Ran {
    world.new_site(name, &[("--init", "--tier=essential")])
}

#[test]
fn what_stands_in_the_folder_stays() {
    let world = World::empty();
    fs::write(world.tree().join("flake.nix"), "{ outputs = _: { }; }").unwrap();
    fs::write(world.tree().join("notes.txt"), "ours").unwrap();
    let ran = begin(&world, &[]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stderr.contains("flake.nix was here already and stays as it is"), "{}", ran.stderr);
    assert_eq!((world.read("flake.nix").as_str(), world.read("notes.txt").as_str()), ("{ outputs = _: { }; }", "ours"));

    for name in ["baselines", "rules", "modules", "hosts"] {
        let world = World::empty();
        fs::create_dir(world.tree().join(name)).unwrap();
        let before = world.paths();
        let ran = begin(&world, &[]);
        assert_eq!(ran.code, Some(1), "{}", ran.stderr);
        assert!(ran.stderr.contains(&format!("there is a `{name}` already")), "{}", ran.stderr);
        assert_eq!(world.paths(), before);
    }
}

#[test]
fn a_mistake_begins_nothing() {
    let world = World::empty();
    let before = world.paths();
    assert_eq!(begin(&world, &[("--time-zone", "Mars/Olympus")]).code, Some(1));
    assert_eq!(world.paths(), before);
}

#[test]
fn on_a_terminal_it_asks_before_it_begins_a_tree() {
    let world = World::empty();
    let before = world.paths();
    let mut terminal = Terminal::open(&world, "");
    terminal.answer("Begin one?", "");
    let (code, shown) = terminal.ended();
    assert_eq!(code, Some(2), "{shown}");
    assert_eq!(world.paths(), before);

    let mut terminal = Terminal::open(
        &world,
        "riverside-clinic --title R --time-zone Etc/UTC --baseline hipaa --appliance front --approver E",
    );
    terminal.answer("Begin one?", "y");
    terminal.answer("Whom to call", "primary=Sam Reed,sam@msp.example");
    terminal.answer("Whom to call", "");
    for question in ["Tier", "Programs", "Rule families", "Names of further secrets", "When a system", "Where news"] {
        terminal.answer(question, "");
    }
    let (code, shown) = terminal.ended();
    assert_eq!(code, Some(0), "{shown}");
    world.is_clean();
}

/// The flake of a new tree gives its policies; Writ itself is an input that they do not force.
#[test]
fn the_flake_of_a_new_tree_evaluates() {
    let world = World::empty();
    assert_eq!(begin(&world, &[]).code, Some(0));
    let writ = world.temporary().join("writ");
    fs::create_dir(&writ).unwrap();
    fs::write(writ.join("flake.nix"), "{ outputs = _: { devShells = throw \"forced\"; }; }").unwrap();
    let mut nix = Command::new("nix");
    nix.args(["--extra-experimental-features", "nix-command flakes", "--offline", "eval", "--json"]);
    nix.args(["--no-write-lock-file", "--override-input", "writ"]).arg(format!("path:{}", writ.display()));
    nix.arg(format!("path:{}#policies.riverside-clinic.front.settings.title", world.tree().display()));
    let output = nix.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "\"Riverside Clinic\"");
}

/// `nix flake init` lays the template, and `writ site new` begins a tree beside it.
#[test]
fn the_template_and_the_command_go_together() {
    let world = World::empty();
    let flake = |arguments: &[&str]| {
        let mut nix = Command::new("nix");
        nix.args(["--extra-experimental-features", "nix-command flakes", "--offline", "flake"]).args(arguments);
        let output = nix.current_dir(world.tree()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    let source = world.temporary().join("writ");
    for name in ["flake.nix", "flake.lock"] {
        fs::create_dir_all(&source).unwrap();
        fs::copy(repository().join(name), source.join(name)).unwrap();
    }
    super::world::copy(&repository().join("templates"), &source.join("templates"));
    flake(&["init", "--template", &format!("path:{}#site", source.display())]);
    assert_eq!(world.read("flake.nix"), fs::read_to_string(repository().join("templates/site/flake.nix")).unwrap());
    let ran = begin(&world, &[]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    fs::remove_dir_all(source).unwrap();
    world.is_clean();
}
