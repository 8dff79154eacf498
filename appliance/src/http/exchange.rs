//! One request: from its headers to its answer.

use std::convert::Infallible;
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
use super::{commands, cors, exposition, head};

/// Answers a request.
#[expect(clippy::unused_async, reason = "hyper's services are futures")]
pub async fn answer(link: Rc<Link>, request: Request<Incoming>) -> Result<Answer, Infallible> {
    let started = Instant::now();
    link.pace.request_began();
    let server = &link.server;
    let (parts, _body) = request.into_parts();
    let target = Target::of(parts.uri.path());
    let route = target.as_ref().map_or(Route::Other, Target::route);
    let mut reply = reply(&link, &parts, target.as_ref()).unwrap_or_else(Reply::from);
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
        started.elapsed(),
    );
    Ok(answer)
}

fn reply(link: &Link, parts: &Parts, target: Option<&Target<'_>>) -> Result<Reply, Problem> {
    head::check_framing(parts.version, &parts.headers)?;
    let server = &link.server;
    let Some(target) = target else {
        let text = format!("there is nothing at {}", shown(parts.uri.path()));
        return Err(Problem::new(StatusCode::NOT_FOUND, "not_found", text));
    };
    if parts.method == Method::OPTIONS
        && let Some(reply) = cors::preflight(&server.cors_origins, &parts.headers, target.allowed())
    {
        return Ok(reply);
    }
    if !target.takes(&parts.method) {
        return Ok(Reply::method_not_allowed(target.allowed()));
    }
    if target.needs_key() {
        server.authorize(&parts.headers)?;
    }
    let version = server.current();
    let version = version.as_deref();
    let query = parts.uri.query().unwrap_or_default();
    match target {
        Target::Home => Ok(Reply::moved("/health")),
        Target::Health => Ok(health()),
        Target::Ready => Ok(server.ready()),
        Target::Metrics => Ok(exposition::metrics(&server.slots)),
        Target::OpenApi => Ok(openapi()),
        Target::Commands => commands::list(version, query, &parts.headers),
        Target::Command(name) => commands::one(version, name.as_deref(), &parts.headers),
    }
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
