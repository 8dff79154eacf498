//! The executor's side of an execution, as definitions reach it under `self`.

use std::cell::Cell;

use super::dict::Dict;
use super::text::Text;
use super::value::{Bytes, Value};

/// What `self.conector` and what lies below it show.
#[derive(Debug)]
pub struct Host<'a> {
    /// `conector.variables`: the shared map.
    pub variables: &'a Dict<'a>,
    /// `conector.results`.
    pub results: &'a Dict<'a>,
    /// `conector.try_level`.
    pub try_level: Cell<i64>,
    /// `conector.local_vars`: the current frame of a script function, else empty.
    pub local_vars: Cell<&'a Dict<'a>>,
    /// `conector.function_local_vars`: always empty.
    pub function_local_vars: &'a Dict<'a>,
    /// `conector.asynced_functions`: always empty.
    pub asynced_functions: &'a Dict<'a>,
    /// `conector.req.request.query_arguments`: text to list of bytes.
    pub query: &'a Dict<'a>,
    /// `conector.req.request.body`.
    pub body: &'a Bytes<'a>,
    /// `conector.req.request.body_arguments`: text to list of bytes.
    pub form: &'a Dict<'a>,
    /// Values that are the same for every call of a command.
    pub fixed: Fixed<'a>,
}

/// Texts and objects that every call of a command needs.
#[derive(Clone, Copy, Debug)]
pub struct Fixed<'a> {
    /// `properties`
    pub properties: &'a Text<'a>,
    /// `context`
    pub context: &'a Text<'a>,
    /// `branches`
    pub branches: &'a Text<'a>,
    /// `sequence`
    pub sequence: &'a Text<'a>,
    /// `true`
    pub yes: &'a Text<'a>,
    /// `false`
    pub no: &'a Text<'a>,
    /// `__last_error__`
    pub last_error: &'a Text<'a>,
    /// `self`
    pub executor: Value<'a>,
    /// `self.conector`
    pub connector: Value<'a>,
    /// `self.conector.req`
    pub handler: Value<'a>,
    /// `self.conector.req.request`
    pub request: Value<'a>,
    /// `self.conector.logger`
    pub logger: Value<'a>,
}
