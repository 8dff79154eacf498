//! The verifier: code that passes cannot make the machine reach outside its registers, constants or instructions.

use super::code::{Callee, Capture, Code};
use super::op::{Op, Visitor};
use super::operand::{
    Base, Child, Const, Count, Dst, Few, Free, NO_CONST, NO_SRC, Site, Slot, Src, Target,
};
use crate::limits::{FUNCTION_CODE_MAX, FUNCTION_REGISTERS_MAX};

/// Why code is refused: which function, which instruction, what about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{function}, instruction {instruction}: {problem}")]
pub struct VerifyError {
    /// Name of the function.
    pub function: String,
    /// Number of the instruction.
    pub instruction: usize,
    /// What is wrong.
    pub problem: &'static str,
}

/// Check a definition's or script part's code and the functions inside. `definitions` and `codes` bound what call
/// sites name.
pub fn verify(
    code: &Code,
    globals: usize,
    definitions: usize,
    codes: usize,
) -> Result<(), VerifyError> {
    let mut waiting = vec![code];
    while let Some(code) = waiting.pop() {
        verify_one(code, globals, definitions, codes)?;
        waiting.extend(&code.children);
    }
    Ok(())
}

fn verify_one(
    code: &Code,
    globals: usize,
    definitions: usize,
    codes: usize,
) -> Result<(), VerifyError> {
    let fail = |instruction, problem| {
        Err(VerifyError {
            function: code.name.to_string(),
            instruction,
            problem,
        })
    };
    if code.ops.is_empty() || code.ops.len() > FUNCTION_CODE_MAX {
        return fail(0, "no instructions, or too many");
    }
    if code.offsets.len() != code.ops.len() || code.hashes.len() != code.constants.len() {
        return fail(0, "tables of different lengths");
    }
    let registers = usize::from(code.registers);
    if registers > FUNCTION_REGISTERS_MAX
        || code.parameters.registers() > registers
        || code.unset_start > code.unset_end
        || usize::from(code.unset_end) > registers
    {
        return fail(0, "registers out of range");
    }
    let parameters = &code.parameters;
    if usize::from(parameters.positional) + parameters.keyword_defaults.len()
        != parameters.names.len()
        || parameters.defaults > parameters.positional
        || parameters.positional_only > parameters.positional
    {
        return fail(0, "parameters that do not add up");
    }
    if !code.ops.last().is_some_and(Op::is_terminator) {
        return fail(code.ops.len() - 1, "the end is reached");
    }
    for (instruction, op) in code.ops.iter().enumerate() {
        let mut checks = Checks {
            code,
            globals,
            problem: None,
        };
        op.visit(&mut checks);
        if let Some(problem) = checks.problem {
            return fail(instruction, problem);
        }
        if let Some((base, count)) = op.window()
            && base.index() + count > registers
        {
            return fail(instruction, "window out of range");
        }
        if let Op::TryName { .. } = op
            && instruction + 2 >= code.ops.len()
        {
            return fail(instruction, "nothing to skip");
        }
        if let Op::DictUpdate {
            few: Few(1), dict, ..
        } = op
            && dict.0 < 2
        {
            return fail(instruction, "named arguments without what is called");
        }
        if matches!(op, Op::Yield { .. }) && !code.is_generator {
            return fail(instruction, "yield outside a generator");
        }
    }
    for handler in &code.handlers {
        if handler.start > handler.end
            || handler.end as usize > code.ops.len()
            || handler.target.index() >= code.ops.len()
            || handler.caught.index() >= registers
        {
            return fail(handler.start as usize, "handler out of range");
        }
    }
    for site in &code.sites {
        let in_range = match &site.callee {
            Callee::Definition(number) => (*number as usize) < definitions,
            Callee::Function(number) => (*number as usize) < codes,
            Callee::Error(..) => true,
        };
        let children = site
            .branches
            .iter()
            .flatten()
            .flatten()
            .chain(&site.sequence);
        if !in_range || children.into_iter().any(|number| *number as usize >= codes) {
            return fail(0, "call site out of range");
        }
    }
    for child in &code.children {
        for capture in &child.captures {
            let in_range = match capture {
                Capture::Register(register) => usize::from(*register) < registers,
                Capture::Free(index) => usize::from(*index) < code.captures.len(),
            };
            if !in_range {
                return fail(0, "capture out of range");
            }
        }
    }
    Ok(())
}

struct Checks<'c> {
    code: &'c Code,
    globals: usize,
    problem: Option<&'static str>,
}

impl Checks<'_> {
    fn check(&mut self, holds: bool, problem: &'static str) {
        if !holds {
            self.problem = Some(problem);
        }
    }
}

impl Visitor for Checks<'_> {
    fn Dst(&mut self, operand: Dst) {
        self.check(operand.0 < self.code.registers, "register out of range");
    }
    fn Src(&mut self, operand: Src) {
        self.check(
            operand == NO_SRC || operand.0 < self.code.registers,
            "register out of range",
        );
    }
    fn Base(&mut self, operand: Base) {
        self.check(operand.0 <= self.code.registers, "register out of range");
    }
    fn Const(&mut self, operand: Const) {
        self.check(
            operand == NO_CONST || operand.index() < self.code.constants.len(),
            "constant out of range",
        );
    }
    fn Slot(&mut self, operand: Slot) {
        self.check(
            operand.index() < self.globals,
            "module-level name out of range",
        );
    }
    fn Free(&mut self, operand: Free) {
        self.check(
            operand.index() < self.code.captures.len(),
            "captured variable out of range",
        );
    }
    fn Child(&mut self, operand: Child) {
        self.check(
            operand.index() < self.code.children.len(),
            "function out of range",
        );
    }
    fn Site(&mut self, operand: Site) {
        self.check(
            operand.index() < self.code.sites.len(),
            "call site out of range",
        );
    }
    fn Target(&mut self, operand: Target) {
        self.check(operand.index() < self.code.ops.len(), "target out of range");
    }
    fn Few(&mut self, _: Few) {}
    fn Count(&mut self, _: Count) {}
}
