//! What the verifier accepts and refuses, in the words of listings.

use std::sync::Arc;

use vm::bytecode::operand::{Dst, Target};
use vm::bytecode::{Code, Constant, Handler, Op};
use vm::execution::{Execution, Inputs, Progress, compile};
use vm::program::{Catalog, Definition};

/// Module code: its registers 0 and 1 are given, 2 and 3 are unset.
fn code(ops: &str) -> Code {
    let ops: Vec<Op> = ops
        .lines()
        .map(|line| Op::parse(line).unwrap_or_else(|| panic!("{line}")))
        .collect();
    let mut code = Code {
        offsets: vec![0; ops.len()],
        ops,
        constants: vec![
            Constant::Int(1),
            Constant::Names(["a".into(), "b".into()].into()),
        ],
        registers: 8,
        unset_start: 2,
        unset_end: 4,
        ..Code::default()
    };
    code.parameters.names = vec!["task".into(), "self".into()];
    code.parameters.positional = 2;
    code.seal();
    code
}

fn verify(code: &Code) -> Result<(), &'static str> {
    vm::bytecode::verify::verify(code, code.globals.len(), 0, 0).map_err(|error| error.problem)
}

#[track_caller]
fn accepted(ops: &str) {
    assert_eq!(verify(&code(ops)), Ok(()));
}

#[track_caller]
fn refused(ops: &str, problem: &str) {
    assert_eq!(verify(&code(ops)), Err(problem));
}

const UNWRITTEN: &str = "a register is read that may not be written";

#[test]
fn a_register_that_nothing_wrote_is_not_read() {
    accepted("return r3");
    refused("return r4", UNWRITTEN);
    accepted("load =r4 k0\nbuild_list =r4 r+3 #2\nreturn r4");
    refused("load =r4 k0\nbuild_list =r4 r+3 #3\nreturn r4", UNWRITTEN);
    accepted("unpack r0 r+4 #2\nadd =r6 r4 r5\nreturn r6");
    refused("unpack r0 r+4 #2\nadd =r6 r4 r6\nreturn r6", UNWRITTEN);
}

#[test]
fn where_ways_meet_only_what_both_wrote_counts() {
    accepted("jump_if r0 @3\nload =r4 k0\njump @4\nload =r4 k0\nreturn r4");
    refused(
        "jump_if r0 @3\nload =r4 k0\njump @4\nload =r5 k0\nreturn r4",
        UNWRITTEN,
    );
    // Found in the second pass: the way back brings less.
    refused(
        "load =r4 k0\nmove =r6 r4\ncall #0 =r2 r+3 k65535\nload =r5 k0\njump_if_not r0 @6\nloop @1\nreturn r5",
        UNWRITTEN,
    );
    // The item is there in the loop, not after it.
    accepted("get_iter =r4 r0\njump @3\nmove =r6 r5\nfor_next r4 @2\nreturn r4");
    refused(
        "get_iter =r4 r0\njump @3\nmove =r6 r5\nfor_next r4 @2\nreturn r5",
        UNWRITTEN,
    );
    // A name that is found skips the next instruction.
    accepted("try_name =r4 k0\nload =r4 k0\nreturn r4");
    refused("try_name =r4 k0\nload =r5 k0\nreturn r4", UNWRITTEN);
}

#[test]
fn what_a_call_covers_is_gone_after_it() {
    accepted("load =r4 k0\nload =r5 k0\ncall #1 =r6 r+4 k65535\nreturn r6");
    accepted("load =r4 k0\nload =r5 k0\ncall #1 =r6 r+4 k65535\nreturn r4");
    refused(
        "load =r4 k0\nload =r5 k0\ncall #1 =r6 r+4 k65535\nreturn r5",
        UNWRITTEN,
    );
    refused(
        "load =r4 k0\nload =r6 k0\ncall_method #0 =r5 r+4 k0\nreturn r6",
        UNWRITTEN,
    );
}

