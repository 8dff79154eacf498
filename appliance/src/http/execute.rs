//! `POST /api/v1/execute`: a script, and its answer.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use shm_catalog::ScriptEnd;
use vm::execution::Answer;

use crate::plane::version::Version;
use crate::scripts::runner::{Order, Outcome, Runner};

use super::members::{self, Kind, Unreadable};
use super::observer::Observer;
use super::problem::{Problem, internal, no_catalogue, overloaded};
use super::query;
use super::reply::Reply;

/// What a client says about its own patience, at most.
const TIMEOUT_MS_MAX: u64 = 3_600_000;

/// A request's parts.
pub struct Request<'a> {
    pub headers: &'a HeaderMap,
    pub query: &'a str,
    pub body: Bytes,
    pub arrived: Instant,
}

/// Runs the script of a request.
///
/// # Errors
/// 400 for a body that is wrong, 503 without a catalogue or time to run.
pub async fn answer(
    runner: &Runner,
    observer: &dyn Observer,
    version: Option<&Version>,
    request: Request<'_>,
) -> Result<Reply, Problem> {
    let version = version.ok_or_else(no_catalogue)?;
    let order = order(request, runner.timeout())?;
    match runner.run(order, version).await {
        Outcome::Answered(answer) => {
            observer.script_ended(end_of(&answer));
            Ok(reply(answer))
        }
        Outcome::Refused => {
            observer.script_ended(ScriptEnd::Refused);
            Ok(overloaded().into())
        }
        Outcome::Panicked(text) => {
            observer.script_ended(ScriptEnd::Internal);
            observer.panic_caught(&text);
            Err(internal())
        }
    }
}

/// A dialect that would refuse what the language stores or drops in silence. Who asks for it must not get another one
/// without a word; any other value of the key is the request's own, which `addParam` reads.
const STRICT: &str = "strict";

/// What a request orders.
///
/// # Errors
/// 400 for a body that is wrong.
pub fn order(request: Request<'_>, timeout: Duration) -> Result<Order, Problem> {
    let text = text(&request.body)?;
    let (mut script, mut variables, mut timeout_ms) = (None, None, None);
    let (mut wrong, mut strict) = (None, false);
    members::visit(text, |key, kind, place| match (key, kind) {
        ("dialect", Kind::Text) => strict = members::text_of(&text[place]) == STRICT,
        ("dialect", _) => strict = false,
        ("script", Kind::Text) => script = Some(place),
        ("script", Kind::Null) => script = None,
        ("script", _) => wrong = Some(("script", "a text")),
        ("variables", Kind::Object) => variables = Some(place),
        ("variables", _) => wrong = Some(("variables", "an object")),
        ("timeout_ms", Kind::Number) => timeout_ms = Some(place),
        ("timeout_ms", _) => wrong = Some(("timeout_ms", "a number")),
        _ => {}
    })
    .map_err(unreadable)?;
    if let Some((field, kind)) = wrong {
        return Err(Problem::bad_field(field, format!("{field} must be {kind}")));
    }
    if strict {
        let text = "the dialect \"strict\" is not available; leave it out, and see /api/v1/check for what it would refuse";
        return Err(Problem::bad_field("dialect", text.to_owned()));
    }
    let script = script.map_or_else(String::new, |place| {
        members::text_of(&text[place]).into_owned()
    });
    if script.is_empty() {
        return Err(empty_script());
    }
    let timeout = match timeout_ms {
        Some(place) => timeout.min(patience(&text[place])?),
        None => timeout,
    };
    let form = if is_form(request.headers) {
        query::grouped(text)
    } else {
        Vec::new()
    };
    Ok(Order {
        script,
        variables,
        query: query::grouped(request.query),
        form,
        deadline: request.arrived + timeout,
        body: request.body,
    })
}

/// The script of a body, for those who do not run it.
///
/// # Errors
/// 400 as for one that is run.
pub fn script_of(text: &str) -> Result<String, Problem> {
    let (mut script, mut wrong) = (None, false);
    members::visit(text, |key, kind, place| match (key, kind) {
        ("script", Kind::Text) => script = Some(place),
        ("script", kind) => wrong |= kind != Kind::Null,
        _ => {}
    })
    .map_err(unreadable)?;
    if wrong {
        return Err(Problem::bad_field("script", "script must be a text"));
    }
    let script = script.map_or_else(String::new, |place| {
        members::text_of(&text[place]).into_owned()
    });
    if script.is_empty() {
        return Err(empty_script());
    }
    Ok(script)
}

fn empty_script() -> Problem {
    Problem {
        code: "empty_script",
        ..Problem::bad_field("script", "Script cannot be empty")
    }
}

