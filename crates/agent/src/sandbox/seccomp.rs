//! System calls, by seccomp (seccomp(2)). What is not allowed fails with EPERM.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch, apply_filter,
};

use super::calls::{Argument, Calls, Test};

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
    filter.try_into().map_err(|e: seccompiler::BackendError| e.to_string())
}

fn condition(argument: &Argument) -> Result<SeccompCondition, String> {
    let (operator, value) = match argument.test {
        Test::Is(value) => (SeccompCmpOp::Eq, value),
        Test::IsNot(value) => (SeccompCmpOp::Ne, value),
        Test::HasNone(bits) => (SeccompCmpOp::MaskedEq(bits), 0),
    };
    SeccompCondition::new(argument.index, SeccompCmpArgLen::Dword, operator, value).map_err(|e| e.to_string())
}
