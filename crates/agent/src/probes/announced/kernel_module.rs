//! `kernel_module`: one module of the kernel. To be read from /proc/modules, modprobe.d(5), modules.builtin of the
//! running kernel.

use writ_policy::schema::{Kind, ProbeSchema};

use super::{field, required};

pub(super) const SCHEMA: ProbeSchema = ProbeSchema {
    name: "kernel_module",
    about: "one module of the kernel",
    parameters: &[required("name", Kind::Text, "the module, for instance \"usb-storage\"")],
    observation: &[
        field("present", Kind::Bool, "whether the running kernel has it, as a file or built in"),
        field("loaded", Kind::Bool, "whether it is loaded or built in"),
        field("loadable", Kind::Bool, "whether anything could load it"),
    ],
};
