//! One execution, from a request's parts to the JSON of its answer: the crate's door.
//!
//! ```text
//! Request::read(body) ─▶ script text ─▶ compile (or a cache) ─▶ Execution::new ─▶ run(slice) … ─▶ Answer
//! ```
//!
//! An execution owns its memory and a handle on its program. It is `Send`: slices may run on different threads.

use std::sync::Arc;

use self_cell::self_cell;

use crate::compile::Problem;
use crate::limits::{FUEL_MAX, Limit, MEMORY_BYTES, OUTPUT_BYTES_MAX, SPECIALISE_AFTER};
use crate::program::{Catalog, Program};
use crate::run::arena::Arena;
use crate::run::budget::Budget;
use crate::run::builtins::{self, Args};
use crate::run::context::{Context, TextBuilder, TooLong};
use crate::run::dict::Dict;
use crate::run::exception::Exception;
use crate::run::fault::{Class, Fault};
use crate::run::host::{Fixed, Host};
use crate::run::json::{self, Layout};
use crate::run::kind::Type;
use crate::run::machine::{Evaluated, Machine, Slice};
use crate::run::object::Object;
use crate::run::ops::print;
use crate::run::random::Random;
use crate::run::survivors::Abandoned;
use crate::run::text::Text;
use crate::run::value::{Bytes, Value};
use crate::script::span::Position;

/// Why there is no answer of a script: what the client is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// HTTP status.
    pub status: u16,
    /// Stable code.
    pub code: &'static str,
    /// The deployed text.
    pub error: String,
    /// Where in the script.
    pub position: Option<Position>,
    /// The command that ran.
    pub command: Option<String>,
}

impl Failure {
    fn request(code: &'static str, error: impl Into<String>) -> Self {
        Self {
            status: 400,
            code,
            error: error.into(),
            position: None,
            command: None,
        }
    }

    /// A limit that was reached.
    #[must_use]
    pub fn of_limit(limit: Limit) -> Self {
        let status = match limit {
            Limit::Deadline => 504,
            Limit::Cancelled => 503,
            Limit::Fuel | Limit::Memory | Limit::Output => 400,
        };
        Self {
            status,
            code: limit.code(),
            error: limit.to_string(),
            position: None,
            command: None,
        }
    }

    /// The JSON body.
    #[must_use]
    pub fn body(&self) -> String {
        // Its own small arena: the execution's may be full.
        let arena = Arena::new(OUTPUT_BYTES_MAX);
        let mut context = Context::new(&arena, granted(FUEL_MAX), 0, Random::new(0));
        let mut out = TextBuilder::with_limit(OUTPUT_BYTES_MAX);
        match self.write(&mut context, &mut out) {
            Ok(()) => out.into_string(),
            Err(_) => {
                "{\"success\": false, \"error\": \"Script Output Limit Exceeded\", \"code\": \"output_exceeded\"}".into()
            }
        }
    }

    fn write<'a>(&self, context: &mut Context<'a>, out: &mut TextBuilder) -> Result<(), Fault<'a>> {
        let layout = &Layout::answer();
        out.push_str("{\"success\": false, \"error\": ")?;
        json::write_text(context, out, &self.error, layout)?;
        out.push_str(", \"code\": ")?;
        json::write_text(context, out, self.code, layout)?;
        if let Some(Position { line, column }) = self.position {
            out.push_str(&format!(", \"line\": {line}, \"column\": {column}"))?;
        }
        if let Some(command) = &self.command {
            out.push_str(", \"command\": ")?;
            json::write_text(context, out, command, layout)?;
        }
        Ok(out.push_str("}")?)
    }
}

/// A request's body, as far as it is looked at before the script is compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The script.
    pub script: String,
}

