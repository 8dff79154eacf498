//! Which handler a path means, and which methods it takes.

use std::borrow::Cow;

use http::Method;
use percent_encoding::percent_decode_str;
use shm_catalog::Route;

/// What a path asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target<'a> {
    Home,
    Health,
    Ready,
    Metrics,
    OpenApi,
    Execute,
    Compile,
    Check,
    Commands,
    /// One command; `None` when the name is no UTF-8.
    Command(Option<Cow<'a, str>>),
}

impl<'a> Target<'a> {
    /// From the path of a request, without its query.
    pub fn of(path: &'a str) -> Option<Self> {
        Some(match path {
            "/" => Self::Home,
            "/health" => Self::Health,
            "/ready" => Self::Ready,
            "/metrics" | "/api/v1/metrics" => Self::Metrics,
            "/api/v1/openapi.json" => Self::OpenApi,
            "/api/v1/execute" => Self::Execute,
            "/api/v1/compile" => Self::Compile,
            "/api/v1/check" => Self::Check,
            "/api/v1/commands" => Self::Commands,
            _ => {
                let name = path.strip_prefix("/api/v1/commands/")?;
                if name.is_empty() || name.contains('/') {
                    return None;
                }
                Self::Command(percent_decode_str(name).decode_utf8().ok())
            }
        })
    }

    /// Under which it is counted.
    pub const fn route(&self) -> Route {
        match self {
            Self::Home | Self::Health => Route::Health,
            Self::Ready => Route::Ready,
            Self::Metrics => Route::Metrics,
            Self::OpenApi => Route::OpenApi,
            Self::Execute => Route::Execute,
            Self::Compile => Route::Compile,
            Self::Check => Route::Check,
            Self::Commands => Route::Commands,
            Self::Command(_) => Route::Command,
        }
    }

    /// Whether a request has a body that is read.
    pub const fn takes_body(&self) -> bool {
        matches!(self, Self::Execute | Self::Compile | Self::Check)
    }

    /// Value of `Allow`.
    pub const fn allowed(&self) -> &'static str {
        if self.takes_body() {
            "POST"
        } else {
            "GET, HEAD"
        }
    }

    pub fn takes(&self, method: &Method) -> bool {
        match *method {
            Method::POST => self.takes_body(),
            Method::GET | Method::HEAD => !self.takes_body(),
            _ => false,
        }
    }

    /// Whether a key is asked for where keys are. Probes have none.
    pub const fn needs_key(&self) -> bool {
        !matches!(self, Self::Home | Self::Health | Self::Ready)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_taken_as_they_are() {
        let check = |path: &str, expected: Option<Target<'_>>| {
            assert_eq!(Target::of(path), expected, "{path}");
        };
        check("/", Some(Target::Home));
        check("/health", Some(Target::Health));
        check("/metrics", Some(Target::Metrics));
        check("/api/v1/metrics", Some(Target::Metrics));
        check(
            "/api/v1/commands/a%C3%B1adir",
            Some(Target::Command(Some("añadir".into()))),
        );
        check("/api/v1/commands/%ff", Some(Target::Command(None)));
        check(
            "/api/v1/commands/a%2Fb",
            Some(Target::Command(Some("a/b".into()))),
        );
        for path in [
            "",
            "*",
            "//health",
            "/health/",
            "/Health",
            "/api/v1/commands/",
            "/api/v1/commands/a/b",
            "/api/v2/commands",
            "/../health",
        ] {
            check(path, None);
        }
    }
}
