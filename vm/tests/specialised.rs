//! Definitions specialised by the shape of their call sites give the same answers as the definitions themselves: from the
//! first run on against never, in slices of any length, with and without collection between them.

mod embedded;

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use embedded::{Embedded, Manner, Query, answer_in, command_file, root};
use proptest::prelude::*;
use serde_json::{Value, json};
use vm::bytecode::operand::Compare;
use vm::bytecode::{Constant, Op, listing};
use vm::execution::{Execution, Inputs, Progress, Variables, compile};
use vm::program::{Catalog, Definition};
use vm::specialise::{Shape, specialise};

struct Commands(HashMap<String, Arc<Definition>>);

impl Catalog for Commands {
    fn definition(&self, name: &str) -> Option<Arc<Definition>> {
        self.0.get(name).cloned()
    }
}

fn manner(specialise_after: u32, units: u32, collects: bool) -> Manner {
    Manner {
        specialise_after,
        units,
        collects,
    }
}

/// The whole answer but for what depends on the order of nothing: status, result, variables, logs, error, its place.
fn run(catalog: &dyn Catalog, body: &str, query: &Query, manner: Manner) -> (u16, Value) {
    let (status, text) = answer_in(catalog, body, query, manner);
    (status, serde_json::from_str(&text).unwrap_or_default())
}

#[track_caller]
fn same_answers(catalog: &dyn Catalog, body: &str, query: &Query) {
    let never = run(catalog, body, query, manner(u32::MAX, 4000, false));
    for (after, units, collects) in [
        (0, 4000, false),
        (0, 7, false),
        (0, 7, true),
        (0, 1, true),
        (3, 4000, false),
    ] {
        let specialised = run(catalog, body, query, manner(after, units, collects));
        assert_eq!(
            specialised, never,
            "after {after}, slices of {units}, collects: {collects}\n{body}"
        );
    }
}

fn request(script: &str, variables: &Value) -> String {
    json!({"script": script, "variables": variables}).to_string()
}

fn text(literal: &str) -> Constant {
    Constant::Text(literal.into())
}

fn shape(arguments: &[Option<Constant>], has_branches: bool) -> Shape {
    Shape {
        arguments: arguments.to_vec(),
        has_target: false,
        has_branches,
    }
}

fn source_of(name: &str) -> (String, String) {
    let path = root()
        .join("supervisor/commands")
        .join(format!("{name}.py"));
    command_file(&std::fs::read_to_string(path).expect("a file"))
}

#[test]
fn recorded_cases_answer_the_same() {
    let embedded = Embedded::load();
    let text = std::fs::read_to_string(root().join("tests/cases/language.json")).expect("cases");
    let cases: Vec<Value> = serde_json::from_str(&text).expect("JSON");
    let mut compared = 0;
    for case in cases.iter().filter(|case| case["body"].is_object()) {
        same_answers(&embedded, &case["body"].to_string(), &Vec::new());
        compared += 1;
    }
    assert!(compared > 100, "only {compared} cases");
}

#[test]
fn the_commands_of_control_and_variables_have_specialised_code() {
    let embedded = Embedded::load();
    for (name, arguments, has_branches) in [
        (
            "if",
            vec![Some(text("i")), Some(text("n")), Some(text("<"))],
            true,
        ),
        ("addVar", vec![Some(text("x")), Some(text("i"))], false),
        ("addVar", vec![Some(text("x")), None], false),
        ("addResult", vec![Some(text("x"))], false),
        (
            "variableToList",
            vec![Some(text("x")), Some(text("l"))],
            false,
        ),
    ] {
        let shape = shape(&arguments, has_branches);
        let made = specialise(&embedded.commands[name], &shape);
        let made = made.unwrap_or_else(|| panic!("{name} {shape:?}"));
        made.verify().expect("verified code");
        let (ops, handlers) = listing::parse_ops(&listing::print(&made.code)).expect("a listing");
        assert_eq!((ops, handlers), (made.code.ops, made.code.handlers));
    }
}