impl Request {
    /// Read a body: JSON with `script`, a text, and `variables`, an object. Other keys are legal.
    pub fn read(body: &[u8]) -> Result<Self, Failure> {
        let Ok(text) = std::str::from_utf8(body) else {
            return Err(Failure::request("bad_json", "the body is not UTF-8"));
        };
        let arena = Arena::new(body.len().saturating_mul(64).saturating_add(1 << 16));
        let mut context = Context::new(&arena, granted(FUEL_MAX), 0, Random::new(0));
        let object = match builtins::read_json(&mut context, text) {
            Ok(Value::Dict(object)) => object,
            Ok(_) => {
                return Err(Failure::request(
                    "bad_request",
                    "the body must be a JSON object",
                ));
            }
            Err(Fault::Raised(exception)) => {
                return Err(Failure::request(
                    "bad_json",
                    text_of(&mut context, exception),
                ));
            }
            Err(_) => return Err(Failure::request("bad_json", "the body is too large")),
        };
        if !matches!(object.get_str("variables"), None | Some(Value::Dict(_))) {
            return Err(Failure::request(
                "bad_request",
                "variables must be an object",
            ));
        }
        match object.get_str("script").unwrap_or(Value::None) {
            Value::Str(script) if !script.as_str().is_empty() => Ok(Self {
                script: script.as_str().to_owned(),
            }),
            Value::Str(_) | Value::None => {
                Err(Failure::request("empty_script", "Script cannot be empty"))
            }
            _ => Err(Failure::request("bad_request", "script must be a text")),
        }
    }
}

fn granted(fuel: u64) -> Budget {
    let mut budget = Budget::new(fuel);
    // The fuel is above a slice's units, so this grants.
    let _ = budget.grant(u32::MAX);
    budget
}

/// Compile a script over a catalogue.
pub fn compile(script: &str, catalog: &dyn Catalog) -> Result<Program, Failure> {
    let parsed = crate::script::parse(script).map_err(|error| Failure {
        status: 400,
        code: error.code,
        error: error.message.clone(),
        position: Some(position(script, error.span.start)),
        command: None,
    })?;
    crate::compile::script(&parsed, catalog).map_err(|Problem { span, message }| {
        if !catalog.is_wanted() {
            return Failure::of_limit(Limit::Deadline);
        }
        Failure {
            status: 400,
            code: "script_too_large",
            error: message,
            position: Some(position(script, span.start)),
            command: None,
        }
    })
}

fn position(script: &str, offset: u32) -> Position {
    let end = script.floor_char_boundary((offset as usize).min(script.len()));
    let before = &script[..end];
    let start = before.rfind('\n').map_or(0, |end| end + 1);
    let line = before.matches('\n').count() as u32 + 1;
    Position {
        line,
        column: before[start..].chars().count() as u32 + 1,
    }
}

/// A parameter list of a URL query or form: each distinct name with its values, in order.
pub type Parameters = [(String, Vec<Vec<u8>>)];

/// The variables at the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Variables<'i> {
    /// None.
    #[default]
    Empty,
    /// The `variables` member of the body, which is a JSON object.
    OfBody,
    /// This JSON object.
    Json(&'i str),
}

/// What an execution is given.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'i> {
    /// The raw body, which `addParam` reads.
    pub body: &'i [u8],
    /// Where the variables at the start come from.
    pub variables: Variables<'i>,
    /// The URL's query.
    pub query: &'i Parameters,
    /// The form's fields.
    pub form: &'i Parameters,
    /// Time of the start, UTC, microseconds since 1970.
    pub now_us: i64,
    /// Seed of random numbers.
    pub seed: u64,
    /// What gives their seed instead, asked when the first of them is wanted.
    pub entropy: Option<fn() -> u64>,
    /// Units of work, at most [`FUEL_MAX`].
    pub fuel: u64,
    /// Bytes of memory.
    pub memory_bytes: usize,
    /// A clock in nanoseconds for the durations in `logs`.
    pub clock: Option<fn() -> u64>,
    /// Runs of a call site before its definition is specialised; `u32::MAX`: never.
    pub specialise_after: u32,
}

impl Default for Inputs<'_> {
    fn default() -> Self {
        Self {
            body: b"",
            variables: Variables::Empty,
            query: &[],
            form: &[],
            now_us: 0,
            seed: 0,
            entropy: None,
            fuel: FUEL_MAX,
            memory_bytes: MEMORY_BYTES,
            clock: None,
            specialise_after: SPECIALISE_AFTER,
        }
    }
}

