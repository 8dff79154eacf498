//! Definitions in their binary form: what is read is what was written, and bytes that nobody wrote are refused.

mod embedded;

use proptest::prelude::*;
use vm::bytecode::{binary, verify};
use vm::program::Definition;

const SOURCES: &[&str] = &[
    "",
    "x = (1, -7, 10**30, 123456789012345678901234567890, -99999999999999999999, 1.5, 1e308, 'é\\ud800'[0], b'\\xff', None, ...)",
    "def f(a, /, b=2, *rest, c, d=4, **more):\n    def g():\n        nonlocal b\n        b += a\n        return lambda: (a, b, rest)\n    return [g() for _ in range(3)]\n",
    "def g():\n    for i in range(3):\n        yield i\nx = list(g())\n",
    "try:\n    x = task['properties']['a']\nexcept (KeyError, ValueError) as error:\n    x = str(error)\nelse:\n    x = f'{x!r:>10}'\nfinally:\n    self.conector.variables['x'] = x\n",
    "import json\nfrom datetime import datetime as d\nx = {k: v for k, v in json.loads('{}').items() if not k < 3 <= 4 is not None}\ndel x['a'][1:2]\nx.y = 1\n",
    "global z\nz = {1, 2, *[3]}\na, *b, c = z\nprint(*b, **{'sep': a})\n",
    "class A: pass",
    "x = (",
];

fn definitions() -> Vec<Definition> {
    let sources = SOURCES.iter().enumerate();
    let interface = r#"[{"item": "a"}, {"name": "ñ"}, 3]"#;
    let mut all: Vec<_> = sources
        .map(|(number, source)| Definition::new(&format!("d{number}"), source, interface))
        .collect();
    for entry in
        std::fs::read_dir(embedded::root().join("supervisor/commands")).expect("the folder")
    {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|extension| extension == "py") {
            let text = std::fs::read_to_string(&path).expect("a file");
            let (code, interface) = embedded::command_file(&text);
            all.push(Definition::new("embedded", &code, &interface));
        }
    }
    all
}

/// Equal but for the keys of this process, which are equal too.
#[track_caller]
fn assert_comes_back(definition: &Definition) {
    let bytes = definition.to_binary();
    let read = Definition::from_binary(&bytes).expect("what was written");
    assert_eq!(read.name, definition.name);
    assert_eq!(read.items, definition.items);
    assert_eq!(read.code, definition.code);
    assert_eq!(read.task_stays, definition.task_stays);
    assert_eq!(read.to_binary(), bytes);
}

#[test]
fn definitions_come_back_as_they_were() {
    let all = definitions();
    assert!(all.len() > 35, "{}", all.len());
    assert!(all.iter().any(|definition| definition.task_stays));
    for definition in &all {
        assert_comes_back(definition);
    }
}

#[test]
fn a_cut_definition_is_refused_wherever_it_is_cut_and_so_is_a_longer_one() {
    for definition in definitions() {
        let mut bytes = definition.to_binary();
        for end in 0..bytes.len() {
            assert!(Definition::from_binary(&bytes[..end]).is_err(), "{end}");
        }
        bytes.push(0);
        assert!(Definition::from_binary(&bytes).is_err());
    }
}

#[test]
fn code_of_another_release_is_refused() {
    let mut bytes = definitions()[2].to_binary();
    bytes[..8].copy_from_slice(&(binary::VERSION ^ 1).to_le_bytes());
    let error = Definition::from_binary(&bytes).unwrap_err();
    assert!(error.to_string().contains("version"), "{error}");
}

#[test]
fn lengths_that_promise_more_than_there_is_allocate_nothing() {
    let start = binary::VERSION.to_le_bytes();
    // The name, the items, the code's name, the instructions: each claims 2^63 bytes or entries.
    let huge = [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F];
    for before in [&[][..], &[0], &[0, 0, 1, 0], &[0, 0, 1, 0, 0]] {
        let bytes = [&start[..], before, &huge].concat();
        assert!(Definition::from_binary(&bytes).is_err());
    }
}

#[test]
fn functions_inside_functions_without_end_are_refused() {
    let definition = Definition::new("deep", "def f(): pass\n", "[]");
    let bytes = definition.to_binary();
    // A function of one inside it, again and again: the outer part of the module, repeated.
    let start = binary::VERSION.to_le_bytes().len() + "deep".len() + 1 + 1 + 2;
    let inner = definition.code.as_ref().map(|code| code.children.len());
    assert_eq!(inner, Ok(1));
    let child = {
        let mut alone = Definition::new("deep", "def f(): pass\n", "[]");
        let code = alone.code.as_mut().expect("code");
        code.children.clear();
        // The last byte says how many are inside: none.
        alone.to_binary().len() - start
    };
    let module = &bytes[start..start + child];
    let mut hostile = bytes[..start].to_vec();
    for _ in 0..100_000 {
        hostile.extend_from_slice(&module[..module.len() - 1]);
        hostile.push(1);
    }
    let error = Definition::from_binary(&hostile).unwrap_err();
    assert!(error.to_string().contains("deep"), "{error}");
}

/// Whatever the bytes say, what is accepted is sound.
fn assert_sound(bytes: &[u8]) {
    let Ok(definition) = Definition::from_binary(bytes) else {
        return;
    };
    if let Ok(code) = &definition.code {
        verify::verify(code, code.globals.len(), 0, 0).expect("code that was verified");
    }
    assert_eq!(definition.to_binary(), bytes);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn random_bytes_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(Definition::from_binary(&bytes).is_err());
        let mut versioned = binary::VERSION.to_le_bytes().to_vec();
        versioned.extend(bytes);
        assert_sound(&versioned);
    }

    #[test]
    fn damaged_definitions_are_refused_or_sound(
        number in 0..SOURCES.len(),
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = Definition::new("d", SOURCES[number], r#"[{"item": "a"}]"#).to_binary();
        for (place, byte) in damage {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        assert_sound(&bytes);
    }

    #[test]
    fn generated_definitions_come_back(
        names in proptest::collection::vec("[a-z]{1,4}", 1..5),
        int in any::<i128>(),
        float in any::<f64>().prop_filter("a literal", |float| float.is_finite()),
        text in "\\PC{0,20}",
        depth in 0..12_usize,
    ) {
        let heads = (0..depth).map(|level| {
            let name = &names[level % names.len()];
            format!("{}def {name}_{level}(a=0, *b, c=1):\n", " ".repeat(level))
        });
        let indent = " ".repeat(depth);
        let values = format!("[{int}, {float:?}, {text:?}, {{'k': -{int}}}]");
        let body = format!("{indent}{} = {values}\n{indent}inner = lambda x: x + {int}\n", names[0]);
        let source = heads.collect::<String>() + &body;
        let definition = Definition::new("generated", &source, "[]");
        assert_comes_back(&definition);
    }
}
