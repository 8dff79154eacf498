//! Modules whose functions reach out of an execution: HTTP, SQL, gRPC, the web framework. None of them does so here.

use super::{Args, Member, ModuleDef, Params, function};
use crate::run::context::Context;
use crate::run::fault::{Class, Fault};
use crate::run::kind::Type;
use crate::run::value::Value;

macro_rules! unavailable {
    ($($name:literal),+ $(,)?) => {
        &[$(Member::Native(function($name, Params::Any, |context, args| {
            refuse(context, args, $name)
        })),)+]
    };
}

/// `requests`
pub static REQUESTS: ModuleDef = ModuleDef {
    name: "requests",
    members: &[
        Member::Native(function("get", Params::Any, |context, args| {
            refuse(context, args, "requests.get")
        })),
        Member::Native(function("post", Params::Any, |context, args| {
            refuse(context, args, "requests.post")
        })),
        Member::Native(function("put", Params::Any, |context, args| {
            refuse(context, args, "requests.put")
        })),
        Member::Native(function("patch", Params::Any, |context, args| {
            refuse(context, args, "requests.patch")
        })),
        Member::Native(function("delete", Params::Any, |context, args| {
            refuse(context, args, "requests.delete")
        })),
        Member::Native(function("head", Params::Any, |context, args| {
            refuse(context, args, "requests.head")
        })),
        Member::Native(function("request", Params::Any, |context, args| {
            refuse(context, args, "requests.request")
        })),
        Member::Module("exceptions", &REQUESTS_EXCEPTIONS),
        Member::Type("RequestException", Type::Exception(Class::RequestException)),
        Member::Type("HTTPError", Type::Exception(Class::HTTPError)),
    ],
};

static REQUESTS_EXCEPTIONS: ModuleDef = ModuleDef {
    name: "requests.exceptions",
    members: &[
        Member::Type("RequestException", Type::Exception(Class::RequestException)),
        Member::Type("HTTPError", Type::Exception(Class::HTTPError)),
    ],
};

/// `sqlalchemy`
pub static SQLALCHEMY: ModuleDef = ModuleDef {
    name: "sqlalchemy",
    members: unavailable!(
        "text",
        "inspect",
        "create_engine",
        "select",
        "MetaData",
        "Table"
    ),
};

/// `grpc`
pub static GRPC: ModuleDef = ModuleDef {
    name: "grpc",
    members: unavailable!("insecure_channel", "secure_channel"),
};

/// `tornado`
pub static TORNADO: ModuleDef = ModuleDef {
    name: "tornado",
    members: unavailable!("web", "ioloop", "httpclient"),
};

/// The error of a function that would reach out.
fn refuse<'a>(
    context: &mut Context<'a>,
    _args: Args<'a, '_>,
    name: &str,
) -> Result<Value<'a>, Fault<'a>> {
    Err(context.raise(
        Class::RuntimeError,
        format_args!("{name}() is not available: scripts here reach no network and no database"),
    ))
}