impl Inputs<'_> {
    /// The random numbers of an execution.
    pub(crate) fn random(&self) -> Random {
        self.entropy
            .map_or_else(|| Random::new(self.seed), Random::later)
    }
}

/// Room for an answer from the start, for the few hundred bytes that most have: growing into them cost 0.05 µs.
const ANSWER_BYTES_USUAL: usize = 512;

/// A script's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status: 200, or what `_status` says.
    pub status: u16,
    /// The JSON body; empty for the statuses that have none.
    pub body: String,
    /// Why the script failed, if it did. Beside the answer, which is moved from hand to hand.
    pub failure: Option<Box<Failure>>,
    /// Units of work that were used.
    pub fuel_used: u64,
    /// Of those, the units for specialising definitions: whoever is the first to need one pays for it.
    pub fuel_specialising: u32,
}

impl Answer {
    /// Units of work that the script itself used: the same for each run of it that finds the same specialised code.
    #[must_use]
    pub const fn fuel_of_script(&self) -> u64 {
        self.fuel_used.saturating_sub(self.fuel_specialising as u64)
    }
}

/// How far an execution came in a slice.
#[derive(Debug)]
pub enum Progress {
    /// It is done.
    Done(Answer),
    /// There is more to do.
    Yielded,
}

struct Memory {
    arena: Arena,
    /// Outlives the arena when what is live moves to another.
    evaluated: Evaluated,
    program: Arc<Program>,
}

self_cell!(
    struct Running {
        owner: Memory,
        #[not_covariant]
        dependent: Machine,
    }
);

/// A script that runs.
#[allow(missing_debug_implementations)] // the arena is no text
pub struct Execution {
    running: Running,
    /// Bytes in use at which what is live is copied out next.
    collect_at_bytes: usize,
}

// SAFETY: every reference and cell inside points into the memory that the execution itself owns and that nobody else
// can reach, or into its program and statics, which are `Sync`. So it moves between threads as one piece.
#[allow(unsafe_code)]
unsafe impl Send for Execution {}

const _: () = {
    const fn shared<T: Send + Sync>() {}
    shared::<Arc<Program>>();
};

impl Execution {
    /// An execution at its start.
    pub fn new(program: Arc<Program>, inputs: &Inputs<'_>) -> Result<Self, Box<Failure>> {
        let arena = Arena::new(inputs.memory_bytes);
        let memory = Memory {
            arena,
            evaluated: Evaluated::new(),
            program,
        };
        let running = Running::try_new(memory, |memory| machine(memory, inputs))?;
        Ok(Self {
            running,
            collect_at_bytes: due_at(inputs.memory_bytes, 0),
        })
    }

    /// Run a slice of at most `units`. What is not reached any more is left behind when enough has gathered.
    pub fn run(&mut self, units: u32) -> Progress {
        let mut left = units;
        loop {
            let used_bytes = self.running.borrow_owner().arena.used_bytes();
            let room = self.collect_at_bytes.saturating_sub(used_bytes) / COMMAND_BYTES;
            let before = self.units_used();
            let part = left.min((room as u32).max(PART_UNITS_MIN));
            match self.run_part(part) {
                Progress::Yielded => {}
                done @ Progress::Done(_) => return done,
            }
            if self.running.borrow_owner().arena.used_bytes() >= self.collect_at_bytes
                && let Err(what) = self.collect()
            {
                return self.internal(what);
            }
            let used = u32::try_from(self.units_used() - before).unwrap_or(u32::MAX);
            left = left.saturating_sub(used.max(part));
            if left == 0 {
                return Progress::Yielded;
            }
        }
    }

    fn units_used(&mut self) -> u64 {
        self.running
            .with_dependent_mut(|_, machine| machine.context().budget().used())
    }

