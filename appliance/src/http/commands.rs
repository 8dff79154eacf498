//! `/api/v1/commands` and `/api/v1/commands/{name}`: the catalogue as JSON.

use http::header::IF_NONE_MATCH;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Serialize;
use shm_catalog::Command;
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

use crate::plane::version::Version;

use super::limits::{PAGE_COMMANDS_DEFAULT, PAGE_COMMANDS_MAX};
use super::problem::{Problem, no_catalogue};
use super::query;
use super::reply::Reply;

#[derive(Serialize)]
struct Listed<'a> {
    name: &'a str,
    r#type: &'a str,
    hash: &'a str,
    interface_json: &'a str,
}

#[derive(Serialize)]
struct Page<'a> {
    digest: String,
    total: u64,
    commands: Vec<Listed<'a>>,
    /// What to ask for `after` to get the next page.
    next: Option<&'a str>,
}

#[derive(Serialize)]
struct Whole<'a> {
    name: &'a str,
    r#type: &'a str,
    hash: &'a str,
    interface_json: &'a str,
    code: &'a str,
}

/// One page of the list: `limit` commands that follow the name `after`.
///
/// # Errors
/// 400 for a parameter that is none, 503 before the first version.
pub fn list(version: Option<&Version>, query: &str, headers: &HeaderMap) -> Result<Reply, Problem> {
    let (limit, after) = parameters(query)?;
    let segment = &version.ok_or_else(no_catalogue)?.segment;
    let place = xxh3_64(after.as_bytes());
    let etag = etag(&format!("{}-{limit}-{place:016x}", segment.digest()));
    if matches(headers, &etag) {
        return Ok(Reply::not_modified(etag));
    }
    let mut found = segment.commands_after(after.as_bytes());
    let commands: Vec<Listed<'_>> = found.by_ref().take(limit).map(listed).collect();
    let next = match found.next() {
        Some(_) => commands.last().map(|last| last.name),
        None => None,
    };
    let page = Page {
        digest: segment.digest().to_string(),
        total: segment.count(),
        next,
        commands,
    };
    Ok(json(&page)?.tagged(etag))
}

/// One command.
///
/// # Errors
/// 404, 503 before the first version.
pub fn one(
    version: Option<&Version>,
    name: Option<&str>,
    headers: &HeaderMap,
) -> Result<Reply, Problem> {
    let segment = &version.ok_or_else(no_catalogue)?.segment;
    let name = name.ok_or_else(|| Problem::bad_field("name", "the name is not UTF-8"))?;
    let record = segment.lookup(name.as_bytes());
    let found = record.and_then(|record| Some((record, Command::read(record, segment.wire())?)));
    let (record, command) = found.ok_or_else(|| {
        let text = format!("Command '{name}' not found");
        Problem::new(StatusCode::NOT_FOUND, "command_not_found", text)
    })?;
    let etag = etag(&format!("{:032x}", xxh3_128(record)));
    if matches(headers, &etag) {
        return Ok(Reply::not_modified(etag));
    }
    let Command {
        name,
        code,
        hash,
        kind,
        interface,
    } = command;
    let whole = Whole {
        name,
        r#type: kind,
        hash,
        interface_json: interface,
        code,
    };
    Ok(json(&whole)?.tagged(etag))
}

fn listed(command: Command<'_>) -> Listed<'_> {
    Listed {
        name: command.name,
        r#type: command.kind,
        hash: command.hash,
        interface_json: command.interface,
    }
}

fn json(value: &impl Serialize) -> Result<Reply, Problem> {
    let body = serde_json::to_vec(value).map_err(|error| {
        Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            error.to_string(),
        )
    })?;
    Ok(Reply::json(StatusCode::OK, body))
}

fn parameters(query: &str) -> Result<(usize, String), Problem> {
    let (mut limit, mut after) = (PAGE_COMMANDS_DEFAULT, String::new());
    for (name, value) in query::pairs(query) {
        match &*name {
            "limit" => {
                limit = value
                    .parse()
                    .ok()
                    .filter(|limit| (1..=PAGE_COMMANDS_MAX).contains(limit))
                    .ok_or_else(|| {
                        let text = format!(
                            "limit is a number from 1 to {PAGE_COMMANDS_MAX}, not {value:?}"
                        );
                        Problem::bad_field("limit", text)
                    })?;
            }
            "after" => after = value.into_owned(),
            _ => {}
        }
    }
    Ok((limit, after))
}