#[test]
fn names_and_comments_do_not_change_what_is_left() {
    let renamings = [
        ("properties =", "p0 ="),
        ("properties[", "p0["),
        ("operand", "of_one_side"),
        ("holds", "yes_or_no"),
        ("variables =", "all_of_them ="),
        ("in variables", "in all_of_them"),
        (" variables[", " all_of_them["),
        ("\nvariables[", "\nall_of_them["),
        ("**variables", "**all_of_them"),
        ("target", "goal"),
        ("\n", "\n# a comment\n"),
    ];
    for (name, arguments, has_branches) in [
        (
            "if",
            vec![Some(text("i")), Some(text("n")), Some(text("<"))],
            true,
        ),
        ("addVar", vec![Some(text("x")), Some(text("i"))], false),
    ] {
        let (source, interface) = source_of(name);
        let mut renamed = source.replace("targetVarName", "TARGET");
        for (old, new) in renamings {
            renamed = renamed.replace(old, new);
        }
        let renamed = renamed.replace("TARGET", "targetVarName");
        assert_ne!(source, renamed);
        let shape = shape(&arguments, has_branches);
        let left = |source: &str| {
            let definition = Definition::new(name, source, &interface);
            if let Err(error) = &definition.code {
                panic!("{error}\n{source}");
            }
            let made = specialise(&definition, &shape);
            let code = made.unwrap_or_else(|| panic!("{source}")).code;
            (code.ops, code.constants)
        };
        assert_eq!(left(&source), left(&renamed), "{renamed}");
    }
}

#[test]
fn what_literals_decide_is_decided() {
    let embedded = Embedded::load();
    let shape = shape(&[Some(text("i")), Some(text("n")), Some(text("<"))], true);
    let made = specialise(&embedded.commands["if"], &shape).expect("specialised");
    let is_order = |op: &&Op| matches!(op, Op::Compare { kind, .. } if *kind != Compare::In);
    let orders: Vec<&Op> = made.code.ops.iter().filter(is_order).collect();
    assert!(!orders.is_empty());
    let all_less = orders.iter().all(|op| {
        matches!(
            op,
            Op::Compare {
                kind: Compare::Lt,
                ..
            }
        )
    });
    assert!(all_less, "{orders:?}");
}

#[test]
fn an_edited_definition_behaves_as_edited() {
    let embedded = Embedded::load();
    let (source, interface) = source_of("addVar");
    let edited = source.replace("value = int(value)", "value = int(value) + 1");
    assert_ne!(source, edited);
    let mut commands = embedded.commands.clone();
    let body = request(
        "startLoop(i, 1, 5)\naddVar(x, \"7\")\nendLoop()\naddResult(x)",
        &json!({}),
    );
    let before = run(
        &Commands(commands.clone()),
        &body,
        &Vec::new(),
        manner(0, 4000, false),
    );
    commands.insert(
        "addVar".into(),
        Arc::new(Definition::new("addVar", &edited, &interface)),
    );
    let after = run(
        &Commands(commands),
        &body,
        &Vec::new(),
        manner(0, 4000, false),
    );
    assert_eq!(before.1["result"]["x"], 7);
    assert_eq!(after.1["result"]["x"], 8);
}

