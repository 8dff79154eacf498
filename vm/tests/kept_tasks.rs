//! Call sites use their `task` again where the definition leaves nothing of it behind. That never shows: answers are the
//! same as with a new `task` for every call.

mod embedded;

use std::collections::HashMap;
use std::sync::Arc;

use embedded::{Embedded, answer, root};
use proptest::prelude::*;
use serde_json::{Value, json};
use vm::program::{Catalog, Definition};

struct Commands(HashMap<String, Arc<Definition>>);

impl Catalog for Commands {
    fn definition(&self, name: &str) -> Option<Arc<Definition>> {
        self.0.get(name).cloned()
    }
}

/// The same commands with a new `task` for every call.
fn plain(commands: &HashMap<String, Arc<Definition>>) -> Commands {
    let plain = commands.iter().map(|(name, known)| {
        let definition = Definition {
            name: known.name.clone(),
            items: known.items.clone(),
            code: known.code.clone(),
            task_stays: false,
            shapes: vm::specialise::Shapes::default(),
        };
        (name.clone(), Arc::new(definition))
    });
    Commands(plain.collect())
}

/// An answer without what differs from run to run.
fn run(catalog: &dyn Catalog, body: &str, units: u32) -> (u16, Value) {
    let (status, text) = answer(catalog, body, &Vec::new(), units);
    (status, serde_json::from_str(&text).expect("JSON"))
}

fn stays(source: &str) -> bool {
    let definition = Definition::new("probe", source, "[]");
    if let Err(error) = &definition.code {
        panic!("{error}\n{source}");
    }
    definition.task_stays
}

#[test]
fn recorded_cases_answer_the_same() {
    let embedded = Embedded::load();
    let plain = plain(&embedded.commands);
    let text = std::fs::read_to_string(root().join("tests/cases/language.json")).expect("cases");
    let cases: Vec<Value> = serde_json::from_str(&text).expect("JSON");
    let mut compared = 0;
    for case in cases.iter().filter(|case| case["body"].is_object()) {
        let body = case["body"].to_string();
        for units in [4000, 7] {
            assert_eq!(
                run(&embedded, &body, units),
                run(&plain, &body, units),
                "{}",
                case["script"]
            );
        }
        compared += 1;
    }
    assert!(compared > 100, "only {compared} cases");
}

#[test]
fn the_commands_of_control_and_variables_keep_their_task() {
    let embedded = Embedded::load();
    for name in ["if", "addVar", "addResult"] {
        assert!(embedded.commands[name].task_stays, "{name}");
    }
}

#[test]
fn names_and_comments_do_not_matter() {
    let source = embedded::command_file(
        &std::fs::read_to_string(root().join("supervisor/commands/if.py")).expect("a file"),
    )
    .0;
    let renamed = source
        .replace("properties =", "p0 =")
        .replace("properties[", "p0[")
        .replace("operand", "of_one_side")
        .replace("holds", "yes_or_no")
        .replace('\n', "\n# a comment\n");
    assert_ne!(source, renamed);
    assert!(stays(&source));
    assert!(stays(&renamed));
}

#[test]
fn a_task_that_may_outlive_its_run_is_not_kept() {
    for source in [
        "self.conector.variables['x'] = task\n",
        "self.conector.variables['x'] = task['properties']\n",
        "self.conector.variables['x'] = [task['properties']]\n",
        "p = task['properties']\np['0'] = 1\n",
        "task['more'] = 1\n",
        "del task['properties']\n",
        "x = str(task)\n",
        "p = task.get('properties', {})\nself.conector.variables['x'] = p\n",
        "b = task['branches'].get('true', [])\nb.append(1)\n",
        "self.conector.variables['x'] = task['branches']['true']\n",
        "def f():\n    return task['properties']\nself.conector.variables['x'] = f()\n",
        "p = task['properties']\ndef f():\n    return p['0']\nself.conector.variables['x'] = f\n",
        "p = task['properties']\nself.conector.variables['x'] = lambda: p['0']\n",
        "p = task['properties']\nself.conector.variables['x'] = (v for v in p)\n",
        "p = task['properties']\nself.conector.variables['x'] = p.items()\n",
        "p = task['properties']\nself.conector.variables['x'] = p.get\n",
        "self.conector.variables['x'] = iter(task['properties'])\n",
        "p = task\nself.conector.variables['x'] = globals()\n",
        "def f():\n    p = task\n    def g():\n        return p\n    return g\nx = f()\n",
        "try:\n    raise ValueError(task)\nexcept ValueError as e:\n    self.conector.variables['x'] = e\n",
        "for x in range(2):\n    y = task if x else None\nself.conector.variables['x'] = y\n",
        "x = task if self else 1\nz = x\nself.conector.variables['x'] = z\n",
        "*x, y = task, 1\nself.conector.variables['x'] = x\n",
        "x = f'{task}'\n",
        "p = task['properties']\np |= {'a': 1}\n",
    ] {
        assert!(!stays(source), "{source}");
    }
}

