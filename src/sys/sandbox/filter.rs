//! From rules about system calls to a filter of the kernel's: classic BPF, seccomp(2). Pure.
//!
//! One program with three answers: allowed, refused with an error, killed. Calls that no rule names get ENOSYS, as from an
//! older kernel, so that a libc that has learnt a new call falls back to the old one.
#![forbid(unsafe_code)]

/// A number of the kernel's for a system call.
pub(super) type Number = libc::c_long;

/// What becomes of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Decision {
    /// It is made.
    Allow,
    /// It is made if all conditions of one of the alternatives hold; otherwise it fails with this error.
    AllowIf(Vec<Vec<Condition>>, u16),
    /// It fails with this error.
    Refuse(u16),
    /// The process is killed, with SIGSYS: nothing but an attack calls it.
    Kill,
}

/// Something that must hold of an argument, by its place. Bits beyond the lower 32 do not count: of all arguments that are
/// looked at the kernel itself takes only these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Condition {
    pub(super) argument: u8,
    /// Which bits are looked at.
    pub(super) mask: u32,
    /// What they must be.
    pub(super) value: u32,
}

impl Condition {
    /// The argument has this value.
    pub(super) const fn is(argument: u8, value: u32) -> Self {
        Self { argument, mask: u32::MAX, value }
    }

    /// None of these bits is set.
    pub(super) const fn lacks(argument: u8, bits: u32) -> Self {
        Self { argument, mask: bits, value: 0 }
    }

    /// Of the bits of `mask` these are set and no others.
    pub(super) const fn has_of(argument: u8, mask: u32, value: u32) -> Self {
        Self { argument, mask, value }
    }
}

/// What the kernel calls a processor and the way in which its calls are numbered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Architecture {
    /// An `AUDIT_ARCH_…` of linux/audit.h.
    pub(super) audit: u32,
    /// Calls of this number and above have another calling convention: x32, of which nothing here is made.
    pub(super) foreign_from: Option<u32>,
}

/// That of this program; `None` where nobody has looked at the numbers yet.
pub(super) const HERE: Option<Architecture> = architecture();

const fn architecture() -> Option<Architecture> {
    // Arguments are looked at by halves, of which the lower comes first.
    if cfg!(target_endian = "big") || cfg!(target_pointer_width = "32") {
        return None;
    }
    if cfg!(target_arch = "x86_64") {
        return Some(Architecture { audit: 0xC000_003E, foreign_from: Some(0x4000_0000) });
    }
    if cfg!(target_arch = "aarch64") {
        return Some(Architecture { audit: 0xC000_00B7, foreign_from: None });
    }
    if cfg!(target_arch = "riscv64") {
        return Some(Architecture { audit: 0xC000_00F3, foreign_from: None });
    }
    None
}

/// One instruction, laid out as the kernel's `struct sock_filter`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub(super) struct Instruction {
    pub(super) code: u16,
    pub(super) jump_if_true: u8,
    pub(super) jump_if_false: u8,
    pub(super) operand: u32,
}

// linux/bpf_common.h: BPF_LD|BPF_W|BPF_ABS, BPF_ALU|BPF_AND|BPF_K, BPF_JMP|BPF_JEQ|BPF_K, BPF_JMP|BPF_JGE|BPF_K, BPF_RET|BPF_K.
const LOAD: u16 = 0x20;
const AND: u16 = 0x54;
const JUMP_IF_EQUAL: u16 = 0x15;
const JUMP_IF_AT_LEAST: u16 = 0x35;
const RETURN: u16 = 0x06;

// Places in `struct seccomp_data`.
const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;
const ARGUMENTS: u32 = 16;

// linux/seccomp.h: SECCOMP_RET_ALLOW, _ERRNO, _KILL_PROCESS (older kernels than 4.14 take it for _KILL_THREAD).
const RET_ALLOW: u32 = 0x7fff_0000;
const RET_ERRNO: u32 = 0x0005_0000;
const RET_KILL: u32 = 0x8000_0000;

/// The error of a call that nobody knows.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // 38
const UNKNOWN: u16 = libc::ENOSYS as u16;

/// The filter for these rules. Of two rules for a call the first holds.
pub(super) fn program(architecture: Architecture, rules: &[(Number, Decision)]) -> Vec<Instruction> {
    let mut program = vec![
        load(ARCHITECTURE),
        jump(JUMP_IF_EQUAL, architecture.audit, 1, 0),
        answer(RET_KILL),
        load(NUMBER),
    ];
    if let Some(first) = architecture.foreign_from {
        program.extend([jump(JUMP_IF_AT_LEAST, first, 0, 1), answer(RET_KILL)]);
    }
    for (number, decision) in rules {
        let block = block(decision);
        // Numbers of calls are small, and so are blocks: `every_rule_fits_into_a_jump` looks at all there are.
        let (Ok(number), Ok(length)) = (u32::try_from(*number), u8::try_from(block.len())) else { continue };
        program.push(jump(JUMP_IF_EQUAL, number, 0, length));
        program.extend(block);
    }
    program.push(error(UNKNOWN));
    program
}

/// What decides about a call once it is found; it always ends in an answer.
fn block(decision: &Decision) -> Vec<Instruction> {
    match decision {
        Decision::Allow => vec![answer(RET_ALLOW)],
        Decision::Refuse(number) => vec![error(*number)],
        Decision::Kill => vec![answer(RET_KILL)],
        Decision::AllowIf(alternatives, otherwise) => {
            let mut block: Vec<_> = alternatives.iter().flat_map(|all| alternative(all)).collect();
            block.push(error(*otherwise));
            block
        }
    }
}

/// Allows the call if all conditions hold; goes on behind itself if one does not.
fn alternative(conditions: &[Condition]) -> Vec<Instruction> {
    let mut block = vec![answer(RET_ALLOW)];
    // From the last to the first, since each jumps over those behind it.
    for condition in conditions.iter().rev() {
        let rest = u8::try_from(block.len()).unwrap_or(u8::MAX);
        let place = ARGUMENTS + 8 * u32::from(condition.argument);
        let test = [
            load(place),
            Instruction { code: AND, jump_if_true: 0, jump_if_false: 0, operand: condition.mask },
            jump(JUMP_IF_EQUAL, condition.value, 0, rest),
        ];
        block.splice(0..0, test);
    }
    block
}

const fn load(place: u32) -> Instruction {
    Instruction { code: LOAD, jump_if_true: 0, jump_if_false: 0, operand: place }
}

const fn jump(code: u16, operand: u32, jump_if_true: u8, jump_if_false: u8) -> Instruction {
    Instruction { code, jump_if_true, jump_if_false, operand }
}

const fn answer(operand: u32) -> Instruction {
    Instruction { code: RETURN, jump_if_true: 0, jump_if_false: 0, operand }
}

fn error(number: u16) -> Instruction {
    answer(RET_ERRNO | u32::from(number))
}

#[cfg(test)]
#[path = "filter_tests.rs"]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests;
