//! What is wrong with a request, as its sender is told.

use http::StatusCode;
use serde::Serialize;

/// A refusal: a status, a code that stays, words, and where the mistake is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub status: StatusCode,
    /// Stable; for programs.
    pub code: &'static str,
    /// For people.
    pub text: String,
    /// The field of the body or the parameter that is wrong.
    pub field: Option<&'static str>,
    /// The connection is of no use afterwards: unread bytes of a body are in it.
    pub closes: bool,
}

#[derive(Serialize)]
struct Shape<'a> {
    success: bool,
    error: &'a str,
    code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
}

impl Problem {
    pub fn new(status: StatusCode, code: &'static str, text: impl Into<String>) -> Self {
        Self {
            status,
            code,
            text: text.into(),
            field: None,
            closes: false,
        }
    }

    /// 400, naming what is wrong.
    pub fn bad_field(field: &'static str, text: impl Into<String>) -> Self {
        Self {
            field: Some(field),
            ..Self::new(StatusCode::BAD_REQUEST, "bad_request", text)
        }
    }

    /// Nothing after it can be read from the connection.
    #[must_use]
    pub fn closing(self) -> Self {
        Self {
            closes: true,
            ..self
        }
    }

    /// The body of the answer.
    pub fn json(&self) -> Vec<u8> {
        let shape = Shape {
            success: false,
            error: &self.text,
            code: self.code,
            field: self.field,
        };
        // Texts and a bool: nothing in it can fail.
        serde_json::to_vec(&shape).unwrap_or_default()
    }
}

pub fn unauthorized() -> Problem {
    Problem::new(
        StatusCode::UNAUTHORIZED,
        "unauthenticated",
        "Invalid Credentials",
    )
}

pub fn no_catalogue() -> Problem {
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "no_catalogue",
        "no catalogue is loaded yet",
    )
}

/// The predecessor's words. Told at once, with the time after which to try again.
pub fn overloaded() -> Problem {
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "overloaded",
        "Server Overloaded: Try again in miliseconds",
    )
}

/// A panic was caught: the log has it.
pub fn internal() -> Problem {
    Problem::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "internal",
        "Internal fault: the log of the appliance has it",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_names_its_field_when_it_has_one() {
        let json = |problem: Problem| String::from_utf8(problem.json()).unwrap();
        assert_eq!(
            json(unauthorized()),
            r#"{"success":false,"error":"Invalid Credentials","code":"unauthenticated"}"#
        );
        assert_eq!(
            json(Problem::bad_field("limit", "not a \"number\"")),
            r#"{"success":false,"error":"not a \"number\"","code":"bad_request","field":"limit"}"#
        );
    }
}