#[test]
fn a_site_that_runs_inside_itself_gets_a_task_of_its_own() {
    let embedded = Embedded::load();
    let mut commands = embedded.commands.clone();
    // Reads its argument again after what it ran.
    let source = "p = task['properties']\nv = self.conector.variables\nfor node in task['branches'].get('true', []):\n    self.process_step(node)\nv['seen'] = str(v.get('seen', '')) + str(p['0']) + ','\n";
    let again = Definition::new("if", source, "[]");
    assert!(again.task_stays);
    commands.insert("if".into(), Arc::new(again));
    let commands = Commands(commands);
    let script = "function down(n) {\nif(n - 0, 1, 2)\nm = n - 1\nk = stop(n)\nend()\nreturn 0\n}\n\
                  function stop(n) {\nstartLoop(i, 1, n)\nr = down(n - 1)\nendLoop()\nreturn 0\n}\nx = down(3)\naddResult(seen)";
    let body = json!({"script": script, "variables": {}}).to_string();
    let with = run(&commands, &body, 4000);
    assert_eq!(with, run(&plain(&commands.0), &body, 4000));
    assert_eq!(with, run(&commands, &body, 1));
    assert_eq!(with.0, 200, "{}", with.1);
    assert!(with.1["variables"]["seen"].is_string(), "{}", with.1);
}

/// One line of a script, over few names so that lines bear on each other.
fn line() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec!["a", "b", "c", "n"]);
    let value = prop::sample::select(vec![
        "1", "2.5", "a", "b", "c", "\"t\"", "nothing", "\"7\"", "a + 1", "\" x \"",
    ]);
    let sign = prop::sample::select(vec!["=", "!=", "<", ">", "<=", ">=", "`a == b`", "?"]);
    prop_oneof![
        (name.clone(), value.clone()).prop_map(|(name, value)| format!("addVar({name}, {value})")),
        (name.clone(), value.clone()).prop_map(|(name, value)| format!("{name} = {value}")),
        (value.clone(), value.clone(), sign).prop_map(|(a, b, s)| format!("if({a}, {b}, {s})")),
        value
            .clone()
            .prop_map(|value| format!("addResult({value})")),
        value.prop_map(|value| format!("r = f({value})")),
        name.clone()
            .prop_map(|name| format!("variableToList({name}, l)")),
        name.prop_map(|name| format!("addVar({name})")),
        Just("startLoop(i, 1, 3)".to_owned()),
        Just("else()".to_owned()),
        Just("end()".to_owned()),
        Just("end()".to_owned()),
        Just("try()".to_owned()),
        Just("exception(e)".to_owned()),
        Just("getListLen(l, k)".to_owned()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn generated_scripts_answer_the_same(
        body in prop::collection::vec(line(), 0..6),
        lines in prop::collection::vec(line(), 0..16),
        units in prop::sample::select(vec![1_u32, 7, 4000]),
    ) {
        let embedded = Embedded::load();
        let plain = plain(&embedded.commands);
        let body = body.join("\n").replace("r = f(", "addResult(");
        let script = format!("function f(v) {{\nw = v\n{body}\n}}\n{}", lines.join("\n"));
        let request = json!({"script": script, "variables": {"a": 1}}).to_string();
        prop_assert_eq!(run(&embedded, &request, units), run(&plain, &request, 4000), "{}", script);
    }
}
