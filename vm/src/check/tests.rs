//! Every kind of diagnostic has a script that shows it; good scripts have none.

use super::{Catalog, Severity, check, codes::CODES, render};
use crate::limits::DIAGNOSTICS_MAX;
use std::collections::HashSet;

/// The commands of the embedded catalogue.
const COMMANDS: &[(&str, &[&str])] = &[
    ("addVar", &["targetVarName", "varValue"]),
    ("addResult", &["sourceVariable"]),
    ("addParam", &["param", "variable"]),
    ("if", &["variable", "variableValue", "comparator"]),
    ("startLoop", &["varName", "from", "to"]),
    ("try", &[]),
    ("exception", &["error"]),
    ("else", &[]),
    ("end", &[]),
    ("endLoop", &[]),
    ("getListLen", &["SourceVariable", "TargetVariable"]),
    (
        "itemFromList",
        &["SourceVariable", "index", "TargetVariable"],
    ),
    ("variableToList", &["element", "TargetVariable"]),
    ("AddvariableToJSON", &["Key", "Value", "TargetVariable"]),
    ("encodeMD5", &["SourceVariable", "TargetVariable"]),
    ("RequestGet", &["url", "querystring", "headers", "o_result"]),
    ("ormDirect", &["prompt", "TargetVariable"]),
];

struct Embedded;

impl Catalog for Embedded {
    fn interface(&self, name: &str) -> Option<Vec<String>> {
        let (_, items) = COMMANDS.iter().find(|(known, _)| *known == name)?;
        Some(items.iter().map(ToString::to_string).collect())
    }

    fn similar(&self, name: &str) -> Option<String> {
        super::catalog::most_similar(name, COMMANDS.iter().map(|(known, _)| *known)).map(Into::into)
    }
}

/// `line:column code` of each diagnostic.
fn found(script: &str) -> Vec<String> {
    let report = check(script, &Embedded);
    report
        .diagnostics
        .iter()
        .map(|one| format!("{} {}", one.position, one.code.info().name))
        .collect()
}