#[test]
fn a_handler_has_what_every_instruction_that_it_covers_has() {
    let covered = |ops: &str, start, end| {
        let mut code = code(ops);
        code.handlers.push(Handler {
            start,
            end,
            target: Target(4),
            caught: Dst(7),
        });
        verify(&code)
    };
    let ops = "load =r4 k0\nload =r5 k0\nadd =r6 r4 r5\nreturn r6\nadd =r5 r4 r7\nreturn r5";
    assert_eq!(covered(ops, 1, 3), Ok(()));
    assert_eq!(covered(ops, 0, 3), Err(UNWRITTEN));
    let raises =
        "load =r4 k0\nload =r5 k0\ncall #0 =r4 r+3 k65535\nreturn r4\nadd =r5 r4 r7\nreturn r5";
    assert_eq!(covered(raises, 2, 3), Err(UNWRITTEN));
}

#[test]
fn jumps_and_ends_stay_inside() {
    refused("jump @1", "target out of range");
    refused("load =r4 k0", "the end is reached");
    accepted("jump_if r0 @2\nloop @0\nreturn r0");
    for back in ["jump @0", "jump_if r0 @0", "jump_if_not r0 @0"] {
        refused(
            &format!("{back}\nreturn r0"),
            "a way back that is not counted",
        );
    }
    refused("try_name =r4 k0\nreturn r0", "nothing to skip");
}

#[test]
fn operands_are_left_out_only_where_they_may_be() {
    accepted("raise r0 r65535");
    refused("raise r65535 r0", "an operand is missing");
    refused("move =r4 r65535\nreturn r4", "an operand is missing");
    refused("load =r4 k65535\nreturn r4", "an operand is missing");
}

#[test]
fn counts_agree() {
    accepted("call #1 =r2 r+0 k65535\nreturn r2");
    accepted("call #2 =r2 r+0 k1\nreturn r2");
    refused("call #1 =r2 r+0 k1\nreturn r2", "more names than arguments");
    refused(
        "call #1 =r2 r+0 k0\nreturn r2",
        "argument names that are none",
    );
    let mut defaults = code("make_function #1 =r4 c0 r+0\nreturn r4");
    let mut inner = code("return r0");
    inner.parameters.defaults = 2;
    defaults.children.push(inner);
    assert_eq!(verify(&defaults), Err("defaults that do not add up"));
    defaults.children[0].parameters.defaults = 1;
    assert_eq!(verify(&defaults), Ok(()));
}

#[test]
fn a_function_that_needs_one_around_it_does_not_stand_alone() {
    let module = Definition::new(
        "probe",
        "def f(x):\n    return lambda: x\ny = (z for z in f)\n",
        "[]",
    );
    let module = module.code.expect("it compiles");
    assert_eq!(verify(&module), Ok(()));
    for inner in [&module.children[0].children[0], &module.children[1]] {
        assert_eq!(
            verify(inner),
            Err("a function that stands outside"),
            "{}",
            inner.name
        );
    }
}

#[test]
fn code_that_costs_too_much_to_check_is_refused() {
    let jumps: Vec<String> = (1..=10_000)
        .map(|target| format!("jump @{target}\n"))
        .collect();
    let mut code = code(&(jumps.concat() + "return r0"));
    assert_eq!(verify(&code), Ok(()));
    (code.registers, code.unset_end) = (30_000, 30_000);
    assert_eq!(
        verify(&code),
        Err("too many variables and branches in one function")
    );
}

#[test]
fn code_that_is_too_tangled_to_check_is_refused() {
    // Loops in loops; the end of each forgets one register more, which all loops inside have to hear of.
    let count = 2_000;
    let mut lines: Vec<String> = (4..5 + count)
        .map(|register| format!("load =r{register} k0"))
        .collect();
    let heads = lines.len();
    lines.extend((0..count).map(|_| "move =r2 r0".to_owned()));
    for level in (0..count).rev() {
        lines.push(format!("load =r{} k0", 4 + level));
        lines.push(format!("call #0 =r2 r+{} k65535", 4 + level));
        lines.push(format!("jump_if r0 @{}", lines.len() + 2));
        lines.push(format!("loop @{}", heads + level));
    }
    lines.push("return r0".to_owned());
    let mut code = code(&lines.join("\n"));
    code.registers = 5 + count as u16;
    let begun = std::time::Instant::now();
    assert_eq!(verify(&code), Err("branches too tangled to check"));
    assert!(begun.elapsed().as_secs() < 10, "{:?}", begun.elapsed());
}

