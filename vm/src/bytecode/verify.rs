//! The verifier: code that passes cannot make the machine reach outside its registers, constants or instructions, nor
//! read a register that nothing wrote ([`flow`]), nor go round without being counted ([`super::turns`]).

use super::code::{Callee, Capture, Code, Constant};
use super::flow::{self, Refusal};
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
    /// The code may be sound, but is too large to check.
    pub is_large: bool,
}

impl VerifyError {
    /// What to say of code that was compiled from someone's text.
    #[must_use]
    pub fn of_compiled(&self) -> String {
        if self.is_large {
            format!(
                "{} is too large to compile: {}",
                self.function, self.problem
            )
        } else {
            format!("compiler fault: {self}")
        }
    }
}

/// Check a definition's or script part's code and the functions inside. `definitions` and `codes` bound what call
/// sites name.
pub fn verify(
    code: &Code,
    globals: usize,
    definitions: usize,
    codes: usize,
) -> Result<(), VerifyError> {
    verify_given(code, globals, definitions, codes, &[])
}

/// As [`verify`], for code whose caller fills the registers `given` before its first instruction.
pub fn verify_given(
    code: &Code,
    globals: usize,
    definitions: usize,
    codes: usize,
    given: &[u16],
) -> Result<(), VerifyError> {
    // Only `MakeFunction` gives a function its captured variables, and only a call of it makes a generator.
    if !code.captures.is_empty() || code.is_generator {
        return Err(VerifyError {
            function: code.name.to_string(),
            instruction: 0,
            problem: "a function that stands outside",
            is_large: false,
        });
    }
    verify_one(code, globals, definitions, codes, given)?;
    let mut waiting: Vec<&Code> = code.children.iter().collect();
    while let Some(code) = waiting.pop() {
        verify_one(code, globals, definitions, codes, &[])?;
        waiting.extend(&code.children);
    }
    Ok(())
}

fn verify_one(
    code: &Code,
    globals: usize,
    definitions: usize,
    codes: usize,
    given: &[u16],
) -> Result<(), VerifyError> {
    let error = |instruction, problem, is_large| VerifyError {
        function: code.name.to_string(),
        instruction,
        problem,
        is_large,
    };
    let fail = |instruction, problem| Err(error(instruction, problem, false));
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
        || given.iter().any(|given| usize::from(*given) >= registers)
    {
        return fail(0, "registers out of range");
    }
    let parameters = &code.parameters;
    if usize::from(parameters.positional) + parameters.keyword_defaults.len()
        != parameters.names.len()
        || parameters.defaults > parameters.positional
        || parameters.positional_only > parameters.positional
        || parameters.rest_names.len()
            != usize::from(parameters.rest) + usize::from(parameters.named_rest)
    {
        return fail(0, "parameters that do not add up");
    }
    if !code.ops.last().is_some_and(Op::is_terminator) {
        return fail(code.ops.len() - 1, "the end is reached");
    }
    for (instruction, op) in code.ops.iter().enumerate() {
        if let Some(problem) = instruction_problem(code, globals, instruction, *op) {
            return fail(instruction, problem);
        }
    }
    if code.handlers.len() > code.ops.len() {
        return fail(0, "too many handlers");
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
    if let Some(problem) = table_problem(code, definitions, codes) {
        return fail(0, problem);
    }
    flow::check(code, given).map_err(|(instruction, refusal)| match refusal {
        Refusal::Wrong(problem) => error(instruction, problem, false),
        Refusal::Large(problem) => error(instruction, problem, true),
    })
}

/// What is wrong with an instruction by itself.
fn instruction_problem(
    code: &Code,
    globals: usize,
    instruction: usize,
    op: Op,
) -> Option<&'static str> {
    let mut checks = Checks {
        code,
        globals,
        absent: 0,
        problem: None,
    };
    op.visit(&mut checks);
    if checks.absent != may_be_absent(op) {
        return Some("an operand is missing");
    }
    if checks.problem.is_some() {
        return checks.problem;
    }
    if let Some((base, count)) = op.window()
        && base.index() + count > usize::from(code.registers)
    {
        return Some("window out of range");
    }
    match op {
        Op::TryName { .. } if instruction + 2 >= code.ops.len() => Some("nothing to skip"),
        Op::DictUpdate {
            few: Few(1), dict, ..
        } if dict.0 < 2 => Some("named arguments without what is called"),
        Op::Yield { .. } if !code.is_generator => Some("yield outside a generator"),
        _ => counts(code, op),
    }
}

/// What is wrong with the call sites and the captured variables.
fn table_problem(code: &Code, definitions: usize, codes: usize) -> Option<&'static str> {
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
            return Some("call site out of range");
        }
    }
    for child in &code.children {
        for capture in &child.captures {
            let in_range = match capture {
                Capture::Register(register) => usize::from(*register) < usize::from(code.registers),
                Capture::Free(index) => usize::from(*index) < code.captures.len(),
            };
            if !in_range {
                return Some("capture out of range");
            }
        }
    }
    None
}

/// How many operands of an instruction are left out where that is allowed.
fn may_be_absent(op: Op) -> usize {
    usize::from(match op {
        Op::Format { spec: may, .. } | Op::Raise { cause: may, .. } => may == NO_SRC,
        Op::Call { names, .. } => names == NO_CONST,
        _ => false,
    })
}

/// Counts of an instruction that something else counts on.
fn counts(code: &Code, op: Op) -> Option<&'static str> {
    match op {
        Op::Call { few, names, .. } if names != NO_CONST => {
            let Constant::Names(names) = &code.constants[names.index()] else {
                return Some("argument names that are none");
            };
            (names.len() > usize::from(few.0)).then_some("more names than arguments")
        }
        Op::MakeFunction { few, c, .. } => {
            let parameters = &code.children[c.index()].parameters;
            let named = parameters.keyword_defaults.iter().filter(|has| **has);
            let defaults = usize::from(parameters.defaults) + named.count();
            (defaults != usize::from(few.0)).then_some("defaults that do not add up")
        }
        Op::LoadDynamic { .. } if code.registers < 3 => Some("register out of range"),
        _ => None,
    }
}

struct Checks<'c> {
    code: &'c Code,
    globals: usize,
    /// Operands that are left out.
    absent: usize,
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
        if operand == NO_SRC {
            self.absent += 1;
        } else {
            self.check(operand.0 < self.code.registers, "register out of range");
        }
    }
    fn Base(&mut self, operand: Base) {
        self.check(operand.0 <= self.code.registers, "register out of range");
    }
    fn Const(&mut self, operand: Const) {
        if operand == NO_CONST {
            self.absent += 1;
        } else {
            let in_range = operand.index() < self.code.constants.len();
            self.check(in_range, "constant out of range");
        }
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
