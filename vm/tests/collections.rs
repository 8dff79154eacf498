//! What is live moves to another arena between slices, and no script or definition can see it.

mod embedded;

use std::sync::Arc;

use embedded::{Embedded, Query, answer_collecting};
use vm::execution::{Answer, Execution, Inputs, Progress, compile};
use vm::program::Definition;

fn catalog(code: &str) -> Embedded {
    let mut catalog = Embedded::load();
    let definition = Definition::new("probe", code, "[]");
    if let Err(error) = &definition.code {
        panic!("{error}\n{code}");
    }
    catalog
        .commands
        .insert("probe".into(), Arc::new(definition));
    catalog
}

/// What a definition puts into `out`, with a collection after each of its steps.
fn outcome(code: &str, units: u32) -> serde_json::Value {
    let code = format!("out = []\n{code}\nself.conector.variables['out'] = out\n");
    let (_, body) = answer_collecting(
        &catalog(&code),
        r#"{"script": "probe()"}"#,
        &Query::new(),
        units,
    );
    let answer: serde_json::Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(answer["success"], true, "{body}\n{code}");
    answer["variables"]["out"].clone()
}

#[track_caller]
fn check(code: &str, expected: &str) {
    let expected: serde_json::Value = serde_json::from_str(expected).expect("JSON");
    for units in [1, 2, 7] {
        assert_eq!(outcome(code, units), expected, "{units}: {code}");
    }
}

/// Something that ends slices.
const WAIT: &str = "def wait():\n    for i in range(9): pass\n";

#[track_caller]
fn check_waiting(code: &str, expected: &str) {
    check(&format!("{WAIT}{code}"), expected);
}

#[test]
fn one_list_under_two_names_stays_one() {
    check_waiting(
        "a = [1]\nb = a\nd = {'x': a}\nwait()\nb.append(2)\nwait()\nout += [a is b, a is d['x'], a]",
        "[true, true, [1, 2]]",
    );
}

#[test]
fn circles_stay_circles() {
    check_waiting(
        "a = []\na.append((a, a))\nd = {}\nd['d'] = d\nwait()\nout += [a[0][0] is a, a[0][1] is a, d['d'] is d, repr(a)]",
        r#"[true, true, true, "[([...], [...])]"]"#,
    );
}

#[test]
fn closures_share_their_variables() {
    check_waiting(
        "def counter():\n    n = 0\n    def up():\n        nonlocal n\n        n += 1\n        return n\n    def now():\n        return n\n    return up, now\n\
         up, now = counter()\nwait()\nup()\nwait()\nup()\nout += [now()]\nf = [lambda k=k: k for k in range(3)]\nwait()\nout += [g() for g in f]",
        "[2, 0, 1, 2]",
    );
}

#[test]
fn iterators_go_on_where_they_are() {
    check_waiting(
        "d = {k: k * k for k in range(20)}\nfor k in range(0, 20, 3): del d[k]\n\
         for k, v in d.items():\n    wait()\n    out.append(k + v)\n\
         s = {1, 2, 3}\ni = iter(s)\nnext(i)\nwait()\nout += list(i)\n\
         z = enumerate(zip('héé', (7, 8, 9), reversed([1, 2, 3])), 5)\nnext(z)\nwait()\nfor x in z:\n    wait()\n    out.append(list(x[1]))\n\
         l = [1, 2]\nfor x in l:\n    wait()\n    if x < 3: l.append(x + 1)\n    out.append(x)",
        r#"[2, 6, 20, 30, 56, 72, 110, 132, 182, 210, 272, 306, 380, 2, 3, ["é", 8, 2], ["é", 9, 1], 1, 2, 2, 3, 3]"#,
    );
}

#[test]
fn a_set_that_changes_under_its_iterator_is_seen() {
    check_waiting(
        "s = {1, 2}\ntry:\n    for x in s:\n        wait()\n        s.add(x + 10)\nexcept RuntimeError as e:\n    out.append(str(e))",
        r#"["Set changed size during iteration"]"#,
    );
}

#[test]
fn generators_and_calls_in_progress_go_on() {
    check_waiting(
        "def slow(x):\n    wait()\n    return -x\n\
         g = (slow(x) for x in [3, 1, 2])\nout.append(next(g))\nwait()\nout += g\n\
         out += sorted([3, 1, 2], key=slow)\nout.append(any(slow(x) == -2 for x in [1, 2, 3]))\nout.append(sum(slow(x) for x in range(4)))",
        "[-3, -1, -2, 3, 2, 1, true, -6]",
    );
}

