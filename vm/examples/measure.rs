//! Microseconds of the cases that the speed targets name: `cargo run --release --example measure [case]`.
//!
//! Each case runs warm (compiled before) and to its end; the median CPU time of some batches is printed with the units it
//! used. CPU time is the kernel's (`/proc/self/schedstat`), so other work on the machine counts little.

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::Arc;

use vm::execution::{Execution, Inputs, Variables, compile};
use vm::program::{Catalog, Definition, Program};

struct Commands(HashMap<String, Arc<Definition>>);

impl Catalog for Commands {
    fn definition(&self, name: &str) -> Option<Arc<Definition>> {
        self.0.get(name).cloned()
    }
}

fn embedded() -> HashMap<String, Arc<Definition>> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../supervisor/commands");
    let mut commands = HashMap::new();
    for entry in std::fs::read_dir(folder).expect("the folder") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|extension| extension != "py") {
            continue;
        }
        let name = path
            .file_stem()
            .and_then(|name| name.to_str())
            .expect("a name")
            .to_owned();
        let text = std::fs::read_to_string(&path).expect("a file");
        let (block, code) = text.split_once("\n# ///\n").expect("a block");
        let items: Vec<String> = block
            .lines()
            .filter_map(|line| line.split_once("item = \"")?.1.split_once('"'))
            .map(|(name, _)| format!("{{\"item\": \"{name}\"}}"))
            .collect();
        let interface = format!("[{}]", items.join(","));
        commands.insert(
            name.clone(),
            Arc::new(Definition::new(&name, code, &interface)),
        );
    }
    commands
}

const ADDITIONS: &str = "t = 0\nfor i in range(self.conector.variables['n']):\n    t = t + i\nself.conector.variables['r'] = t\n";
const FIBONACCI: &str = "def fib(n):\n    return n if n < 2 else fib(n - 1) + fib(n - 2)\n\nself.conector.variables['r'] = fib(self.conector.variables['n'])\n";
const TEXTS: &str = "for i in range(self.conector.variables['n']):\n    t = \"T-\" + str(i)\nself.conector.variables['r'] = t\n";

fn main() {
    let chosen = std::env::args().nth(1);
    let chain = "addVar(a, 1)\naddVar(b, a)\naddResult(a)\naddResult(b)\nif(a, 1, =)\n addVar(c, 2)\nend()\n\
                 encodeSHA256(name, h)\naddVar(d, x)\nvariableToList(d, l)\ngetListLen(l, k)\naddResult(k)";
    let cases: &[(&str, &str, &str, &str)] = &[
        ("empty", "", "{}", "// nothing"),
        (
            "definition: 1000 t = t + i",
            ADDITIONS,
            "{\"n\": 1000}",
            "probe()",
        ),
        ("definition: fib(27)", FIBONACCI, "{\"n\": 27}", "probe()"),
        (
            "definition: 1000 \"T-\" + str(i)",
            TEXTS,
            "{\"n\": 1000}",
            "probe()",
        ),
        (
            "script: 1000 t = t + i",
            "",
            "{\"n\": 1000}",
            "t = 0\nstartLoop(i, 1, n)\nt = t + i\nendLoop()",
        ),
        (
            "script: 1000 if/addVar/end",
            "",
            "{\"n\": 1000}",
            "startLoop(i, 1, n)\nif(i, n, <)\naddVar(x, i)\nend()\nendLoop()",
        ),
        ("script: chain of 10 commands", "", "{}", chain),
    ];
    for (name, code, variables, script) in cases {
        if chosen
            .as_ref()
            .is_some_and(|chosen| !name.contains(chosen.as_str()))
        {
            continue;
        }
        let mut commands = embedded();
        commands.insert(
            "probe".into(),
            Arc::new(Definition::new("probe", code, "[]")),
        );
        let catalog = Commands(commands);
        let program = Arc::new(compile(script, &catalog).expect("a program"));
        let (median, fuel) = measure(&program, variables);
        println!("{median:12.2} µs  {fuel:9} units  {name}");
        if name.contains("chain") {
            let start = cpu_ns();
            for _ in 0..2_000 {
                black_box(compile(black_box(script), &catalog).expect("a program"));
            }
            println!(
                "{:12.2} µs             cold compile of it",
                (cpu_ns() - start) as f64 / 1e3 / 2_000.0
            );
        }
    }
}

/// Nanoseconds of CPU that this thread has used.
fn cpu_ns() -> u64 {
    let text =
        std::fs::read_to_string("/proc/thread-self/schedstat").expect("a kernel with schedstat");
    text.split_whitespace()
        .next()
        .and_then(|word| word.parse().ok())
        .expect("a number")
}

fn measure(program: &Arc<Program>, variables: &str) -> (f64, u64) {
    let mut fuel = 0;
    let mut run = || {
        let inputs = Inputs {
            variables: Variables::Json(variables),
            ..Inputs::default()
        };
        let answer = Execution::new(Arc::clone(program), &inputs)
            .expect("an execution")
            .run_to_end();
        assert!(answer.failure.is_none(), "{answer:?}");
        fuel = answer.fuel_used;
        black_box(&answer);
    };
    run();
    // The kernel counts a running thread at its ticks: a shorter time is none at all.
    let (start, mut turns) = (cpu_ns(), 0);
    while cpu_ns() - start < 20_000_000 {
        run();
        turns += 1;
    }
    let once = ((cpu_ns() - start) / turns).max(100);
    let batch = (20_000_000 / once).clamp(1, 20_000) as u32;
    let mut times: Vec<f64> = (0..15)
        .map(|_| {
            let start = cpu_ns();
            for _ in 0..batch {
                run();
            }
            (cpu_ns() - start) as f64 / 1e3 / f64::from(batch)
        })
        .collect();
    times.sort_by(f64::total_cmp);
    (times[times.len() / 2], fuel)
}
