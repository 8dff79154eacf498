//! `self` of a definition: the executor, the connector, the request.

use super::{Args, AttributeDef, NativeDef, Run, Special, TypeDef, exactly, method};
use crate::run::context::Context;
use crate::run::fault::{Class, Fault};
use crate::run::host::Host;
use crate::run::kind::Type;
use crate::run::object::Object;
use crate::run::value::Value;

/// `self`
pub static EXECUTOR: TypeDef = TypeDef {
    methods: &[NativeDef {
        name: "process_step",
        is_method: true,
        params: exactly(1),
        run: Run::Special(Special::ProcessStep),
    }],
    attributes: &[AttributeDef {
        name: "conector",
        get: |context, _| Ok(host(context)?.fixed.connector),
    }],
    members: &[],
    construct: None,
};

/// `self.conector`. SQL members do not exist: there is no connection.
pub static CONNECTOR: TypeDef = TypeDef {
    methods: &[method("get_param", exactly(1), nothing)],
    attributes: &[
        AttributeDef {
            name: "variables",
            get: |context, _| Ok(Value::Dict(host(context)?.variables)),
        },
        AttributeDef {
            name: "results",
            get: |context, _| Ok(Value::Dict(host(context)?.results)),
        },
        AttributeDef {
            name: "try_level",
            get: |context, _| Ok(Value::Int(host(context)?.try_level.get())),
        },
        AttributeDef {
            name: "except_level",
            get: |context, _| Ok(Value::List(context.empty_list()?)),
        },
        AttributeDef {
            name: "local_vars",
            get: |context, _| Ok(Value::Dict(host(context)?.local_vars.get())),
        },
        AttributeDef {
            name: "function_local_vars",
            get: |context, _| Ok(Value::Dict(host(context)?.function_local_vars)),
        },
        AttributeDef {
            name: "asynced_functions",
            get: |context, _| Ok(Value::Dict(host(context)?.asynced_functions)),
        },
        AttributeDef {
            name: "req",
            get: |context, _| Ok(host(context)?.fixed.handler),
        },
        AttributeDef {
            name: "logger",
            get: |context, _| Ok(host(context)?.fixed.logger),
        },
    ],
    members: &[],
    construct: None,
};

/// `self.conector.req`
pub static HANDLER: TypeDef = TypeDef {
    methods: &[],
    attributes: &[AttributeDef {
        name: "request",
        get: |context, _| Ok(host(context)?.fixed.request),
    }],
    members: &[],
    construct: None,
};

/// `self.conector.req.request`
pub static REQUEST: TypeDef = TypeDef {
    methods: &[],
    attributes: &[
        AttributeDef {
            name: "query_arguments",
            get: |context, _| Ok(Value::Dict(host(context)?.query)),
        },
        AttributeDef {
            name: "body",
            get: |context, _| Ok(Value::Bytes(host(context)?.body)),
        },
        AttributeDef {
            name: "body_arguments",
            get: |context, _| Ok(Value::Dict(host(context)?.form)),
        },
    ],
    members: &[],
    construct: None,
};

/// `self.conector.logger`: heard by nobody.
pub static LOGGER: TypeDef = TypeDef {
    methods: &[
        method("info", exactly(1), nothing),
        method("warning", exactly(1), nothing),
        method("error", exactly(1), nothing),
        method("debug", exactly(1), nothing),
    ],
    attributes: &[],
    members: &[],
    construct: None,
};

fn host<'a>(context: &mut Context<'a>) -> Result<&'a Host<'a>, Fault<'a>> {
    context.host().ok_or(Fault::Internal("no executor"))
}

fn nothing<'a>(_: &mut Context<'a>, _: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    Ok(Value::None)
}

/// `object.name = value`. Only the connector's counter can be set.
pub fn set_attribute<'a>(
    context: &mut Context<'a>,
    object: Value<'a>,
    name: &str,
    value: Value<'a>,
) -> Result<(), Fault<'a>> {
    if let (Value::Object(Object::Connector), "try_level") = (object, name) {
        let Some(level) = value.as_int() else {
            let kind = value.type_of().name();
            return Err(context.raise(
                Class::TypeError,
                format_args!("try_level must be an int, not {kind}"),
            ));
        };
        host(context)?.try_level.set(level);
        return Ok(());
    }
    let kind = object.type_of();
    if super::attribute(context, object, name)?.is_some() {
        let text = match kind {
            Type::Connector | Type::Executor | Type::Request | Type::Handler => {
                format!(
                    "attribute '{name}' of '{}' objects is not writable",
                    kind.name()
                )
            }
            _ => format!("'{}' object attribute '{name}' is read-only", kind.name()),
        };
        return Err(context.raise(Class::AttributeError, text));
    }
    Err(context.no_attribute(object, name))
}
