//! The VM threads, with endless scripts on all of them.

use std::collections::HashSet;
use std::sync::mpsc;
use std::time::Duration;

use vm::program::{Catalog, Definition};

use super::*;

const THREADS: usize = 2;
const ENDLESS: usize = 7;

struct NoCommands;

impl Catalog for NoCommands {
    fn definition(&self, _: &str) -> Option<Arc<Definition>> {
        None
    }
}

fn runner() -> Runner {
    let options = Options {
        threads: THREADS,
        cores: Vec::new(),
        memory_bytes: 1 << 20,
        timeout: Duration::from_mins(1),
    };
    Runner::start(&options).unwrap()
}

impl Runner {
    fn push_admitted(&self, work: Work) -> (Abandon, oneshot::Receiver<Outcome>) {
        assert!(self.shared.admission.admit(self.timeout));
        let (reply, outcome) = oneshot::channel();
        let abandoned = Abandon(Arc::default());
        let deadline = Instant::now() + self.timeout;
        self.push(work, deadline, &abandoned, Some(reply));
        (abandoned, outcome)
    }

    fn slices(&self) -> u64 {
        self.shared.slices.load(Ordering::SeqCst)
    }
}

fn endless() -> Work {
    let script = "startLoop(i, 1, 1000000000)\n  x = i\nendLoop()";
    let program = compile(script, &NoCommands).unwrap();
    let execution = Execution::new(Arc::new(program), &Inputs::default()).unwrap();
    Work::Run(Box::new(execution))
}

fn wait_until(what: impl Fn() -> bool) {
    let began = Instant::now();
    while !what() {
        assert!(began.elapsed() < Duration::from_mins(1));
        // A look each time that this thread is given a core: nobody tells of these counts.
        std::thread::yield_now();
    }
}

#[test]
fn who_is_new_waits_for_one_slice_of_each_thread_at_most() {
    let runner = runner();
    let others: Vec<_> = (0..ENDLESS)
        .map(|_| runner.push_admitted(endless()))
        .collect();
    wait_until(|| runner.slices() > 20 * ENDLESS as u64);
    let mut waited = [0_u64; 100];
    for waited in &mut waited {
        let shared = Arc::clone(&runner.shared);
        let (tell, told) = mpsc::channel();
        let work = Work::Aside(Box::new(move || {
            let _ = tell.send(shared.slices.load(Ordering::SeqCst));
        }));
        let before = runner.slices();
        let _new = runner.push_admitted(work);
        // One of them is its own.
        *waited = told.recv_timeout(Duration::from_mins(1)).unwrap() - before - 1;
    }
    // This thread may lose its core between its look at the count and its push.
    waited.sort_unstable();
    assert!(waited[80] <= THREADS as u64, "{waited:?}");
    wait_until(|| runner.load().0 == ENDLESS);
    drop(others);
    wait_until(|| runner.load().0 == 0);
}

#[test]
fn a_script_whose_deadline_has_passed_is_not_compiled_to_its_end() {
    let shared = Shared::new(1, 1 << 20);
    let segment = crate::plane::test_segment::segment(1, &[]);
    let compiled = |deadline: Instant| {
        let script = "a=b\n".repeat(1_000);
        shared.program(&script, &segment, Generation(1), Cold::Compile, deadline)
    };
    let Err(Begun::Answered(answer)) = compiled(Instant::now()) else {
        panic!("it was compiled");
    };
    assert_eq!(answer.status, 504);
    assert!(compiled(Instant::now() + Duration::from_mins(1)).is_ok());
}

#[test]
fn scripts_that_take_long_to_compile_are_left_to_a_vm_thread() {
    let shared = Shared::new(1, 1 << 20);
    let segment = crate::plane::test_segment::segment(1, &[]);
    let is_left = |script: &str| {
        let deadline = Instant::now() + Duration::from_mins(1);
        let compiled = shared.program(script, &segment, Generation(1), Cold::Leave, deadline);
        matches!(compiled, Err(Begun::Cold))
    };
    let nested = |levels: usize| format!("{}1{}", "f(".repeat(levels), ")".repeat(levels));
    assert!(!is_left(&nested(INLINE_NESTING_MAX)));
    assert!(is_left(&nested(INLINE_NESTING_MAX + 1)));
    assert!(!is_left(&"f(1)\ng(\n".repeat(500)));
    assert!(!is_left(&"a".repeat(INLINE_BYTES_MAX)));
    assert!(is_left(&"a".repeat(INLINE_BYTES_MAX + 1)));
}

#[test]
fn each_execution_has_a_seed_of_its_own() {
    let seeds: HashSet<u64> = (0..1000).map(|_| seed()).collect();
    assert_eq!(seeds.len(), 1000);
}