    /// Copy what is live into a new arena and go on there; when it does not fit, go on in the old one: false.
    ///
    /// Both arenas exist meanwhile: the new one may take at most what is in use of the old one, so that both together
    /// stay below twice the quota. Tables of what was copied where take up to as much again. The error is a fault of the
    /// machine: a value that nothing should reach.
    pub fn collect(&mut self) -> Result<bool, &'static str> {
        let old = self.running.borrow_owner();
        let (quota_bytes, used_bytes) = (old.arena.quota_bytes(), old.arena.used_bytes());
        let memory = Memory {
            arena: Arena::new(quota_bytes.min(used_bytes + ARENA_BYTES_MIN)),
            evaluated: old.evaluated.clone(),
            program: Arc::clone(&old.program),
        };
        let mut work = 0;
        let moved = Running::try_new(memory, |memory| {
            self.running.with_dependent(|_, machine| {
                machine.moved(&memory.arena, &memory.program, &memory.evaluated, &mut work)
            })
        });
        let (live_bytes, has_moved) = match moved {
            Ok(mut running) => {
                running.with_dependent_mut(|memory, _| memory.arena.limit(quota_bytes));
                self.running = running;
                (self.running.borrow_owner().arena.used_bytes(), true)
            }
            Err(Abandoned::Full) => (used_bytes, false),
            Err(Abandoned::Unknown(what)) => return Err(what),
        };
        self.collect_at_bytes = due_at(quota_bytes, live_bytes);
        // Fuel that this uses up is missed by the next slice.
        self.running.with_dependent_mut(|_, machine| {
            let units = work.saturating_mul(UNITS_OF_A_COPY);
            let _ = machine.context().budget().charge(units);
        });
        Ok(has_moved)
    }

    fn internal(&mut self, what: &str) -> Progress {
        let failure = Failure {
            status: 500,
            code: "internal",
            error: format!("Internal fault: {what}"),
            position: None,
            command: None,
        };
        self.running
            .with_dependent_mut(|_, machine| Progress::Done(failed(machine, failure)))
    }

    fn run_part(&mut self, units: u32) -> Progress {
        self.running
            .with_dependent_mut(|memory, machine| match machine.run(units) {
                Slice::Yielded => Progress::Yielded,
                Slice::Done => Progress::Done(answer(memory, machine)),
                Slice::Raised(exception) => {
                    let failure = failure_of(memory, machine, exception);
                    Progress::Done(failed(machine, failure))
                }
                Slice::Limit(limit) => {
                    let failure = Failure::of_limit(limit);
                    Progress::Done(failed(machine, failure))
                }
                Slice::Internal(what) => {
                    let failure = Failure {
                        status: 500,
                        code: "internal",
                        error: format!("Internal fault: {what}"),
                        position: None,
                        command: None,
                    };
                    Progress::Done(failed(machine, failure))
                }
            })
    }

    /// Run to the end.
    pub fn run_to_end(&mut self) -> Answer {
        loop {
            if let Progress::Done(answer) = self.run(crate::limits::SLICE_UNITS) {
                return answer;
            }
        }
    }

    /// End it before its time: the deadline passed, or nobody waits.
    #[must_use]
    pub fn end(self, limit: Limit) -> Answer {
        let failure = Failure::of_limit(limit);
        Answer {
            status: failure.status,
            body: failure.body(),
            failure: Some(Box::new(failure)),
            fuel_used: 0,
            fuel_specialising: 0,
        }
    }
}

/// Bytes of a unit of the calls that leave most behind: a command's `task` and names were measured at 1 KB.
const COMMAND_BYTES: usize = 1024;

/// Units between two looks at the arena, at least: a look costs about as much as two calls.
const PART_UNITS_MIN: u32 = 64;

/// Below it an arena is not worth a look.
const ARENA_BYTES_MIN: usize = 64 << 10;

/// Units for an object that is copied: it is looked up, allocated and entered in a table.
const UNITS_OF_A_COPY: usize = 8;

