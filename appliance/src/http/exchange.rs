//! One request: from its headers to its answer.

use std::convert::Infallible;
use std::future::pending;
use std::rc::Rc;
use std::time::Instant;

use http::request::Parts;
use http::{HeaderValue, Method, Request, StatusCode};
use hyper::body::Incoming;
use serde_json::json;
use shm_catalog::{HttpStatus, Route};

use super::connection::Link;
use super::problem::Problem;
use super::reply::{Answer, Reply};
use super::route::Target;
use super::{body, check, commands, compile, cors, execute, exposition, head};

/// Answers a request.
pub async fn answer(link: Rc<Link>, request: Request<Incoming>) -> Result<Answer, Infallible> {
    let arrived = Instant::now();
    link.pace.request_began();
    let server = &link.server;
    let (parts, body) = request.into_parts();
    let target = Target::of(parts.uri.path());
    let route = target.as_ref().map_or(Route::Other, Target::route);
    let mut reply = match reply(&link, &parts, target.as_ref()) {
        Ok(Next::Reply(reply)) => reply,
        Ok(Next::Read(target)) => read_and_reply(&link, &parts, target, body, arrived)
            .await
            .unwrap_or_else(Reply::from),
        Err(problem) => problem.into(),
    };
    reply.closes |= link.is_last_request();
    let status = reply.status;
    let request_id = head::request_id(&parts.headers)
        .cloned()
        .unwrap_or_else(|| server.request_ids.make());
    let mut answer = reply.finish(request_id, server.version_header());
    cors::permit(&server.cors_origins, &parts.headers, answer.headers_mut());
    link.pace.answered();
    server.observer.request_ended(
        route,
        HttpStatus::from_code(status.as_u16()),
        arrived.elapsed(),
    );
    if status.is_informational() {
        // hyper sends no such status as a final one, and after it no client knows what comes next.
        link.end_with(last_words(&answer));
        return pending().await;
    }
    Ok(answer)
}

/// What a request needs after its headers.
enum Next<'t> {
    /// Nothing.
    Reply(Reply),
    /// Its body.
    Read(&'t Target<'t>),
}

fn reply<'t>(
    link: &Link,
    parts: &Parts,
    target: Option<&'t Target<'t>>,
) -> Result<Next<'t>, Problem> {
    head::check_framing(parts.version, &parts.headers)?;
    let server = &link.server;
    let Some(target) = target else {
        let text = format!("there is nothing at {}", shown(parts.uri.path()));
        return Err(Problem::new(StatusCode::NOT_FOUND, "not_found", text));
    };
    if parts.method == Method::OPTIONS
        && let Some(reply) = cors::preflight(&server.cors_origins, &parts.headers, target.allowed())
    {
        return Ok(Next::Reply(reply));
    }
    if !target.takes(&parts.method) {
        return Ok(Next::Reply(Reply::method_not_allowed(target.allowed())));
    }
    if target.needs_key() {
        server.authorize(&parts.headers)?;
    }
    let version = server.current();
    let version = version.as_deref();
    let query = parts.uri.query().unwrap_or_default();
    let reply = match target {
        Target::Home => Reply::moved("/health"),
        Target::Health => health(),
        Target::Ready => server.ready(),
        Target::Metrics => exposition::metrics(&server.slots),
        Target::OpenApi => openapi(),
        Target::Commands => commands::list(version, query, &parts.headers)?,
        Target::Command(name) => commands::one(version, name.as_deref(), &parts.headers)?,
        Target::Execute | Target::Compile | Target::Check => return Ok(Next::Read(target)),
    };
    Ok(Next::Reply(reply))
}

async fn read_and_reply(
    link: &Link,
    parts: &Parts,
    target: &Target<'_>,
    body: Incoming,
    arrived: Instant,
) -> Result<Reply, Problem> {
    let server = &link.server;
    let body = body::collect(&server.held, &parts.headers, body, arrived).await?;
    if *target == Target::Compile {
        return compile::answer(&server.runner, body.bytes.clone()).await;
    }
    let version = server.current();
    if *target == Target::Check {
        return check::answer(&server.runner, version.as_deref(), body.bytes.clone()).await;
    }
    let request = execute::Request {
        headers: &parts.headers,
        query: parts.uri.query().unwrap_or_default(),
        body: body.bytes.clone(),
        // A script's time begins when it is there, however slowly it came.
        arrived: Instant::now(),
    };
    execute::answer(
        &server.runner,
        &*server.observer,
        version.as_deref(),
        request,
    )
    .await
}

/// The bytes of an answer without a body.
fn last_words(answer: &Answer) -> Vec<u8> {
    let status = answer.status();
    let reason = status.canonical_reason().unwrap_or("Informational");
    let mut words = format!("HTTP/1.1 {} {reason}\r\n", status.as_str()).into_bytes();
    for (name, value) in answer.headers() {
        words.extend_from_slice(name.as_str().as_bytes());
        words.extend_from_slice(b": ");
        words.extend_from_slice(value.as_bytes());
        words.extend_from_slice(b"\r\n");
    }
    words.extend_from_slice(b"connection: close\r\n\r\n");
    words
}

/// That the process lives; whether it can serve is `/ready`'s to say.
fn health() -> Reply {
    let body = json!({
        "status": "healthy",
        "service": "avap-server",
        "version": env!("CARGO_PKG_VERSION"),
    });
    Reply::json(StatusCode::OK, body.to_string())
}

fn openapi() -> Reply {
    const DOCUMENT: &[u8] = include_bytes!("../../../docs/openapi.json");
    const TYPE: HeaderValue = HeaderValue::from_static("application/json; charset=UTF-8");
    Reply::new(StatusCode::OK, TYPE, DOCUMENT)
}

/// A path as an error may show it.
fn shown(path: &str) -> &str {
    &path[..path.floor_char_boundary(200)]
}