#[test]
fn only_ways_round_need_to_be_counted() {
    // Back to where ways meet, as specialised code goes.
    accepted("jump_if r0 @3\nload =r4 k0\nreturn r4\njump @1");
    accepted("jump_if r0 @3\nload =r4 k0\nreturn r4\njump_if r1 @1\njump @1");
    refused(
        "jump_if r0 @3\nload =r4 k0\njump @3\njump @1",
        "a way back that is not counted",
    );
    refused(
        "load =r4 k0\njump_unless_int r0 @0\nreturn r4",
        "a way back that is not counted",
    );
    // A loop that counts on one of its two ways round only.
    accepted("jump_if r0 @3\nmove =r4 r1\nreturn r0\nloop @0");
    refused(
        "jump_if r0 @3\njump_if r1 @0\nreturn r0\nloop @0",
        "a way back that is not counted",
    );
    let handled = |ops: &str, start, end, target| {
        let mut code = code(ops);
        code.handlers.push(Handler {
            start,
            end,
            target: Target(target),
            caught: Dst(7),
        });
        verify(&code)
    };
    // A handler may stand before what it covers, but what it covers may not come after it again.
    let before = "jump @2\nreturn r0\nadd =r4 r0 r1\nreturn r4";
    assert_eq!(handled(before, 2, 3, 1), Ok(()));
    let again = "jump @2\nload =r5 k0\nadd =r4 r0 r1\nreturn r4";
    assert_eq!(
        handled(again, 2, 3, 1),
        Err("a way back that is not counted")
    );
    assert_eq!(
        handled("add =r4 r0 r1\nreturn r4", 0, 1, 0),
        Err("a way back that is not counted")
    );
}

#[test]
fn handlers_that_bisection_would_not_find_are_refused() {
    let mut code = code("add =r4 r0 r1\nadd =r4 r0 r1\nreturn r4\nreturn r0\nreturn r1");
    for (start, end, target) in [(1, 2, 3), (0, 2, 4)] {
        let (target, caught) = (Target(target), Dst(7));
        code.handlers.push(Handler {
            start,
            end,
            target,
            caught,
        });
    }
    assert_eq!(verify(&code), Err("handlers that would not be found"));
    code.seal();
    assert_eq!(verify(&code), Ok(()));
    code.handlers.swap(0, 1);
    assert_eq!(verify(&code), Err("handlers that would not be found"));
}

#[test]
fn more_handlers_than_a_text_can_nest_are_refused() {
    let covered = |count: usize| {
        let mut code = code("add =r4 r0 r1\nreturn r4\nreturn r0");
        code.handlers = (0..count)
            .map(|_| Handler {
                start: 0,
                end: 2,
                target: Target(2),
                caught: Dst(7),
            })
            .collect();
        code.seal();
        verify(&code)
    };
    assert_eq!(covered(3), Ok(()));
    assert_eq!(covered(4), Err("too many handlers"));
}

struct NoCommands;

impl Catalog for NoCommands {
    fn definition(&self, _: &str) -> Option<Arc<Definition>> {
        None
    }
}

fn nested_loops(count: usize) -> String {
    let ends = "endLoop()\n".repeat(count);
    format!(
        "t = 0\n{}t = t + 1\n{ends}",
        "startLoop(i, 1, 1)\n".repeat(count)
    )
}

#[test]
fn three_thousand_loops_in_loops_are_checked_and_run() {
    let begun = std::time::Instant::now();
    let program = compile(&nested_loops(3_000), &NoCommands).expect("a program");
    assert!(begun.elapsed().as_secs() < 10, "{:?}", begun.elapsed());
    let mut execution = Execution::new(Arc::new(program), &Inputs::default()).expect("memory");
    let answer = loop {
        if let Progress::Done(answer) = execution.run(4_000) {
            break answer;
        }
    };
    assert!(answer.failure.is_none(), "{}", answer.body);
    assert!(answer.body.contains("\"t\": 1"), "{}", answer.body);
}

#[test]
fn more_loops_in_loops_than_can_be_checked_are_the_users_error() {
    // With two assignments the most statements that a script may have.
    let failure = compile(&nested_loops(19_998), &NoCommands).expect_err("too large");
    assert_eq!(failure.code, "script_too_large");
    assert!(
        failure.error.starts_with("script is too large to compile"),
        "{}",
        failure.error
    );
}