/// A body as text.
///
/// # Errors
/// 400 when it is not UTF-8.
pub fn text(body: &[u8]) -> Result<&str, Problem> {
    std::str::from_utf8(body).map_err(|_| Problem {
        code: "bad_json",
        ..Problem::bad_field("body", "the body is not UTF-8")
    })
}

/// Why a body is no JSON object.
pub fn unreadable(error: Unreadable) -> Problem {
    let (code, text) = match error {
        Unreadable::Json(text) => ("bad_json", text),
        Unreadable::TooDeep => ("too_deep", "the body is nested too deeply".to_owned()),
        Unreadable::NotAnObject => ("bad_request", "the body must be a JSON object".to_owned()),
    };
    Problem {
        code,
        ..Problem::bad_field("body", text)
    }
}

fn patience(number: &str) -> Result<Duration, Problem> {
    number
        .parse()
        .ok()
        .filter(|timeout_ms| (1..=TIMEOUT_MS_MAX).contains(timeout_ms))
        .map(Duration::from_millis)
        .ok_or_else(|| {
            let text = format!("timeout_ms is a whole number from 1 to {TIMEOUT_MS_MAX}");
            Problem::bad_field("timeout_ms", text)
        })
}

fn is_form(headers: &HeaderMap) -> bool {
    const FORM: &[u8] = b"application/x-www-form-urlencoded";
    headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.as_bytes().get(..FORM.len()))
        .is_some_and(|start| start.eq_ignore_ascii_case(FORM))
}

fn reply(answer: Answer) -> Reply {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut reply = Reply::json(status, answer.body);
    if status == StatusCode::SERVICE_UNAVAILABLE && answer.failure.is_some() {
        reply.extra = Some((RETRY_AFTER, HeaderValue::from_static("1")));
    }
    reply
}

/// Under which outcome an answer is counted.
fn end_of(answer: &Answer) -> ScriptEnd {
    match answer.failure.as_ref().map(|failure| failure.code) {
        None => ScriptEnd::Ok,
        Some("fuel_exhausted") => ScriptEnd::Fuel,
        Some("deadline_exceeded") => ScriptEnd::Deadline,
        Some("memory_exceeded") => ScriptEnd::Memory,
        Some("output_exceeded") => ScriptEnd::Output,
        Some("cancelled") => ScriptEnd::Cancelled,
        Some("internal") => ScriptEnd::Internal,
        Some(_) => ScriptEnd::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<Order, Problem> {
        let request = Request {
            headers: &HeaderMap::new(),
            query: "a=1&b=2&a=3",
            body: Bytes::copy_from_slice(body.as_bytes()),
            arrived: Instant::now(),
        };
        order(request, Duration::from_millis(800))
    }

    #[test]
    fn an_order_has_the_script_and_where_its_variables_are() {
        let body =
            r#"{"extra": [1], "script": "x = 1\n", "variables": {"a": 1}, "script": "y = 2"}"#;
        let order = read(body).unwrap();
        assert_eq!(order.script, "y = 2");
        assert_eq!(&body[order.variables.unwrap()], r#"{"a": 1}"#);
        assert_eq!(order.query.len(), 2);
        assert_eq!(order.query[0].1, [b"1", b"3"]);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let check = |body: &str, field: &str, text: &str| {
            let problem = read(body).err().unwrap();
            assert_eq!(problem.status, StatusCode::BAD_REQUEST);
            assert_eq!((problem.field, problem.text.as_str()), (Some(field), text));
        };
        check("{}", "script", "Script cannot be empty");
        check(r#"{"script": ""}"#, "script", "Script cannot be empty");
        check(r#"{"script": null}"#, "script", "Script cannot be empty");
        check(r#"{"script": 5}"#, "script", "script must be a text");
        check(
            r#"{"script": "x", "variables": []}"#,
            "variables",
            "variables must be an object",
        );
        check(
            r#"{"script": "x", "timeout_ms": 0}"#,
            "timeout_ms",
            "timeout_ms is a whole number from 1 to 3600000",
        );
        check(
            r#"{"script": "x", "dialect": "strict"}"#,
            "dialect",
            "the dialect \"strict\" is not available; leave it out, and see /api/v1/check for what it would refuse",
        );
        check("[]", "body", "the body must be a JSON object");
        check(
            "{\"script\": ",
            "body",
            "Expecting value: line 1 column 12 (char 11)",
        );
    }

    #[test]
    fn a_client_may_shorten_the_timeout_and_not_prolong_it() {
        let remaining = |timeout_ms: u64| {
            let order = read(&format!(r#"{{"script": "x", "timeout_ms": {timeout_ms}}}"#)).unwrap();
            order.deadline.saturating_duration_since(Instant::now())
        };
        assert!(remaining(100) <= Duration::from_millis(100));
        let longest = remaining(60_000);
        assert!(longest > Duration::from_millis(700) && longest <= Duration::from_millis(800));
    }
}