/// Definitions whose meaning a careless specialisation would change.
#[test]
fn odd_definitions_answer_the_same() {
    let embedded = Embedded::load();
    for source in [
        // Texts of ints that outlive a turn.
        "v = self.conector.variables\nlast = ''\nfor i in range(4):\n    now = str(v.get('n', i) if i % 2 else i)\n    v['r'] = last + now\n    last = now\n",
        "v = self.conector.variables\nkeep = []\nfor i in range(5):\n    keep.append(str(i))\nv['r'] = keep\n",
        "v = self.conector.variables\na = str(v['n'])\nv['n'] = 99\nv['r'] = a + str(int(a) + 1)\n",
        "def f(x):\n    t = str(x).strip('5')\n    return t\nself.conector.variables['r'] = [f(5), f(155), f('a5')]\n",
        "def f(x):\n    t = str(x)\n    return ('.' in t, '1' in t, '-' in t, t == '12', t != '12', t < '2', t[0], len(t), float(t), int(t))\nself.conector.variables['r'] = [f(12), f(-12), f(True), f(0)]\n",
        "v = self.conector.variables\ndef f(x):\n    t = str(x)\n    return ['.' in t, '1' in t, '-' in t, '' in t, '.5' not in t, t == '5', t != '5', t < '6', '5' == t, t[0], len(t), t * 2]\nv['r'] = [f(v['n']), f(v['less']), f(v['flag']), f(v['a']), f(v['large'])]\n",
        "v = self.conector.variables\ndef f(x):\n    t = str(x)\n    return [t.strip(), t.strip('5'), t.strip('-'), t.lstrip('.-'), t.rstrip(\"'\"), t.strip(''), t.upper(), t.isdigit(), t.strip(None)]\nv['r'] = [f(v['n']), f(v['less']), f(v['flag']), f(v['a']), f(v['large'])]\n",
        "v = self.conector.variables\ndef f(x):\n    t = str(x)\n    i = int(t)\n    return [i, i + 1, str(i), float(t), float(i), int(i), isinstance(i, int), isinstance(t, str), isinstance(i, bool), bool(i), not i, -i, i is x, {t: i}, [t, i], f'{t}{i}', i == x, str(i) == str(x), str(i) == t]\nv['r'] = [f(v['n']), f(v['less']), f(v['flag'] * 3), f(v['large'])]\n",
        "v = self.conector.variables\ndef f(x, y):\n    return [str(x) == str(y), str(x) != str(y), str(x) < str(y), str(x) in str(y)]\nv['r'] = [f(v['n'], v['less']), f(v['n'], v['o']), f(v['n'], v['n']), f(v['flag'], v['n'])]\n",
        // Names of the module that functions read and set.
        "x = 1\ndef f():\n    global x\n    x = x + 1\n    return x\nself.conector.variables['r'] = [f(), f(), x]\n",
        "def f():\n    return later\nlater = 5\nself.conector.variables['r'] = f()\n",
        "def f():\n    return later\nself.conector.variables['r'] = f()\n",
        "str = 5\nself.conector.variables['r'] = str\n",
        "def f():\n    return len\nlen = 5\nself.conector.variables['r'] = f()\n",
        // Recursion, closures, generators, defaults: left to the definition.
        "def f(n):\n    return n if n < 2 else f(n - 1) + f(n - 2)\nself.conector.variables['r'] = f(10)\n",
        "def f(n):\n    return lambda: n\nself.conector.variables['r'] = f(3)()\n",
        "def f(n=2, *more):\n    return [n, more]\nself.conector.variables['r'] = [f(), f(3), f(3, 4)]\n",
        // The task changed, kept or shown.
        "task['properties']['0'] = 5\nself.conector.variables['r'] = task['properties']['0']\n",
        "self.conector.variables['r'] = task['properties']\n",
        "self.conector.variables['r'] = str(task)\n",
        "self.conector.variables['r'] = list(task['properties'].values())\n",
        "values = list(task['properties'].values())\nself.conector.variables['r'] = [len(values), values[0]]\n",
        "values = list(task['properties'].values())\nvalues.append(1)\nself.conector.variables['r'] = len(values)\n",
        "self.conector.variables['r'] = [k for k in task['properties']]\n",
        "self.conector.variables['r'] = task['properties']['missing']\n",
        "self.conector.variables['r'] = task.get('missing', 'none')\n",
        "self.conector.variables['r'] = [task['context'], 'true' in task['branches'], 'item' in task['properties']]\n",
        // Exceptions between what is known and what is not.
        "v = self.conector.variables\nr = []\nfor k in ['n', 'm', 'o']:\n    x = 'none'\n    try:\n        x = 1\n        x = v[k]\n        r.append(int(x))\n    except KeyError as e:\n        r.append(str(e) + str(x))\n    except (ValueError, TypeError):\n        r.append(x)\n    finally:\n        r.append('end')\nv['r'] = r\n",
        "def f(x):\n    try:\n        return int(x)\n    except ValueError:\n        return float(x)\n    finally:\n        self.conector.variables['seen'] = x\nself.conector.variables['r'] = [f('5'), f('5.5'), f(self.conector.variables['n'])]\n",
        "x = 1\ntry:\n    x = 2\n    y = int('q')\n    x = 3\nexcept ValueError:\n    pass\nself.conector.variables['r'] = x\n",
        "raise ValueError('as said')\n",
        "x = self.conector.variables['n']\nif x:\n    y = 1\ndel x\nself.conector.variables['r'] = [y, x]\n",
        "if self.conector.variables['n'] > 100:\n    y = 1\nself.conector.variables['r'] = y\n",
        // Lists that two names have.
        "a = []\nb = a\nb.append(1)\nself.conector.variables['r'] = [a, b, a is b]\n",
        "r = []\nfor i in range(3):\n    a = []\n    a.append(i)\n    r.append(a)\nself.conector.variables['r'] = r\n",
        "a = [] if self.conector.variables['n'] else [1]\na.append(2)\nself.conector.variables['r'] = a\n",
        // Constants that loops change.
        "i = 0\nwhile i < 10:\n    i = i + 1\n    if i == 3:\n        continue\n    if i == 7:\n        break\nself.conector.variables['r'] = i\n",
        "x = 'a'\nfor i in range(6):\n    x = x.upper() if i % 2 else x + 'b'\nself.conector.variables['r'] = x\n",
        "i = 0\nx = None\nwhile True:\n    i = i * 2 + 1\n    x = str(i)\n    if len(x) > 3:\n        break\nself.conector.variables['r'] = [i, x]\n",
        "a = 1\nb = 2\nfor i in range(3):\n    a, b = b, a\nself.conector.variables['r'] = [a, b]\n",
        "g = (x * 2 for x in range(3))\nself.conector.variables['r'] = [2 in g, list(g)]\n",
        "self.conector.variables['r'] = f\"{task['properties']['0']}-{self.conector.variables['n']:>4}\"\n",
        "self.conector.try_level = self.conector.try_level + 1\nself.conector.variables['r'] = self.conector.try_level\n",
        "self.conector.variables['r'] = getattr(self.conector, 'local_vars', {})\n",
        "self.conector.variables['r'] = [isinstance(task, dict), isinstance(5, int), isinstance('a', (int, str)), bool(task)]\n",
        "self.conector.variables['r'] = sorted([3, 1, 2], key=lambda x: -x)\n",
        "self.conector.variables['r'] = globals()['__name__'] if '__name__' in globals() else 'none'\n",
        "x = self.conector.variables\nself.conector.variables['r'] = [id(x) == id(self.conector.variables)]\n",
        "for node in task['sequence']:\n    self.process_step(node)\nself.process_step(5)\n",
    ] {
        let mut commands = embedded.commands.clone();
        let definition = Definition::new("probe", source, "[{\"item\": \"item\"}]");
        if let Err(error) = &definition.code {
            panic!("{error}\n{source}");
        }
        commands.insert("probe".into(), Arc::new(definition));
        let commands = Commands(commands);
        for call in [
            "probe(a)",
            "probe(5, 7)",
            "probe(\"-3\")",
            "t = probe(a + 1)",
            "probe()",
        ] {
            let script = format!(
                "startLoop(i, 1, 3)\n{call}\nn = n + 1\nendLoop()\ntry()\n{call}\nexception(e)\nend()\n{call}"
            );
            same_answers(
                &commands,
                &request(
                    &script,
                    &json!({"n": 5, "a": "x", "o": "7", "less": -15, "flag": true, "large": 9_007_199_254_740_993_i64}),
                ),
                &Vec::new(),
            );
        }
    }
}

