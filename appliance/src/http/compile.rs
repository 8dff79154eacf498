//! `POST /api/v1/compile`: whether a definition compiles. Nothing is stored.

use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};
use vm::bytecode::listing;

use crate::scripts::runner::{Aside, Runner};

use super::execute::{text, unreadable};
use super::members::{self, Kind};
use super::problem::{Problem, internal, overloaded};
use super::reply::Reply;

/// Compiles the definition of a request, on a VM thread: the longest takes some milliseconds.
///
/// # Errors
/// 400 for a body that is wrong, 503 when the threads have too much to do.
pub async fn answer(runner: &Runner, body: Bytes) -> Result<Reply, Problem> {
    aside(runner, move || compiled(&body)).await
}

/// Runs `work` on a VM thread.
///
/// # Errors
/// Its own; 503 when the threads have too much to do, 500 for a panic.
pub async fn aside(
    runner: &Runner,
    work: impl FnOnce() -> Result<Reply, Problem> + Send + 'static,
) -> Result<Reply, Problem> {
    match runner.aside(work).await {
        Aside::Done(reply) => reply,
        Aside::Refused => Err(overloaded()),
        Aside::Panicked => Err(internal()),
    }
}

fn compiled(body: &[u8]) -> Result<Reply, Problem> {
    let text = text(body)?;
    let (mut name, mut script, mut wrong) = (None, None, None);
    members::visit(text, |key, kind, place| match (key, kind) {
        ("name", Kind::Text) => name = Some(place),
        ("script", Kind::Text) => script = Some(place),
        ("name" | "script", Kind::Null) => {}
        ("name", _) => wrong = Some("name"),
        ("script", _) => wrong = Some("script"),
        _ => {}
    })
    .map_err(unreadable)?;
    if let Some(field) = wrong {
        return Err(Problem::bad_field(field, format!("{field} must be a text")));
    }
    let given = |place: Option<std::ops::Range<usize>>| {
        place
            .map(|place| members::text_of(&text[place]))
            .filter(|text| !text.is_empty())
    };
    let (Some(name), Some(script)) = (given(name), given(script)) else {
        return Ok(Reply::json(
            StatusCode::BAD_REQUEST,
            json!({"error": "Missing name or script"}).to_string(),
        ));
    };
    let (status, optimized_chars, diagnostics): (_, _, Vec<Value>) =
        match vm::compile::definition(&name, &script) {
            Ok(code) => {
                let normal_form = listing::print(&code);
                ("optimized & compiled", normal_form.chars().count(), vec![])
            }
            Err(error) => {
                let diagnostic = json!({
                    "severity": "error",
                    "line": error.position.line,
                    "column": error.position.column,
                    "message": error.message,
                });
                ("not compiled", script.chars().count(), vec![diagnostic])
            }
        };
    let body = json!({
        "status": status,
        "name": name,
        "original_chars": script.chars().count(),
        "optimized_chars": optimized_chars,
        "diagnostics": diagnostics,
    });
    Ok(Reply::json(StatusCode::OK, body.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(body: &Value) -> (StatusCode, Value) {
        let reply = compiled(body.to_string().as_bytes()).unwrap();
        (reply.status, serde_json::from_slice(&reply.body).unwrap())
    }

    #[test]
    fn a_definition_that_compiles_says_so() {
        let (status, body) = ask(&json!({"name": "ñ", "script": "x = 1\n"}));
        assert_eq!(status, StatusCode::OK);
        assert_eq!(body["status"], "optimized & compiled");
        assert_eq!(
            (&body["name"], &body["original_chars"]),
            (&json!("ñ"), &json!(6))
        );
        assert_eq!(body["diagnostics"], json!([]));
    }

    #[test]
    fn one_that_does_not_says_where() {
        let (status, body) = ask(&json!({"name": "n", "script": "x = 1\nclass A: pass\n"}));
        assert_eq!(status, StatusCode::OK);
        assert_eq!(body["status"], "not compiled");
        assert_eq!(body["diagnostics"][0]["line"], 2);
    }

    #[test]
    fn missing_fields_are_the_predecessors_error() {
        for body in [
            json!({}),
            json!({"name": "n"}),
            json!({"script": "x"}),
            json!({"name": "", "script": "x"}),
            json!({"name": null, "script": "x"}),
        ] {
            assert_eq!(
                ask(&body),
                (
                    StatusCode::BAD_REQUEST,
                    json!({"error": "Missing name or script"})
                )
            );
        }
        assert_eq!(compiled(b"{\"name\": 5}").unwrap_err().field, Some("name"));
    }
}