/// Scripts with a surprise, and where it is.
const SURPRISES: &[(&str, &[&str])] = &[
    ("hello there", &["1:1 ignored-line"]),
    ("include \"lib.avap\"", &["1:1 ignored-line"]),
    ("x = 1\nif(x, 1, =)\nelse\nend()", &["3:1 bare-keyword"]),
    ("# x = 1", &["1:1 hash-comment"]),
    ("# note", &["1:1 hash-comment"]),
    (
        "addVar(k,\n5\n)",
        &[
            "1:1 call-over-lines",
            "2:1 ignored-line",
            "3:1 ignored-line",
        ],
    ),
    ("addVar(t, \"p=q\")", &["1:1 call-became-assignment"]),
    (
        "ormDirect(\"SELECT a FROM t WHERE id = 1\", rows)",
        &["1:1 call-became-assignment"],
    ),
    ("k = 1\nk += 1", &["2:1 compound-assignment"]),
    ("x == 1", &["1:1 comparison-line"]),
    ("a = b = 2", &["1:5 chained-assignment"]),
    ("xs = [1]\nxs[0] = 1", &["2:1 part-assignment"]),
    ("my var = 5", &["1:1 odd-name"]),
    ("x =", &["1:1 empty-right-side"]),
    ("x = 5 // the price", &["1:5 comment-after-assignment"]),
    ("x = \"5\" // price", &["1:5 comment-after-assignment"]),
    (
        "u = \"http://a\" // the address",
        &["1:5 comment-after-assignment"],
    ),
    ("x = hello world", &["1:11 not-an-expression"]),
    ("x = 012", &["1:5 not-an-expression"]),
    ("x = 1;", &["1:6 not-an-expression"]),
    ("x = 5 / 0", &["1:5 always-fails"]),
    ("x = [\"a\" + 1]", &["1:6 always-fails"]),
    ("addVar(x, true)", &["1:11 word-argument"]),
    ("x = true", &["1:5 word-is-text"]),
    ("x = [null]", &["1:6 word-is-text"]),
    ("x = max(1, 2) + 0", &["1:5 no-such-function"]),
    (
        "r = 2\nps = [1]\nx = [p * r for p in ps]",
        &["3:10 scope-of-comprehension"],
    ),
    (
        "r = 2\nx = (lambda q: q * r)(4) + 0",
        &["2:20 scope-of-comprehension"],
    ),
    (
        "x = RequestGet(\"http://h/\", \"\", \"\", x)",
        &["1:5 call-with-operator"],
    ),
    ("xs = [1]\nn = len(xs)", &["2:5 call-without-operator"]),
    ("v = (3)", &["1:5 call-without-operator"]),
    ("s = \"a\"\nt = s.upper()", &["2:5 call-without-operator"]),
    (
        "function f(a) {\nreturn a\n}\nr = 1 + f(2)",
        &["4:9 function-in-expression"],
    ),
    (
        "function f(a) {\nreturn a\n}\nr = f(1) + f(2)",
        &["4:7 function-in-expression"],
    ),
    (
        "function f(a) {\nreturn a\n}\nr = f(2) + 1",
        &["4:10 dropped-after-function"],
    ),
    (
        "function f(a, b) {\nreturn a\n}\nr = f(1 + 1, 2)",
        &["4:7 function-gets-one-argument"],
    ),
    ("addVar(t, \"Hi ${name}\")", &["1:11 template-not-expanded"]),
    ("addVar(t, `Hi ${name}`)", &["1:11 template-not-expanded"]),
    ("t = `Hi ${name}`", &["1:5 template-not-expanded"]),
    ("addvar(x, 1)", &["1:1 unknown-command"]),
    ("go_async(\"t\")", &["1:1 unknown-command"]),
    (
        "while(x)\nendif()",
        &["1:1 no-such-construct", "2:1 no-such-construct"],
    ),
    ("elseif(a, 1, =)", &["1:1 no-such-construct"]),
    ("addVar(a, 1, 2)", &["1:14 too-many-arguments"]),
    ("itemFromList(xs, 1)", &["1:1 too-few-arguments"]),
    ("if(a, 1)\nend()", &["1:1 missing-arguments"]),
    ("startLoop(i, 1)\nendLoop()", &["1:1 missing-arguments"]),
    ("addResult(a) b", &["1:14 text-after-call"]),
    ("addResult(a) // see (b)", &["1:12 text-after-call"]),
    ("if(a, 1, ==\nend()", &["1:1 unclosed-call"]),
    (
        "startLoop (i, 1, 3)\naddResult(i)",
        &["1:1 loop-without-body"],
    ),
    ("addVar(, k, 4)", &["1:8 empty-argument"]),
    (
        "addVar(don't, b)",
        &["1:1 too-few-arguments", "1:11 unclosed-quote"],
    ),
    (
        "addVar(l, [1, 2])",
        &["1:11 split-in-brackets", "1:15 too-many-arguments"],
    ),
    ("addVar(t, \"done (ok)\")", &["1:11 quoted-call"]),
    (
        "addVar(x, 5); addVar(y, 6)",
        &["1:11 quoted-call", "1:25 too-many-arguments"],
    ),
    ("addVar(b, addVar(c, 4))", &["1:11 nested-command"]),
    ("addVar(d, \"2024-10-12\")", &["1:11 quoted-arithmetic"]),
    (
        "x = \"b\"\naddVar(d, \"A \" + x + \"!\")",
        &["2:11 quotes-at-both-ends"],
    ),
    ("s = \"abc\"\nencodeMD5(s, h)", &["2:11 word-is-hashed"]),
    ("addVar(x, row[\"id\"])", &["1:11 not-evaluated"]),
    ("if(a, 1, =)\naddResult(a)", &["1:1 missing-end"]),
    ("end()", &["1:1 end-without-block"]),
    ("else()", &["1:1 else-without-block"]),
    ("if(a, 1, =)\nelse()\nelse()\nend()", &["3:1 second-else"]),
    (
        "startLoop(i, 1, 2)\nelse()\nendLoop()",
        &["2:1 else-in-loop"],
    ),
    ("startLoop(i, 1, 2)\nend()", &["2:1 other-end"]),
    (
        "try()\naddVar(a, 1)\nexception(e)\nend()",
        &["4:1 end-after-exception"],
    ),
    (
        "if(g, 1, =)\ntry()\naddVar(a, 1)\nexception(e)\nend()\naddVar(d, 9)\nend()",
        &[
            "2:1 try-in-block",
            "4:1 try-in-block",
            "5:1 end-after-exception",
            "7:1 end-without-block",
        ],
    ),
    (
        "if(g, 1, =)\nexception(e)\naddVar(b, 1)\nend()\nend()",
        &[
            "2:1 try-in-block",
            "4:1 end-after-exception",
            "5:1 end-without-block",
        ],
    ),
    ("try()\naddVar(a, 1)", &["1:1 try-without-exception"]),
    ("exception(e)", &["1:1 exception-without-try"]),
    ("if(a, b, in)\nend()", &["1:10 unknown-comparison"]),
    ("if(a, b, \"a and b\")\nend()", &["1:10 unknown-comparison"]),
    ("if(None, None, `a >`)\nend()", &["1:17 condition-fails"]),
    (
        "if(None, None, `len(a) > 0`)\nend()",
        &["1:17 condition-fails"],
    ),
    (
        "if(None, None, `a in [1, 2]`)\nend()",
        &["1:16 condition-fails"],
    ),
    (
        "function f(a) { return a }\nx = 1",
        &["1:1 function-swallows-rest"],
    ),
    (
        "function f(a)\n{\nreturn a\n}",
        &["1:1 function-swallows-rest", "2:1 ignored-line"],
    ),
    (
        "function f() {\nx = \"}\"\n}",
        &["2:1 lost-with-brace", "3:1 ignored-line"],
    ),
    (
        "function f() {\n}\nfunction f() {\n}",
        &["1:1 function-replaced"],
    ),
    ("function if() {\n}", &["1:10 function-never-called"]),
    (
        "function f(a) {\nb = a\nif(b, 1, =)\nreturn 1\nend()\n}",
        &["4:1 return-in-block"],
    ),
    ("return 1", &["1:1 return-outside"]),
    (
        "function f(a) {\naddResult(a)\nif(a, 3, =)\nend()\n}",
        &["2:11 parameter-in-command", "3:4 parameter-in-command"],
    ),
    ("p = 1\naddVar(p, 9)\nq = p + 0", &["2:1 shadowed-write"]),
    (
        "i = 0\nstartLoop(i, 1, 3)\nt = i + 0\nendLoop()",
        &["2:1 shadowed-write"],
    ),
];