#[test]
fn values_of_all_kinds_answer_the_same() {
    let embedded = Embedded::load();
    for value in [
        json!(1),
        json!(-1),
        json!(0),
        json!(12_345_678_901_234_567_u64),
        json!(1.5),
        json!(-0.0),
        json!(1e300),
        json!("1"),
        json!(" 2 "),
        json!("2.50"),
        json!("'3'"),
        json!("\"4\""),
        json!("x"),
        json!("n"),
        json!(""),
        json!("٣"),
        json!(true),
        json!(false),
        json!(null),
        json!([]),
        json!([1, "a"]),
        json!({}),
        json!({"a": 1}),
    ] {
        for sign in [
            "=", "==", "!=", "<", ">", "<=", ">=", "`v == n`", "\"<\"", "?",
        ] {
            let script = format!(
                "startLoop(i, 1, 2)\nif(v, n, {sign})\naddVar(x, v)\nelse()\naddVar(y, v)\nend()\nif(n, v, {sign})\naddVar(z, n)\nend()\nif(v, 3, {sign})\naddVar(v, i)\nend()\nendLoop()\naddResult(x)\naddResult(y)"
            );
            same_answers(
                &embedded,
                &request(&script, &json!({"n": 3, "v": value})),
                &Vec::new(),
            );
        }
    }
}

#[test]
fn loops_over_ranges_answer_the_same_however_they_end() {
    let code = "n = self.conector.variables['n']\nout = []\nfor i in range(n):\n    for j in range(i):\n        if j * 7 > i:\n            break\n        out.append(\"T-\" + str(j) + str(-i))\n    else:\n        out.append(i)\nnumbers = iter(range(n))\nfor k in numbers:\n    out.append(k)\n    next(numbers, None)\nself.conector.variables['r'] = out\n";
    let catalog = Commands(HashMap::from([(
        "probe".to_owned(),
        Arc::new(Definition::new("probe", code, "[]")),
    )]));
    for n in [-1, 0, 1, 15, 16, 17, 50] {
        same_answers(
            &catalog,
            &request("probe()\nprobe()", &json!({"n": n})),
            &Vec::new(),
        );
    }
}

