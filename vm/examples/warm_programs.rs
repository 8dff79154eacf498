//! Warm programs for an instruction counter: `warm_programs CASE N TURNS`, which `make bench-metering` runs under callgrind.
//!
//! `counted` runs an execution from its inputs to its answer; `torn_down` drops one that still holds what it built, and how
//! many blocks of memory that gave back is printed.

#[path = "../tests/embedded/mod.rs"]
mod embedded;

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use embedded::Embedded;
use vm::execution::{Execution, Inputs, Progress, Variables, compile};
use vm::limits::SLICE_UNITS;
use vm::program::{Definition, Program};

const ADDITIONS: &str = "t = 0\nfor i in range(self.conector.variables['n']):\n    t = t + i\nself.conector.variables['r'] = t\n";
const FIBONACCI: &str = "def fib(n):\n    return n if n < 2 else fib(n - 1) + fib(n - 2)\n\nself.conector.variables['r'] = fib(self.conector.variables['n'])\n";
const TEXTS: &str = "for i in range(self.conector.variables['n']):\n    t = \"T-\" + str(i)\nself.conector.variables['r'] = t\n";
const LISTS: &str = "t = []\nfor i in range(self.conector.variables['n']):\n    t.append([i, str(i), {i: i}])\nself.conector.variables['r'] = len(t)\n";

/// Name, the definition `probe`, the script.
const CASES: [(&str, &str, &str); 6] = [
    ("definition-additions", ADDITIONS, "probe()"),
    ("definition-fibonacci", FIBONACCI, "probe()"),
    ("definition-texts", TEXTS, "probe()"),
    (
        "script-additions",
        "",
        "t = 0\nstartLoop(i, 1, n)\nt = t + i\nendLoop()",
    ),
    (
        "script-conditions",
        "",
        "startLoop(i, 1, n)\nif(i, n, <)\naddVar(x, i)\nend()\nendLoop()",
    ),
    ("teardown", LISTS, "probe()"),
];

static FREED: AtomicU64 = AtomicU64::new(0);

struct Counting;

#[expect(unsafe_code, reason = "an allocator is unsafe by its trait")]
// SAFETY: every call goes on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        FREED.fetch_add(1, Ordering::Relaxed);
        // SAFETY: `pointer` came from `System` with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let (Some(case), Some(n), Some(turns)) = (arguments.next(), arguments.next(), arguments.next())
    else {
        panic!("CASE N TURNS");
    };
    let (_, code, script) = CASES
        .into_iter()
        .find(|(name, ..)| *name == case)
        .expect("a case");
    let mut catalog = Embedded::load();
    let probe = Arc::new(Definition::new("probe", code, "[]"));
    catalog.commands.insert("probe".to_owned(), probe);
    let program = Arc::new(compile(script, &catalog).expect("a program"));
    let variables = format!("{{\"n\": {}}}", n.parse::<u32>().expect("a number"));
    // What is made once, for all executions, is made here.
    black_box(counted(&program, &variables));
    let mut freed = 0;
    for _ in 0..turns.parse::<u32>().expect("a number of turns") {
        let execution = counted(&program, black_box(&variables));
        let before = FREED.load(Ordering::Relaxed);
        torn_down(execution);
        freed = FREED.load(Ordering::Relaxed) - before;
    }
    println!("{freed}");
}

/// What is counted: an execution from its inputs to its answer, in slices.
#[inline(never)]
fn counted(program: &Arc<Program>, variables: &str) -> Execution {
    let inputs = Inputs {
        variables: Variables::Json(variables),
        ..Inputs::default()
    };
    let mut execution = Execution::new(Arc::clone(program), &inputs).expect("an execution");
    loop {
        if let Progress::Done(answer) = execution.run(SLICE_UNITS) {
            assert!(answer.failure.is_none(), "{answer:?}");
            return execution;
        }
    }
}

/// What is counted of the end: all that an execution holds goes.
#[inline(never)]
fn torn_down(execution: Execution) {
    drop(black_box(execution));
}
