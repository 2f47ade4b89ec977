//! System calls, by seccomp (seccomp(2)). What is not allowed fails with EPERM.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch, apply_filter,
};

use crate::calls::{Argument, Calls, Test};

/// Filters the calls of this thread, of threads and children that it starts.
pub fn apply(calls: &Calls) -> Result<(), String> {
    let program = compile(calls)?;
    apply_filter(&program).map_err(|e| e.to_string())
}

/// The filter as the kernel takes it.
pub fn compile(calls: &Calls) -> Result<BpfProgram, String> {
    let refused = SeccompAction::Errno(libc::EPERM as u32);
    let (listed, others) = match calls {
        Calls::Only(_) => (SeccompAction::Allow, refused),
        Calls::AllBut(_) => (refused, SeccompAction::Allow),
    };
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = BTreeMap::new();
    for (call, conditions) in calls.listed() {
        let rule = rules.entry(*call).or_default();
        if !conditions.is_empty() {
            let conditions: Result<Vec<_>, String> = conditions.iter().map(condition).collect();
            rule.push(SeccompRule::new(conditions?).map_err(|e| e.to_string())?);
        }
    }
    let arch: TargetArch = std::env::consts::ARCH.try_into().map_err(|_| "this processor is not known".to_owned())?;
    let filter = SeccompFilter::new(rules, others, listed, arch).map_err(|e| e.to_string())?;
    let program: BpfProgram = filter.try_into().map_err(|e: seccompiler::BackendError| e.to_string())?;
    Ok(under_their_own_numbers(program))
}

/// Refuses every call by its number of x32, before the filter looks: a list of what is not made would let it pass.
#[cfg(target_arch = "x86_64")]
fn under_their_own_numbers(mut program: BpfProgram) -> BpfProgram {
    use seccompiler::sock_filter;
    /// `__X32_SYSCALL_BIT` of the kernel's `asm/unistd.h`.
    const X32: u32 = 0x4000_0000;
    let line = |code: u32, jf: u8, k: u32| sock_filter { code: code as u16, jt: 0, jf, k };
    let refusal = libc::SECCOMP_RET_ERRNO | libc::EPERM as u32;
    // The number of the call stands first in what the filter is told (struct seccomp_data).
    let first = [
        line(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0),
        line(libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K, 1, X32),
        line(libc::BPF_RET | libc::BPF_K, 0, refusal),
    ];
    program.splice(0..0, first);
    program
}

#[cfg(not(target_arch = "x86_64"))]
fn under_their_own_numbers(program: BpfProgram) -> BpfProgram {
    program
}

fn condition(argument: &Argument) -> Result<SeccompCondition, String> {
    let (operator, value) = match argument.test {
        Test::Is(value) => (SeccompCmpOp::Eq, value),
        Test::IsNot(value) => (SeccompCmpOp::Ne, value),
        Test::HasNone(bits) => (SeccompCmpOp::MaskedEq(bits), 0),
        Test::IsBut(value, bits) => (SeccompCmpOp::MaskedEq(!bits & u64::from(u32::MAX)), value),
    };
    SeccompCondition::new(argument.index, SeccompCmpArgLen::Dword, operator, value).map_err(|e| e.to_string())
}