/// Bytes in use at which to collect when `live_bytes` are live: after as much again, but at least an eighth and at most
/// half of what the quota leaves, so that an execution pays for copying a byte at most a few times for each it makes.
/// Never, once the quota leaves too little to gain.
fn due_at(quota_bytes: usize, live_bytes: usize) -> usize {
    let room = quota_bytes.saturating_sub(live_bytes);
    if room < quota_bytes / 16 {
        return usize::MAX;
    }
    live_bytes + live_bytes.max(quota_bytes / 8).min(room / 2)
}

#[allow(clippy::inline_always, reason = "500 bytes, made where they stay")]
#[inline(always)]
fn machine<'a>(memory: &'a Memory, inputs: &Inputs<'_>) -> Result<Machine<'a>, Box<Failure>> {
    let budget = granted(FUEL_MAX);
    let mut context = Context::new(&memory.arena, budget, inputs.now_us, inputs.random());
    let host = match host(&mut context, inputs) {
        Ok(host) => host,
        Err(fault) => return Err(no_start(&mut context, fault).into()),
    };
    *context.budget() = Budget::new(inputs.fuel.min(FUEL_MAX));
    let machine = Machine::new(
        context,
        &memory.program,
        &memory.evaluated,
        host,
        inputs.clock,
        inputs.specialise_after,
    );
    machine.map_err(|fault| match fault {
        Fault::Limit(limit) => Failure::of_limit(limit).into(),
        Fault::Raised(_) => Failure::request("internal", "a program that cannot begin").into(),
        Fault::Internal(what) => Failure::request("internal", what).into(),
    })
}

/// Why inputs were not taken.
#[cold]
fn no_start<'a>(context: &mut Context<'a>, fault: Fault<'a>) -> Failure {
    match fault {
        Fault::Raised(exception) => Failure::request("bad_request", text_of(context, exception)),
        Fault::Limit(limit) => Failure::of_limit(limit),
        Fault::Internal(what) => Failure::request("internal", what),
    }
}

/// What every execution has from its start, as one piece: each alone costs as much to allocate as all together.
struct Parts<'a> {
    texts: [Text<'a>; 7],
    objects: [Object<'a>; 5],
    dicts: [Dict<'a>; 5],
    body: Bytes<'a>,
}

/// The executor's side of an execution at its start.
pub(crate) fn host<'a>(
    context: &mut Context<'a>,
    inputs: &Inputs<'_>,
) -> Result<&'a Host<'a>, Fault<'a>> {
    let arena = context.arena();
    let variables: &'a Dict<'a> = variables(context, inputs)?;
    let body = arena.alloc_slice(inputs.body)?;
    let Parts {
        texts: [properties, names, branches, sequence, yes, no, last_error],
        objects: [executor, connector, handler, request, logger],
        dicts: [results, empty, asynced_functions, query, form],
        body,
    } = arena.alloc_with(|| Parts {
        // Each for itself: a map over an array is made elsewhere and copied.
        texts: [
            Text::new("properties"),
            Text::new("context"),
            Text::new("branches"),
            Text::new("sequence"),
            Text::new("true"),
            Text::new("false"),
            Text::new("__last_error__"),
        ],
        objects: [
            Object::Executor,
            Object::Connector,
            Object::Handler,
            Object::Request,
            Object::Logger,
        ],
        dicts: [
            Dict::new(),
            Dict::new(),
            Dict::new(),
            Dict::new(),
            Dict::new(),
        ],
        body: Bytes(body),
    })?;
    add_parameters(context, query, inputs.query)?;
    add_parameters(context, form, inputs.form)?;
    let fixed = Fixed {
        properties,
        context: names,
        branches,
        sequence,
        yes,
        no,
        last_error,
        executor: Value::Object(executor),
        connector: Value::Object(connector),
        handler: Value::Object(handler),
        request: Value::Object(request),
        logger: Value::Object(logger),
    };
    Ok(arena.alloc_with(|| Host {
        variables,
        results,
        try_level: std::cell::Cell::new(0),
        local_vars: std::cell::Cell::new(empty),
        function_local_vars: empty,
        asynced_functions,
        query,
        body,
        form,
        fixed,
    })?)
}