#[test]
fn each_surprise_is_found_where_it_is_and_nothing_else() {
    let wrong: Vec<_> = SURPRISES
        .iter()
        .filter(|(script, expected)| found(script) != *expected)
        .collect();
    for (script, _) in &wrong {
        println!(
            "{script}\n{}",
            render(&check(script, &Embedded), script, "script")
        );
    }
    assert_eq!(wrong, Vec::<&(&str, &[&str])>::new());
}

#[test]
fn every_code_has_a_script_that_shows_it() {
    let shown: HashSet<&str> = SURPRISES
        .iter()
        .flat_map(|(_, expected)| expected.iter())
        .filter_map(|one| one.split(' ').nth(1))
        .collect();
    let missing: Vec<_> = CODES
        .iter()
        .map(|one| one.name)
        .filter(|name| !shown.contains(name))
        .collect();
    assert_eq!(
        missing,
        ["too-large", "too-deep"],
        "these have tests of their own"
    );
}

#[test]
fn the_table_is_in_the_order_of_the_codes_and_has_no_name_twice() {
    let mut names = HashSet::new();
    for (index, info) in CODES.iter().enumerate() {
        assert_eq!(info.code as usize, index);
        assert!(names.insert(info.name));
        assert!(info.about.ends_with('.') && !info.about.contains('\n'));
        assert!(
            !(info.strict && info.severity != Severity::Warning),
            "{}",
            info.name
        );
    }
}

