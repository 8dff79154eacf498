//! Many executions on one thread, in slices of random lengths: none sees anything of another, and each answers as it would
//! alone.

mod embedded;

use std::sync::Arc;

use embedded::Embedded;
use serde_json::json;
use vm::execution::{Answer, Execution, Inputs, Progress, Variables, compile};
use vm::program::Program;

const EXECUTIONS: usize = 2_400;
const AT_ONCE: usize = 96;

/// What they run: shared variables, frames of functions, objects, lists, loops, conditions, regular expressions, errors that
/// are caught, templates and expressions. Every text in the answer is made of the token.
const SCRIPTS: [&str; 4] = [
    "function double(v) {\n  w = v + v\n  return w\n}\n\
     startLoop(i, 1, turns)\n  y = token\n  if(i, 2, >)\n    AddvariableToJSON(last, token, seen)\n  end()\nendLoop()\n\
     d = double(token)\naddResult(y)\naddResult(d)\naddResult(seen)",
    "startLoop(i, 1, turns)\n  variableToList(token, many)\n  t = f'{token}-{i}'\nendLoop()\n\
     getListLen(many, n)\nitemFromList(many, 0, first)\naddResult(n)\naddResult(first)\naddResult(t)",
    "p = '[0-9]+'\nstartLoop(i, 1, turns)\n  getRegex(token, p, digits)\n  encodeMD5(token, hash)\nendLoop()\n\
     try()\nx = nothing(token)\nexception(e)\nk = {token: [token, {'in': token}]}\naddResult(digits)\naddResult(e)\naddResult(k)",
    "function outer(n) {\n  r = inner(n)\n  return r\n}\nfunction inner(n) {\n  m = f'{n}{token}'\n  return m\n}\n\
     startLoop(i, 1, turns)\n  s = outer(i)\nendLoop()\nc = ':'\nreplace(token, x, c, big)\naddResult(s)\naddResult(big)",
];

/// xorshift64*: the same lengths in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) % bound
    }
}

struct Running {
    number: usize,
    execution: Execution,
    slices: usize,
}

fn token(number: usize) -> String {
    format!("t{number:07}x")
}

fn begin(programs: &[Arc<Program>], number: usize) -> Execution {
    let turns = number * 7 % 20 + 3;
    let body = json!({ "variables": { "token": token(number), "turns": turns } }).to_string();
    let inputs = Inputs {
        body: body.as_bytes(),
        variables: Variables::OfBody,
        seed: number as u64,
        ..Inputs::default()
    };
    let program = Arc::clone(&programs[number % programs.len()]);
    Execution::new(program, &inputs).expect("an execution")
}

/// Every byte is what an execution alone answers, and every token is its own.
fn check(programs: &[Arc<Program>], number: usize, answer: &Answer) {
    let alone = begin(programs, number).run_to_end();
    assert_eq!((answer.status, &answer.body), (200, &alone.body));
    let own = token(number);
    let tokens = answer.body.match_indices('t').filter_map(|(at, _)| {
        let found = answer.body.get(at..at + own.len())?;
        let digits = &found[1..found.len() - 1];
        (found.ends_with('x') && digits.bytes().all(|byte| byte.is_ascii_digit())).then_some(found)
    });
    let mut seen = 0;
    for found in tokens {
        assert_eq!(found, own, "{}", answer.body);
        seen += 1;
    }
    assert!(seen > 0, "{}", answer.body);
}

/// Runs all of them, `AT_ONCE` in progress at any time until the last have begun.
fn interleave(seed: u64, longest: u64, mut between: impl FnMut(&mut Random, &mut Execution)) {
    let catalog = Embedded::load();
    let programs = SCRIPTS.map(|script| Arc::new(compile(script, &catalog).expect("a program")));
    let mut random = Random(seed);
    let mut running: Vec<Running> = Vec::new();
    let (mut begun, mut done, mut slices) = (0, 0, 0);
    while done < EXECUTIONS {
        while begun < EXECUTIONS && running.len() < AT_ONCE {
            running.push(Running {
                number: begun,
                execution: begin(&programs, begun),
                slices: 0,
            });
            begun += 1;
        }
        let index = random.below(running.len() as u64) as usize;
        let one = &mut running[index];
        one.slices += 1;
        let units = 1 + random.below(longest) as u32;
        match one.execution.run(units) {
            Progress::Yielded => between(&mut random, &mut one.execution),
            Progress::Done(answer) => {
                let one = running.swap_remove(index);
                check(&programs, one.number, &answer);
                slices += one.slices;
                done += 1;
            }
        }
    }
    assert!(slices > 2 * EXECUTIONS, "only {slices} slices");
}

#[test]
fn executions_in_slices_of_random_length_never_see_each_other() {
    interleave(1, 300, |_, _| ());
}

#[test]
fn nor_when_what_is_live_moves_between_slices() {
    interleave(2, 300, |random, execution| {
        if random.below(3) == 0 {
            assert_eq!(execution.collect(), Ok(true));
        }
    });
}