fn variables<'a>(
    context: &mut Context<'a>,
    inputs: &Inputs<'_>,
) -> Result<&'a Dict<'a>, Fault<'a>> {
    let found = match inputs.variables {
        Variables::Empty => None,
        Variables::Json(text) => Some(builtins::read_json(context, text)?),
        Variables::OfBody => match std::str::from_utf8(inputs.body) {
            Ok(text) => match builtins::read_json(context, text)? {
                Value::Dict(body) => body.get_str("variables"),
                _ => None,
            },
            Err(_) => return Err(context.raise(Class::ValueError, "the body is not UTF-8")),
        },
    };
    match found {
        None => context.dict(),
        Some(Value::Dict(dict)) => Ok(dict),
        Some(_) => Err(context.raise(Class::TypeError, "variables must be an object")),
    }
}

fn add_parameters<'a>(
    context: &mut Context<'a>,
    dict: &'a Dict<'a>,
    given: &Parameters,
) -> Result<(), Fault<'a>> {
    for (name, values) in given {
        let list = context.empty_list()?;
        for value in values {
            let value = context.bytes(value)?;
            context.push(list, value)?;
        }
        let name = context.text(name)?;
        context.insert(dict, name, Value::List(list))?;
    }
    Ok(())
}

/// The text of an exception as scripts see it.
pub(crate) fn text_of<'a>(context: &mut Context<'a>, exception: &'a Exception<'a>) -> String {
    let mut out = TextBuilder::with_limit(OUTPUT_BYTES_MAX);
    match print::write_str(context, &mut out, Value::Exception(exception)) {
        Ok(()) => out.into_string(),
        Err(_) => exception.class().name().to_owned(),
    }
}

/// The stable code of an exception that ends a script.
pub(crate) const fn error_code(class: Class) -> &'static str {
    match class {
        Class::CommandNotFound => "command_not_found",
        Class::CommandUnavailable => "command_unavailable",
        Class::RecursionError => "recursion",
        _ => "script_error",
    }
}

fn failure_of<'a>(
    memory: &'a Memory,
    machine: &mut Machine<'a>,
    exception: &'a Exception<'a>,
) -> Failure {
    let site = machine.error_site();
    *machine.context().budget() = granted(FUEL_MAX);
    let code = error_code(exception.class());
    Failure {
        status: 400,
        code,
        error: text_of(machine.context(), exception),
        position: site.map(|site| memory.program.position(site.offset)),
        command: site
            .and_then(|site| site.command)
            .filter(|name| !name.is_empty())
            .map(str::to_owned),
    }
}

fn failed(machine: &mut Machine<'_>, failure: Failure) -> Answer {
    let fuel_used = machine.context().budget().used();
    Answer {
        status: failure.status,
        body: failure.body(),
        failure: Some(Box::new(failure)),
        fuel_used,
        fuel_specialising: machine.specialising_units(),
    }
}

fn answer<'a>(memory: &'a Memory, machine: &mut Machine<'a>) -> Answer {
    let fuel_used = machine.context().budget().used();
    // Writing the answer is bounded by its size, not by what fuel is left.
    *machine.context().budget() = granted(FUEL_MAX);
    let status = status_of(machine);
    let mut out = TextBuilder::with_limit(OUTPUT_BYTES_MAX).with_room(ANSWER_BYTES_USUAL);
    match write_answer(memory, machine, &mut out) {
        Ok(()) if matches!(status, 100..=199 | 204 | 304) => Answer {
            status,
            body: String::new(),
            failure: None,
            fuel_used,
            fuel_specialising: machine.specialising_units(),
        },
        Ok(()) => Answer {
            status,
            body: out.into_string(),
            failure: None,
            fuel_used,
            fuel_specialising: machine.specialising_units(),
        },
        Err(Fault::Raised(exception)) => {
            let mut failure = failure_of(memory, machine, exception);
            (failure.code, failure.position, failure.command) = ("not_serializable", None, None);
            Answer {
                fuel_used,
                ..failed(machine, failure)
            }
        }
        Err(Fault::Limit(_)) => Answer {
            fuel_used,
            ..failed(machine, Failure::of_limit(Limit::Output))
        },
        Err(Fault::Internal(what)) => {
            let mut failure = Failure::request("internal", what);
            failure.status = 500;
            Answer {
                fuel_used,
                ..failed(machine, failure)
            }
        }
    }
}

