//! Reads scripts from standard input, a JSON string on each line, and writes the tree of each as a line of JSON. Tests compare it
//! with an independent parser.
//!
//! `{"program": [node…], "functions": {name: [[parameter…], [node…]]}}` or `{"error": text}`; a node is
//! `[kind, target or null, [argument…], [node…]…]`, an argument a text, `{"integer": "5"}` or `{"float": "5.0"}`.

use serde_json::{Value, json};
use std::io::{BufRead as _, Write as _};
use vm::script::expression::print::float;
use vm::script::tree::{
    Argument, ArgumentValue, BlockId, CallId, ReturnValue, RightSide, StatementKind,
};
use vm::script::{Script, Span, parse};

fn main() -> std::io::Result<()> {
    let mut output = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let answer = match serde_json::from_str::<String>(&line?) {
            Err(error) => json!({"unreadable": error.to_string()}),
            Ok(text) => match parse(text) {
                Err(error) => json!({"error": error.message}),
                Ok(script) => tree(&script),
            },
        };
        writeln!(output, "{answer}")?;
    }
    Ok(())
}

fn tree(script: &Script) -> Value {
    let mut functions = serde_json::Map::new();
    for (_, function) in script.functions() {
        let parameters: Vec<_> = function
            .parameters
            .iter()
            .map(|&one| script.text(one))
            .collect();
        let name = script.text(function.name).to_string();
        functions.insert(name, json!([parameters, block(script, function.body)]));
    }
    json!({"program": block(script, script.root()), "functions": functions})
}

fn block(script: &Script, id: BlockId) -> Vec<Value> {
    script
        .block(id)
        .map(|(_, statement)| node(script, statement.kind))
        .collect()
}

fn node(script: &Script, kind: StatementKind) -> Value {
    let text = |span: Span| script.text(span);
    match kind {
        StatementKind::If {
            call,
            when_true,
            when_false,
        } => json!([
            "if",
            null,
            arguments(script, call),
            block(script, when_true),
            block(script, when_false)
        ]),
        StatementKind::Loop { call, body } => {
            json!([
                "startLoop",
                null,
                arguments(script, call),
                block(script, body)
            ])
        }
        StatementKind::Return { value } => {
            let value = match value {
                ReturnValue::Nothing => vec![],
                ReturnValue::Number(id) => vec![argument(script, script.argument(id))],
                ReturnValue::Expression(id) => vec![json!(text(script.evaluation(id).text))],
            };
            json!(["return", null, value])
        }
        StatementKind::Assign { target, right } => {
            let right = match right {
                RightSide::Expression(id) => json!(text(script.evaluation(id).text)),
                RightSide::FunctionCall {
                    function, argument, ..
                } => {
                    let name = text(script.function(function).name);
                    json!({"function": name, "argument": text(script.evaluation(argument).text)})
                }
            };
            json!(["assign", text(target), [right]])
        }
        StatementKind::Call { call, target } => {
            json!([
                text(script.call(call).name),
                target.map(text),
                arguments(script, call)
            ])
        }
    }
}

fn arguments(script: &Script, id: CallId) -> Vec<Value> {
    script
        .arguments(id)
        .iter()
        .map(|one| argument(script, one))
        .collect()
}

fn argument(script: &Script, argument: &Argument) -> Value {
    match &argument.value {
        ArgumentValue::Integer(value) => json!({"integer": value.to_string()}),
        ArgumentValue::Float(value) => json!({"float": float(*value)}),
        ArgumentValue::Text { text, .. } => json!(script.text(*text)),
    }
}