#[test]
fn good_scripts_are_left_alone() {
    for script in [
        "",
        "// only a note (with = and + in it)",
        "addParam(qty, units)\nprice = 12.5\nnet = price * units\nfunction gross(amount) {\n    total = amount * (1 + vat)\n    \
         return total\n}\ndue = gross(net)\nif(due, 40, >)\n    AddvariableToJSON(note, `over by ${units} units`, bill)\nelse()\n    \
         AddvariableToJSON(note, small, bill)\nend()\nAddvariableToJSON(due, due, bill)\naddResult(bill)",
        "t = 0\nstartLoop(i, 1, 5)\n  t = t + i\nendLoop()\naddResult(t)",
        "try()\nitemFromList(xs, 7, x)\nexception(e)\naddResult(e)",
        "if(None, None, `a > 3 and not (a == 9)`)\naddVar(r, yes)\nend()",
        "xs = [x * 2 for x in ys if x]\nm = {k: v for k, v in d.items()}\nn = len(xs) + 0\ns = str(n) + \"!\"",
        "xs = [(a, b) for a in p for b in a]\nf = [(lambda y: y + x)(1) for x in p]",
        "addVar(name, hello world)\naddResult(\"name\"); ",
        "function f(a, b) {\n  return max(a, b)\n}\nr = f(3, 8)\naddResult(r) // done",
        "x = f\"{a}\" \"b\"\ny = x if x else None",
        "addVar(total, price * 2)\naddVar(when, \"10:30\")\naddVar(rate, \"50%\")",
        "addVar(flag, \"true\")\nx = \"a\" % 0 + \"b\" * 2\ny = 7 % 2\nz = 5 / 0 if x else 1",
    ] {
        assert_eq!(found(script), [""; 0], "{script}");
    }
}

#[test]
fn calls_that_nest_too_deep_are_told() {
    let script = format!(
        "f({}x{})\nfunction f(a) {{\n}}",
        "f(".repeat(1_100),
        ")".repeat(1_100)
    );
    assert!(found(&script).iter().any(|one| one.ends_with("too-deep")));
}

#[test]
fn a_script_over_the_limit_is_one_diagnostic() {
    assert_eq!(found(&"x".repeat((1 << 20) + 1)), ["1:1 too-large"]);
}

#[test]
fn only_so_many_are_listed() {
    let report = check(&"junk\n".repeat(DIAGNOSTICS_MAX + 100), &Embedded);
    assert_eq!(
        (report.diagnostics.len(), report.left_out),
        (DIAGNOSTICS_MAX, 100)
    );
    assert!(report.is_refused_by_strict());
}

#[test]
fn strict_refuses_what_loses_text_or_work() {
    assert!(check("hello there", &Embedded).is_refused_by_strict());
    assert!(!check("my var = 5", &Embedded).is_refused_by_strict());
    assert!(!check("x = 5", &Embedded).is_refused_by_strict());
}

#[test]
fn a_report_reads_like_a_compilers() {
    let script = "x = 1\n\taddVar(, k, 4)\n";
    let report = check(script, &Embedded);
    let expected = "\
warning[empty-argument]: this argument of `addVar` is empty and dropped: later ones move left
 --> shop.avap:2:9
  |
2 |  addVar(, k, 4)
  |         ^
  = write `\"\"` for an empty text

";
    assert_eq!(render(&report, script, "shop.avap"), expected);
}

#[test]
fn a_long_line_is_shown_around_the_place() {
    let script = format!("addVar(k, \"{}\", , 4)", "é".repeat(5_000));
    let report = check(&script, &Embedded);
    let shown = render(&report, &script, "x");
    assert!(
        shown.lines().all(|line| line.chars().count() < 140),
        "{shown}"
    );
    assert!(shown.contains("[empty-argument]"));
}

#[test]
fn suggestions_are_near() {
    let report = check("addvar(x, 1)\naddResults(x)\nnothingLikeIt(x)", &Embedded);
    let meant: Vec<_> = report
        .diagnostics
        .iter()
        .map(|one| one.meant.as_str())
        .collect();
    assert_eq!(meant[0], "did you mean `addVar`?");
    assert_eq!(meant[1], "did you mean `addResult`?");
    assert!(!meant[2].contains("mean"));
}

#[test]
fn hostile_scripts_are_checked_in_linear_work() {
    for line in [
        "exception()\nend()\n",
        "x = true\n",
        "if(a,1,=)\n",
        "function f(a) {\n",
        "f(don't, \n",
        "x = g(1) + 1\n",
        "p=1\naddVar(p,1)\nq=p+1\n",
    ] {
        let report = check(&line.repeat(20_000), &Embedded);
        assert!(report.diagnostics.len() <= DIAGNOSTICS_MAX);
    }
}