/// Fuel that a definition takes with `n` for a variable, in slices of so many units, moved after each or not.
fn fuel(code: &str, n: u32, units: u32, collects: bool) -> u64 {
    let catalog = Commands(HashMap::from([(
        "probe".to_owned(),
        Arc::new(Definition::new("probe", code, "[]")),
    )]));
    let program = Arc::new(compile("probe()", &catalog).expect("a program"));
    let variables = format!("{{\"n\": {n}}}");
    let inputs = Inputs {
        variables: Variables::Json(&variables),
        ..Inputs::default()
    };
    let mut execution = Execution::new(program, &inputs).expect("an execution");
    // A slice takes a turn at least, and a block of turns takes 64 slices of one unit at most.
    for _ in 0..10_000 {
        if let Progress::Done(answer) = execution.run(units) {
            return answer.fuel_used;
        }
        if collects {
            execution.collect().expect("only values that are known");
        }
    }
    panic!("{code} for {n} goes on without end in slices of {units}, moved: {collects}");
}

#[test]
fn loops_over_ranges_take_the_fuel_of_their_turns_whatever_the_slices() {
    let whole = "t = 0\nfor i in range(self.conector.variables['n']):\n    t = t + i\n";
    let none = fuel(whole, 0, 4000, false);
    for n in [1, 15, 16, 17, 1000] {
        for units in [4000, 100, 7, 1] {
            let turns = fuel(whole, n, units, false) - none;
            assert_eq!(turns, u64::from(n), "in slices of {units}");
        }
        // Moving what is live takes fuel too. What is paid for stays paid for: else a slice of one unit takes no turn.
        fuel(whole, n, 1, true);
    }
    // One that is left early pays for the rest of its block: always as much.
    let left = "for i in range(1000):\n    if i == self.conector.variables['n']:\n        break\n";
    for (n, paid) in [
        (0, 4),
        (3, 4),
        (4, 8),
        (15, 16),
        (16, 32),
        (17, 32),
        (40, 64),
        (64, 128),
        (130, 192),
    ] {
        let once = fuel(left, n, 4000, false);
        // The end of a loop takes a unit, which `none` has and this has not.
        assert_eq!(once - (none - 1), paid, "left at {n}");
        for units in [100, 7, 1] {
            assert_eq!(fuel(left, n, units, false), once, "left at {n}");
        }
    }
    // `vm/limitations.md` says how much that is at most: few turns of a short loop, 63 of any.
    for n in 0..300 {
        let turns = u64::from(n) + 1;
        let paid = fuel(left, n, 4000, false) - (none - 1);
        let too_much = paid.checked_sub(turns).expect("each turn is paid for");
        assert!(too_much <= turns.clamp(3, 63), "{paid} for {turns} turns");
    }
}

#[test]
fn a_turn_that_works_natively_ends_the_slice_though_more_turns_are_paid_for() {
    let code = "s = 'a' * 100000\nfor i in range(self.conector.variables['n']):\n    t = s.replace('a', 'b')\n";
    let catalog = Commands(HashMap::from([(
        "probe".to_owned(),
        Arc::new(Definition::new("probe", code, "[]")),
    )]));
    let program = Arc::new(compile("probe()", &catalog).expect("a program"));
    let slices = |n: u32| {
        let variables = format!("{{\"n\": {n}}}");
        let inputs = Inputs {
            variables: Variables::Json(&variables),
            ..Inputs::default()
        };
        let mut execution = Execution::new(Arc::clone(&program), &inputs).expect("an execution");
        let mut slices = 1;
        while let Progress::Yielded = execution.run(100) {
            slices += 1;
        }
        slices
    };
    assert_eq!(slices(16) - slices(1), 15);
}

