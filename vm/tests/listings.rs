//! Golden listings of bytecode: each file is a definition, `---`, and its listing. `UPDATE_LISTINGS=1 cargo test -p vm
//! --test listings` writes them anew. What is printed can be read back.

use std::path::Path;

use vm::bytecode::{Code, listing};
use vm::program::Definition;

fn code_of(source: &str) -> Code {
    match Definition::new("probe", source, "[]").code {
        Ok(code) => code,
        Err(error) => panic!("{error}\n{source}"),
    }
}

#[test]
fn listings_are_as_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/listings");
    let mut files = 0;
    for entry in std::fs::read_dir(folder).expect("the folder") {
        let path = entry.expect("an entry").path();
        let text = std::fs::read_to_string(&path).expect("a file");
        let (source, expected) = text.split_once("---\n").expect("a source and a listing");
        let printed = listing::print(&code_of(source));
        if std::env::var_os("UPDATE_LISTINGS").is_some() {
            std::fs::write(&path, format!("{source}---\n{printed}")).expect("a file");
        } else {
            assert_eq!(printed, expected, "{}", path.display());
        }
        files += 1;
    }
    assert!(files >= 3);
}

#[test]
fn what_is_printed_is_read_back() {
    for source in [
        "x = [y for y in range(3) if y]\n",
        "try:\n    x = 1\nexcept Exception as e:\n    x = e\n",
    ] {
        let code = code_of(source);
        let (ops, handlers) = listing::parse_ops(&listing::print(&code)).expect("a listing");
        assert_eq!(ops, code.ops);
        assert_eq!(handlers, code.handlers);
    }
}

#[test]
fn the_verifier_refuses_code_that_reaches_outside() {
    use vm::bytecode::op::Op;
    use vm::bytecode::operand::{Const, Dst, Src, Target};
    let sound = code_of("x = 1\ny = x + x\n");
    let verify = |code: &Code| vm::bytecode::verify::verify(code, code.globals.len(), 0, 0);
    assert!(verify(&sound).is_ok());
    for op in [
        Op::Load {
            d: Dst(999),
            k: Const(0),
        },
        Op::Load {
            d: Dst(0),
            k: Const(999),
        },
        Op::Jump { to: Target(999) },
        Op::Yield { s: Src(0) },
    ] {
        let mut code = sound.clone();
        code.ops[0] = op;
        assert!(verify(&code).is_err(), "{op}");
    }
    let mut open = sound.clone();
    open.ops.pop();
    open.offsets.pop();
    assert!(verify(&open).is_err());
}