/// 200, or what `_status` says if that is a status.
fn status_of(machine: &mut Machine<'_>) -> u16 {
    let Some(value) = machine.host().variables.get_str("_status") else {
        return 200;
    };
    let construct = builtins::type_def(Type::Int)
        .construct
        .map(|native| native.run);
    let Some(builtins::Run::Plain(run)) = construct else {
        return 200;
    };
    let args = Args {
        receiver: Value::Unset,
        given: &[value],
        named: &[],
    };
    match run(machine.context(), args) {
        Ok(Value::Int(status @ 100..=599)) => status as u16,
        _ => 200,
    }
}

fn write_answer<'a>(
    memory: &'a Memory,
    machine: &mut Machine<'a>,
    out: &mut TextBuilder,
) -> Result<(), Fault<'a>> {
    let host = machine.host();
    let layout = &Layout::answer();
    out.push_str("{\"success\": true, \"result\": ")?;
    json::write(machine.context(), out, Value::Dict(host.results), layout)?;
    out.push_str(", \"variables\": ")?;
    json::write(machine.context(), out, Value::Dict(host.variables), layout)?;
    out.push_str(", \"logs\": [")?;
    for (index, entry) in machine.take_logs().into_iter().enumerate() {
        if index > 0 {
            out.push_str(", ")?;
        }
        out.push_str("{\"command\": ")?;
        let command = memory
            .program
            .statements
            .get(entry.statement as usize)
            .map_or("", |name| name);
        json::write_text(machine.context(), out, command, layout)?;
        out.push_str(", \"duration_ms\": ")?;
        push_milliseconds(out, entry.duration_ns)?;
        out.push_str(if entry.error.is_none() {
            ", \"success\": true"
        } else {
            ", \"success\": false"
        })?;
        if let Some(error) = entry.error {
            out.push_str(", \"error\": ")?;
            json::write_text(machine.context(), out, error, layout)?;
        }
        out.push('}')?;
    }
    Ok(out.push_str("]}")?)
}

/// Nanoseconds as milliseconds: `0.000079`, `12.5`, `3.0`. As a float's shortest digits they cost 0.5 µs, of some 3.5 that
/// a script of two commands takes.
fn push_milliseconds(out: &mut TextBuilder, duration_ns: u64) -> Result<(), TooLong> {
    // 14 digits before the point, at most, and 6 behind it.
    let mut digits = [b'0'; 24];
    let (mut fraction, mut place) = (duration_ns % 1_000_000, digits.len());
    for _ in 0..6 {
        place -= 1;
        digits[place] = b'0' + (fraction % 10) as u8;
        fraction /= 10;
    }
    place -= 1;
    digits[place] = b'.';
    let mut whole = duration_ns / 1_000_000;
    loop {
        place -= 1;
        digits[place] = b'0' + (whole % 10) as u8;
        whole /= 10;
        if whole == 0 {
            break;
        }
    }
    let text = std::str::from_utf8(&digits[place..]).unwrap_or("0.0");
    let shown = text.trim_end_matches('0');
    out.push_str(shown)?;
    if shown.ends_with('.') {
        out.push_str("0")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_milliseconds_to_the_nanosecond() {
        let check = |duration_ns: u64, text: &str| {
            let mut out = TextBuilder::with_limit(100);
            push_milliseconds(&mut out, duration_ns).unwrap();
            assert_eq!(out.into_string(), text);
        };
        check(0, "0.0");
        check(79, "0.000079");
        check(15_327, "0.015327");
        check(1_500_000, "1.5");
        check(2_000_000, "2.0");
        check(810_000_010, "810.00001");
        check(u64::MAX, "18446744073709.551615");
    }
}
