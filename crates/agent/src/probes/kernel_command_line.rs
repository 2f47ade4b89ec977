//! `kernel_command_line`: what the kernel was booted with, from /proc/cmdline (proc(5)).

use writ_policy::observation::Observation;
use writ_policy::schema::{Kind, ProbeSchema};

use super::{Pace, Parameters, Probe, ProbeContext, Unseen, field, read_proc, unannounced};

pub(super) const PROBE: Probe = Probe { schema: SCHEMA, run, watch: unannounced, pace: Pace::Quick };

const SCHEMA: ProbeSchema = ProbeSchema {
    name: "kernel_command_line",
    about: "what the kernel was booted with",
    parameters: &[],
    observation: &[field("options", Kind::List, "the options in order, as in \"quiet\" and \"lsm=landlock\"")],
};

fn run(_: &Parameters, _: &mut ProbeContext) -> Result<Observation, Unseen> {
    Ok(observe(&read_proc("/proc/cmdline")?))
}

pub(super) fn observe(bytes: &[u8]) -> Observation {
    Observation::new().with("options", options(bytes))
}

/// The options; double quotes keep white space within one together (kernel-parameters.rst) and are taken away.
fn options(bytes: &[u8]) -> Vec<String> {
    let mut options = vec![];
    let mut option = String::new();
    let mut quoted = false;
    for c in String::from_utf8_lossy(bytes).chars() {
        match c {
            '"' => quoted = !quoted,
            c if c.is_ascii_whitespace() && !quoted => {
                if !option.is_empty() {
                    options.push(std::mem::take(&mut option));
                }
            }
            c => option.push(c),
        }
    }
    if !option.is_empty() {
        options.push(option);
    }
    options
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn quotes_keep_an_option_together() {
        assert_eq!(options(b"quiet  root=\"a b\" x=\"1 2\"3\n"), ["quiet", "root=a b", "x=1 23"]);
        for (odd, count) in [(&b""[..], 0), (b"\n", 0), (b"\"", 0), (b"\"\"", 0), (b"\"a b", 1), (b"\xff \x00", 2)] {
            assert_eq!(options(odd).len(), count, "{odd:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in any::<Vec<u8>>()) {
            prop_assert!(options(&bytes).iter().all(|option| !option.is_empty()));
        }
    }
}