#[test]
fn recursion_ends_at_the_same_depth() {
    let embedded = Embedded::load();
    // Each level is three frames, and `if` calls a function: it must not matter which of them is the one too many.
    for start in ["down(1)", "one(1)", "two(1)"] {
        let script = format!(
            "function down(n) {{\ndepth = n\nif(depth, 0, >=)\nk = down(n + 1)\nend()\nreturn 0\n}}\n\
             function one(n) {{\nk = down(n)\nreturn 0\n}}\nfunction two(n) {{\nk = one(n)\nreturn 0\n}}\n\
             try()\nx = {start}\nexception(e)\nend()\naddResult(depth)\naddResult(__last_error__)"
        );
        let body = request(&script, &json!({"depth": 0, "n": 1}));
        let (_, answer) = run(&embedded, &body, &Vec::new(), manner(0, 4000, false));
        assert_eq!(
            answer["result"]["__last_error__"], "maximum recursion depth exceeded",
            "{answer}"
        );
        same_answers(&embedded, &body, &Vec::new());
    }
}

#[test]
fn a_function_that_is_walked_in_place_is_as_deep_as_one_that_is_called() {
    let mut commands = Embedded::load().commands;
    let source = "def f(x):\n    return x\nv = self.conector.variables\nv['called'] = v['depth']\nv['returned'] = f(v['depth'])\n";
    let probe = Definition::new("probe", source, "[]");
    commands.insert("probe".into(), Arc::new(probe));
    let commands = Commands(commands);
    let script = "function down(n) {\naddVar(depth, n)\ndepth = n\nprobe()\nk = down(n + 1)\nreturn 0\n}\ntry()\nx = down(1)\nexception(e)\nend()\naddResult(called)\naddResult(returned)";
    let body = request(script, &json!({"depth": 0, "n": 1}));
    let (_, answer) = run(&commands, &body, &Vec::new(), manner(u32::MAX, 4000, false));
    let (called, returned) = (&answer["result"]["called"], &answer["result"]["returned"]);
    assert_eq!(
        called.as_i64(),
        returned.as_i64().map(|depth| depth + 1),
        "{answer}"
    );
    same_answers(&commands, &body, &Vec::new());
}

/// One line of a script, over few names so that lines bear on each other.
fn line() -> impl Strategy<Value = String> {
    let name = || prop::sample::select(vec!["a", "b", "c", "n"]);
    let value = || {
        prop::sample::select(vec![
            "1", "2.5", "a", "b", "c", "\"t\"", "nothing", "\"7\"", "a + 1", "\" x \"", "-4", "l",
            "len(l)",
        ])
    };
    let sign = prop::sample::select(vec!["=", "!=", "<", ">", "<=", ">=", "`a == b`", "?", "c"]);
    prop_oneof![
        (name(), value()).prop_map(|(name, value)| format!("addVar({name}, {value})")),
        (name(), value()).prop_map(|(name, value)| format!("{name} = {value}")),
        (value(), value(), sign).prop_map(|(a, b, s)| format!("if({a}, {b}, {s})")),
        value().prop_map(|value| format!("addResult({value})")),
        value().prop_map(|value| format!("r = f({value})")),
        name().prop_map(|name| format!("variableToList({name}, l)")),
        name().prop_map(|name| format!("addVar({name})")),
        name().prop_map(|name| format!("encodeSHA256({name}, h)")),
        (name(), name()).prop_map(|(a, b)| format!("AddvariableToJSON({a}, {b}, j)")),
        (name(), name()).prop_map(|(a, b)| format!("itemFromList({a}, 0, {b})")),
        (name(), value()).prop_map(|(a, b)| format!("replace({b}, a, z, {a})")),
        Just("startLoop(i, 1, 3)".to_owned()),
        Just("endLoop()".to_owned()),
        Just("else()".to_owned()),
        Just("end()".to_owned()),
        Just("end()".to_owned()),
        Just("try()".to_owned()),
        Just("exception(e)".to_owned()),
        Just("getListLen(l, k)".to_owned()),
        Just("randomString(\"[a-z]\", 3, s)".to_owned()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn generated_scripts_answer_the_same(
        body in prop::collection::vec(line(), 0..6),
        lines in prop::collection::vec(line(), 0..16),
    ) {
        static EMBEDDED: LazyLock<Embedded> = LazyLock::new(Embedded::load);
        let embedded = &*EMBEDDED;
        let body = body.join("\n").replace("r = f(", "addResult(");
        let script = format!(
            "function f(v) {{\nw = v\n{body}\n}}\nstartLoop(turn, 1, 2)\nif(turn, 0, >)\n{}\nend()\nendLoop()\n{0}",
            lines.join("\n"),
        );
        same_answers(embedded, &request(&script, &json!({"a": 1, "l": [1]})), &Vec::new());
    }
}