/// A strong entity tag (RFC 9110 §8.8.3) of hex digits and dashes.
fn etag(content: &str) -> HeaderValue {
    HeaderValue::try_from(format!("\"{content}\"")).unwrap_or(HeaderValue::from_static("\"\""))
}

/// Whether the client has this content: RFC 9110 §13.1.2, weak comparison.
fn matches(headers: &HeaderMap, etag: &HeaderValue) -> bool {
    headers.get_all(IF_NONE_MATCH).iter().any(|value| {
        value.as_bytes().split(|byte| *byte == b',').any(|one| {
            let one = one.trim_ascii();
            one == b"*" || one.strip_prefix(b"W/").unwrap_or(one) == etag.as_bytes()
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plane::test_segment::segment;
    use serde_json::Value;
    use shm_catalog::Generation;

    fn version(rows: &[(&str, &str)]) -> Version {
        Version::new(Generation(1), segment(1, rows))
    }

    fn value(reply: &Reply) -> Value {
        serde_json::from_slice(&reply.body).unwrap()
    }

    #[test]
    fn pages_follow_each_other_to_the_end() {
        let names: Vec<String> = (0..25).map(|n| format!("command{n:02}")).collect();
        let rows: Vec<_> = names.iter().map(|name| (name.as_str(), "x")).collect();
        let version = version(&rows);
        let (mut seen, mut query) = (Vec::new(), "limit=10".to_owned());
        loop {
            let page = value(&list(Some(&version), &query, &HeaderMap::new()).unwrap());
            assert_eq!(page["total"], 25);
            let commands = page["commands"].as_array().unwrap().iter();
            seen.extend(commands.map(|one| one["name"].as_str().unwrap().to_owned()));
            match page["next"].as_str() {
                Some(next) => query = format!("limit=10&after={next}"),
                None => break,
            }
        }
        assert_eq!(seen, names);
    }

    #[test]
    fn a_wrong_parameter_is_named() {
        for query in ["limit=0", "limit=1001", "limit=x", "limit=", "limit=-1"] {
            let problem = list(None, query, &HeaderMap::new()).unwrap_err();
            assert_eq!(problem.field, Some("limit"), "{query}");
        }
        let problem = list(None, "", &HeaderMap::new()).unwrap_err();
        assert_eq!(problem.status, StatusCode::SERVICE_UNAVAILABLE);
    }

    #[test]
    fn what_the_client_has_is_not_sent_again() {
        let version = version(&[("if", "one"), ("else", "two")]);
        let reply = one(Some(&version), Some("if"), &HeaderMap::new()).unwrap();
        assert_eq!(value(&reply)["code"], "one");
        let etag = reply.etag.unwrap();
        let ask = |name: &str, tag: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(IF_NONE_MATCH, tag.parse().unwrap());
            one(Some(&version), Some(name), &headers).unwrap().status
        };
        let tag = etag.to_str().unwrap();
        for known in [tag, &format!("W/{tag}"), &format!("\"x\", {tag}"), "*"] {
            assert_eq!(ask("if", known), StatusCode::NOT_MODIFIED, "{known}");
        }
        assert_eq!(ask("else", tag), StatusCode::OK);
        assert_eq!(ask("if", "\"x\""), StatusCode::OK);
    }

    #[test]
    fn an_unknown_name_is_named() {
        let version = version(&[("if", "one")]);
        let problem = one(Some(&version), Some("fi"), &HeaderMap::new()).unwrap_err();
        assert_eq!(
            (problem.status, problem.text.as_str()),
            (StatusCode::NOT_FOUND, "Command 'fi' not found")
        );
        assert_eq!(
            one(Some(&version), None, &HeaderMap::new())
                .unwrap_err()
                .field,
            Some("name")
        );
    }
}
