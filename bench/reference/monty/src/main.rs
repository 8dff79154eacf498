//! The programs of `avap bench vm` on Monty: lines in, lines out; see `bench/reference/README.md`.

use std::collections::HashMap;
use std::error::Error;
use std::hint::black_box;
use std::io::{self, BufRead as _, Write as _};

use monty::MontyRun;
use monty_types::{CompileOptions, MontyObject, PrintWriter, ResourceTracker};
use rustix::time::{ClockId, clock_gettime};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const PROGRAMS: [(&str, &str); 4] = [
    ("empty", ""),
    (
        "additions",
        "def additions(n):\n    t = 0\n    for i in range(n):\n        t = t + i\n    return t\n\nadditions(n)\n",
    ),
    (
        "fibonacci",
        "def fib(n):\n    return n if n < 2 else fib(n - 1) + fib(n - 2)\n\nfib(n)\n",
    ),
    (
        "texts",
        "def texts(n):\n    t = ''\n    for i in range(n):\n        t = 'T-' + str(i)\n    return t\n\ntexts(n)\n",
    ),
];

fn main() -> Result<(), Box<dyn Error>> {
    let mut programs = HashMap::new();
    for (name, code) in PROGRAMS {
        let inputs = vec!["n".to_owned()];
        let options = CompileOptions::default();
        let program = MontyRun::new(code.to_owned(), "program.py", inputs, options)?;
        programs.insert(name, program);
    }
    let mut out = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        let line = line?;
        let mut words = line.split(' ');
        let mut word = || {
            words
                .next()
                .ok_or("a program, its input, and turns are wanted")
        };
        let program = programs.get(word()?).ok_or("there is no such program")?;
        let (n, turns): (i64, u64) = (word()?.parse()?, word()?.parse()?);
        let mut result = run(program, n)?;
        let start = cpu_ns();
        for _ in 0..turns {
            result = black_box(run(program, black_box(n))?);
        }
        let spent = cpu_ns() - start;
        let shown = match result {
            MontyObject::Int(number) => number.to_string(),
            MontyObject::String(text) => text,
            MontyObject::None => "0".to_owned(), // an empty program's
            other => format!("{other:?}"),
        };
        writeln!(out, "{spent} {shown}")?;
        out.flush()?;
    }
    Ok(())
}

fn run(program: &MontyRun, n: i64) -> Result<MontyObject, Box<dyn Error>> {
    let inputs = vec![MontyObject::Int(n)];
    Ok(program.run(inputs, ResourceTracker::default(), PrintWriter::Disabled)?)
}

/// CPU time of this thread.
fn cpu_ns() -> i64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    now.tv_sec * 1_000_000_000 + now.tv_nsec
}