#[test]
fn exceptions_that_are_handled_stay() {
    check_waiting(
        "def fail(n):\n    try:\n        raise ValueError('v', [n])\n    except ValueError as e:\n        wait()\n        try:\n            raise KeyError('k') from e\n        finally:\n            wait()\n\
         try:\n    fail(3)\nexcept KeyError as e:\n    kept = e\n    wait()\n    out += [str(e), type(e).__name__]\n\
         try:\n    try:\n        {}['x']\n    except KeyError:\n        wait()\n        raise\nexcept Exception as e:\n    wait()\n    out += [repr(e), repr(kept)]",
        r#"["'k'", "KeyError", "KeyError('x')", "KeyError('k')"]"#,
    );
}

#[test]
fn what_is_equal_to_itself_only_keeps_its_number_and_its_key() {
    check_waiting(
        "o = object()\ndef f(): pass\nd = {o: 1, f: 2, (f, 3): 4}\nbefore = (id(o), hash(f))\nwait()\n\
         out += [d[o], d[f], d[(f, 3)], (id(o), hash(f)) == before, id(f) != id(o)]",
        "[1, 2, 4, true, true]",
    );
}

#[test]
fn objects_of_modules_stay() {
    check_waiting(
        "import re, hashlib, datetime, pytz\np = re.compile('(?P<a>[a-c]+)|x', re.I)\nm = p.search('--ABC--')\nh = hashlib.md5(b'a')\nc = {p: 1}\n\
         t = datetime.datetime(2024, 5, 6, tzinfo=pytz.timezone('Europe/Madrid'))\nv = {'k': 1}.items()\nr = range(3)\ns = slice(1, 2)\nb = b'xyz'\nn = 2 ** 100\nu = 'abc'.upper\nq = frozenset([1])\nwait()\n\
         h.update(b'b')\nout += [m.group('a'), m.re is p or m.re == p, c[re.compile('(?P<a>[a-c]+)|x', re.I)], p.findall('aXb'), h.hexdigest(), str(t), list(v), list(r), [1, 2, 3][s], b.decode(), n, u(), 1 in q]",
        r#"["ABC", true, 1, ["a", "", "b"], "187ef4436122d1cc2f40dc2b92f0eba0", "2024-05-06 00:00:00-00:15", [["k", 1]], [0, 1, 2], [2], "xyz", 1267650600228229401496703205376, "ABC", true]"#,
    );
}

#[test]
fn tuples_as_deep_as_memory_allows_move_without_recursion() {
    let code = "t = ()\nfor i in range(50000): t = (t, i)\nx = {'t': t}\nfor i in range(50000): pass\nself.conector.variables['n'] = x['t'][1]";
    let program = Arc::new(compile("probe()", &catalog(code)).expect("a program"));
    let mut execution = Execution::new(program, &Inputs::default()).expect("an execution");
    loop {
        if let Progress::Done(answer) = execution.run(20_000) {
            assert!(answer.body.contains("\"n\": 49999"), "{}", answer.body);
            return;
        }
        assert_eq!(execution.collect(), Ok(true));
    }
}

fn run(script: &str, code: &str, inputs: &Inputs<'_>) -> Answer {
    let program = Arc::new(compile(script, &catalog(code)).expect("a program"));
    Execution::new(program, inputs)
        .expect("an execution")
        .run_to_end()
}

#[test]
fn many_small_turns_run_in_little_memory() {
    // Each turn leaves about 1 KB behind. A million of them take half a minute without optimisation.
    let turns = if cfg!(debug_assertions) {
        100_000
    } else {
        1_000_000
    };
    let script =
        format!("t = 0\nstartLoop(i, 1, {turns})\nif(i, 5, <)\naddVar(x, i)\nend()\nendLoop()");
    let answer = run(&script, "pass", &Inputs::default());
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(
        answer.body.contains(&format!("\"i\": {turns}")),
        "{}",
        answer.body
    );
}

#[test]
fn garbage_of_one_endless_slice_is_left_behind_too() {
    let code = "t = 0\nfor i in range(100000):\n    t += len(str(i) + 'x' * 100)\nself.conector.variables['t'] = t";
    let program = Arc::new(compile("probe()", &catalog(code)).expect("a program"));
    let inputs = Inputs {
        memory_bytes: 1 << 20,
        ..Inputs::default()
    };
    let mut execution = Execution::new(program, &inputs).expect("an execution");
    let Progress::Done(answer) = execution.run(u32::MAX) else {
        panic!("it yielded");
    };
    assert!(answer.body.contains("\"t\": 10488890"), "{}", answer.body);
}

#[test]
fn what_is_live_still_meets_the_quota() {
    for code in [
        "x = []\nwhile True: x.append('a' + str(len(x)))",
        "x = {}\nwhile True: x[len(x)] = [len(x)]",
        "s = 'a' * 100000\nx = []\nfor i in range(100000): x.append(s[i:])\nwhile True: x.append([1])",
    ] {
        let answer = run("probe()", code, &Inputs::default());
        let code_found = answer.failure.map(|failure| failure.code);
        assert_eq!(code_found, Some("memory_exceeded"), "{code}");
    }
}
