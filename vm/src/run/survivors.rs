//! What is live, copied from one arena into another: the values that the roots reach, each once, with their sharing.
//!
//! ```text
//! value(root) ─▶ known? ─▶ make it: its parts that cannot change first (pending), those that can as outlines (unfilled)
//! finish()    ─▶ fill the outlines, which makes more values, until none is left
//! ```
//!
//! What cannot change was made after its parts, so that `pending` never goes in a circle; circles go through lists, dicts
//! and variables, which are outlined first and filled later. Nothing recurses on values. All of it is safe code: a value
//! of the old arena has another lifetime than one of the new, and mixing them does not compile.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher as HashState};
use std::mem::ManuallyDrop;

use super::arena::{Arena, QuotaReached};
use super::builtins::datetime::value::{Moment, Named, TimeOfDay, Zone};
use super::builtins::hashlib::Hasher;
use super::builtins::re::{Match, Pattern};
use super::dict::{Dict, Set};
use super::exception::Exception;
use super::function::{Function, Globals, Method};
use super::generator::Generator;
use super::iterator::{Iter, Source};
use super::list::{List, Tuple};
use super::loaded::Loaded;
use super::object::{Object, View};
use super::text::Text;
use super::value::{Bytes, Shared, Slice, Value};
use crate::bytecode::Code;

/// Why a copy was given up: the old arena stays as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Abandoned {
    /// The new arena is full: shared parts of texts may take more room apart than together.
    Full,
    /// A value that no root should reach: the copy does not know what it is.
    Unknown(&'static str),
}

impl From<QuotaReached> for Abandoned {
    fn from(_: QuotaReached) -> Self {
        Self::Full
    }
}

/// Hash of an address: one product. The addresses are our own, no script chooses them.
#[derive(Clone, Copy, Debug, Default)]
struct PlaceHash(u64);

impl HashState for PlaceHash {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_usize(usize::from(*byte));
        }
    }

    fn write_usize(&mut self, number: usize) {
        self.0 = (self.0.rotate_left(5) ^ number as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.0 ^= self.0 >> 32;
    }
}

type Places<K, V> = HashMap<K, V, BuildHasherDefault<PlaceHash>>;

fn place<T: ?Sized>(reference: &T) -> usize {
    std::ptr::from_ref(reference).cast::<u8>().addr()
}

/// Where a slice begins and how many items it has: parts of one slice are different slices.
fn extent<T>(slice: &[T]) -> (usize, usize) {
    (slice.as_ptr().addr(), slice.len())
}

/// An outline and what it was made from.
#[derive(Debug)]
enum Unfilled<'a, 'b> {
    Cells(&'a [Cell<Value<'a>>], &'b [Cell<Value<'b>>]),
    Dict(&'a Dict<'a>, &'b Dict<'b>),
    Variable(&'a Shared<'a>, &'b Shared<'b>),
    Cause(&'a Exception<'a>, &'b Exception<'b>),
}

/// The copy in progress.
#[derive(Debug)]
pub struct Survivors<'a, 'b> {
    arena: &'b Arena,
    values: Places<usize, Value<'b>>,
    contents: Places<(usize, usize), &'b str>,
    items: Places<(usize, usize), &'b [Value<'b>]>,
    bytes: Places<(usize, usize), &'b [u8]>,
    globals: Places<(usize, usize), Globals<'b>>,
    generators: Places<usize, &'b Generator<'b>>,
    loaded: Places<usize, &'b Loaded<'b>>,
    patterns: Places<usize, &'b Pattern<'b>>,
    hashes: Places<usize, &'b RefCell<ManuallyDrop<Hasher>>>,
    /// Values that wait for their parts.
    pending: Vec<Value<'a>>,
    unfilled: Vec<Unfilled<'a, 'b>>,
    /// Places looked at.
    work: usize,
}

impl<'a, 'b> Survivors<'a, 'b> {
    /// An empty copy, to go into `arena`.
    #[must_use]
    pub fn new(arena: &'b Arena) -> Self {
        Self {
            arena,
            values: Places::default(),
            contents: Places::default(),
            items: Places::default(),
            bytes: Places::default(),
            globals: Places::default(),
            generators: Places::default(),
            loaded: Places::default(),
            patterns: Places::default(),
            hashes: Places::default(),
            pending: Vec::new(),
            unfilled: Vec::new(),
            work: 0,
        }
    }

    /// Values and places that were looked at: the work done.
    #[must_use]
    pub const fn work(&self) -> usize {
        self.work
    }

    /// Code that a root has, with the functions inside it. Functions find theirs among them, so this comes first.
    pub fn code(
        &mut self,
        root: &'a Loaded<'a>,
        code: &'b Code,
        globals: &'b [Box<str>],
    ) -> Result<&'b Loaded<'b>, Abandoned> {
        if let Some(known) = self.loaded.get(&place(root)) {
            return Ok(known);
        }
        let outline = root.outline(self.arena, code, globals)?;
        self.loaded.insert(place(root), outline);
        let mut open = vec![(root, outline)];
        while let Some((old, new)) = open.pop() {
            self.cells(old.constants(), new.constants());
            for (index, child) in old.children().iter().enumerate() {
                let Some(child) = child.get() else { continue };
                let outline = child.outline(self.arena, &new.code().children[index], globals)?;
                self.loaded.insert(place(child), outline);
                new.children()[index].set(Some(outline));
                open.push((child, outline));
            }
        }
        Ok(outline)
    }

    /// The copy of a value; what it holds and can change is filled by [`Survivors::finish`].
    pub fn value(&mut self, value: Value<'a>) -> Result<Value<'b>, Abandoned> {
        if let Some(known) = self.known(value) {
            return Ok(known);
        }
        let bottom = self.pending.len();
        self.pending.push(value);
        while self.pending.len() > bottom {
            let next = self.pending[self.pending.len() - 1];
            if self.known(next).is_none() {
                self.work += 1;
                let Some(made) = self.make(next)? else {
                    continue;
                };
                self.values.insert(next.identity() as usize, made);
            }
            self.pending.pop();
        }
        self.known(value)
            .ok_or(Abandoned::Unknown("a value was not copied"))
    }

    /// Fill all outlines.
    pub fn finish(&mut self) -> Result<(), Abandoned> {
        while let Some(unfilled) = self.unfilled.pop() {
            match unfilled {
                Unfilled::Cells(old, new) => {
                    self.work += old.len() / 4;
                    for (old, new) in old.iter().zip(new) {
                        new.set(self.value(old.get())?);
                    }
                }
                Unfilled::Dict(old, new) => {
                    self.work += old.bytes() / 64;
                    for place in 0..old.places() {
                        let (key, value) = old.entry_at(place);
                        let key = self.value(key)?;
                        new.fill(place, key, self.value(value)?);
                    }
                }
                Unfilled::Variable(old, new) => new.set(self.value(old.get())?),
                Unfilled::Cause(old, new) => {
                    if let Some(cause) = old.cause() {
                        new.set_cause(Some(self.exception(cause)?));
                    }
                }
            }
        }
        Ok(())
    }

    /// The copy of a value, if there is one; what is no object is its own.
    #[inline]
    #[must_use]
    pub fn known(&self, value: Value<'a>) -> Option<Value<'b>> {
        Some(match value {
            Value::Unset => Value::Unset,
            Value::None => Value::None,
            Value::Bool(flag) => Value::Bool(flag),
            Value::Int(number) => Value::Int(number),
            Value::Float(number) => Value::Float(number),
            Value::Native(native) => Value::Native(native),
            Value::Type(kind) => Value::Type(kind),
            Value::Module(module) => Value::Module(module),
            Value::Ellipsis => Value::Ellipsis,
            Value::NotImplemented => Value::NotImplemented,
            object => return self.values.get(&(object.identity() as usize)).copied(),
        })
    }

    /// Are these known? Those that are not wait on `pending`.
    fn ready(&mut self, parts: &[Value<'a>]) -> bool {
        self.work += parts.len() / 4;
        let before = self.pending.len();
        for part in parts {
            if self.known(*part).is_none() {
                self.pending.push(*part);
            }
        }
        self.pending.len() == before
    }

    /// Make the copy of an object, or nothing while parts of it are missing.
    fn make(&mut self, value: Value<'a>) -> Result<Option<Value<'b>>, Abandoned> {
        let arena = self.arena;
        Ok(Some(match value {
            Value::Big(big) => Value::Big(arena.alloc(big.moved(arena)?)?),
            Value::Str(text) => {
                let content = self.content(text.as_str())?;
                Value::Str(arena.alloc(text.moved(content))?)
            }
            Value::Bytes(bytes) => {
                let bytes = self.bytes(bytes.as_slice())?;
                Value::Bytes(arena.alloc(Bytes(bytes))?)
            }
            Value::List(list) => {
                let places = arena.alloc_cells(list.len(), Value::Unset)?;
                self.cells(list.items(), places);
                Value::List(arena.alloc(List::over(places))?)
            }
            Value::Dict(dict) => {
                let outline = arena.alloc(dict.outline(arena)?)?;
                self.unfilled.push(Unfilled::Dict(dict, outline));
                Value::Dict(outline)
            }
            Value::Set(set) => {
                let entries = self.dict(set.entries())?;
                Value::Set(arena.alloc(Set::new(entries, set.is_frozen()))?)
            }
            Value::Tuple(tuple) => {
                let Some(items) = self.items(tuple.items())? else {
                    return Ok(None);
                };
                Value::Tuple(arena.alloc(Tuple(items))?)
            }
            Value::Range(range) => Value::Range(arena.alloc(*range)?),
            Value::Slice(slice) => {
                let parts = [slice.start, slice.stop, slice.step];
                if !self.ready(&parts) {
                    return Ok(None);
                }
                let [start, stop, step] = [
                    self.value(slice.start)?,
                    self.value(slice.stop)?,
                    self.value(slice.step)?,
                ];
                Value::Slice(arena.alloc(Slice { start, stop, step })?)
            }
            Value::Iter(iter) => {
                let Some(source) = self.source(iter.source())? else {
                    return Ok(None);
                };
                Value::Iter(arena.alloc(iter.moved(source))?)
            }
            Value::Function(function) => return self.make_function(function),
            Value::Method(method) => {
                if !self.ready(&[method.receiver]) {
                    return Ok(None);
                }
                Value::Method(arena.alloc(Method {
                    receiver: self.value(method.receiver)?,
                    native: method.native,
                })?)
            }
            Value::Exception(exception) => {
                let Some(arguments) = self.items(exception.given())? else {
                    return Ok(None);
                };
                let made = arena.alloc(Exception::new(exception.class(), arguments))?;
                self.unfilled.push(Unfilled::Cause(exception, made));
                Value::Exception(made)
            }
            Value::Object(object) => Value::Object(arena.alloc(self.object(object)?)?),
            Value::Cell(variable) => {
                let made = arena.alloc(Cell::new(Value::Unset))?;
                self.unfilled.push(Unfilled::Variable(variable, made));
                Value::Cell(made)
            }
            Value::Unset
            | Value::None
            | Value::Bool(_)
            | Value::Int(_)
            | Value::Float(_)
            | Value::Native(_)
            | Value::Type(_)
            | Value::Module(_)
            | Value::Ellipsis
            | Value::NotImplemented => return Err(Abandoned::Unknown("a value without object")),
        }))
    }

    fn make_function(
        &mut self,
        function: &'a Function<'a>,
    ) -> Result<Option<Value<'b>>, Abandoned> {
        if !self.ready(function.defaults) {
            return Ok(None);
        }
        let Some(code) = self.loaded.get(&place(function.code)).copied() else {
            return Err(Abandoned::Unknown("a function without code"));
        };
        let Some(defaults) = self.items(function.defaults)? else {
            return Ok(None);
        };
        let globals = self.module_names(function.globals)?;
        let mut closure: Vec<&'b Shared<'b>> = Vec::with_capacity(function.closure.len());
        for variable in function.closure {
            match self.value(Value::Cell(variable))? {
                Value::Cell(made) => closure.push(made),
                _ => return Err(Abandoned::Unknown("a variable")),
            }
        }
        Ok(Some(Value::Function(self.arena.alloc(Function {
            code,
            globals,
            closure: self.arena.alloc_slice(&closure)?,
            defaults,
        })?)))
    }

    fn source(&mut self, source: &Source<'a>) -> Result<Option<Source<'b>>, Abandoned> {
        Ok(Some(match source {
            Source::List(list) => Source::List(self.list(list)?),
            Source::ReversedList(list) => Source::ReversedList(self.list(list)?),
            Source::Items(items, kind) => match self.items(items)? {
                Some(items) => Source::Items(items, *kind),
                None => return Ok(None),
            },
            Source::Text(text) => Source::Text(self.text(text)?),
            Source::Bytes(bytes) => Source::Bytes(self.bytes(bytes)?),
            Source::Dict(dict, kind, of) => Source::Dict(self.dict(dict)?, *kind, *of),
            Source::Range(range) => Source::Range(*range),
            Source::Enumerate(inner, number) => match self.iterators(&[*inner])? {
                Some(made) => Source::Enumerate(made[0], number.clone()),
                None => return Ok(None),
            },
            Source::Zip(inner, strict) => match self.iterators(inner)? {
                Some(made) => Source::Zip(self.arena.alloc_slice(&made)?, *strict),
                None => return Ok(None),
            },
            Source::Generator(generator) => {
                if !self.ready(&[Value::Function(generator.function)]) {
                    return Ok(None);
                }
                Source::Generator(self.generator(generator)?)
            }
        }))
    }

    fn iterators(
        &mut self,
        inner: &[&'a Iter<'a>],
    ) -> Result<Option<Vec<&'b Iter<'b>>>, Abandoned> {
        let parts: Vec<Value<'a>> = inner.iter().map(|iter| Value::Iter(iter)).collect();
        if !self.ready(&parts) {
            return Ok(None);
        }
        let mut made = Vec::with_capacity(parts.len());
        for part in parts {
            match self.value(part)? {
                Value::Iter(iter) => made.push(iter),
                _ => return Err(Abandoned::Unknown("an iterator")),
            }
        }
        Ok(Some(made))
    }

    fn object(&mut self, object: &Object<'a>) -> Result<Object<'b>, Abandoned> {
        Ok(match object {
            Object::View(view) => Object::View(View {
                dict: self.dict(view.dict)?,
                kind: view.kind,
            }),
            Object::DateTime(moment) => Object::DateTime(Moment {
                micros: moment.micros,
                zone: self.zone(moment.zone)?,
                fold: moment.fold,
            }),
            Object::Date(days) => Object::Date(*days),
            Object::Time(time) => Object::Time(TimeOfDay {
                micros: time.micros,
                zone: self.zone(time.zone)?,
            }),
            Object::TimeDelta(delta) => Object::TimeDelta(*delta),
            Object::Zone(zone) => match self.zone(Some(*zone))? {
                Some(zone) => Object::Zone(zone),
                None => return Err(Abandoned::Unknown("a zone")),
            },
            Object::Pattern(pattern) => Object::Pattern(self.pattern(pattern)?),
            Object::Match(found) => Object::Match(Match {
                pattern: self.pattern(found.pattern)?,
                text: self.text(found.text)?,
                slots: self.arena.alloc_slice(found.slots)?,
            }),
            Object::Hash(hasher) => {
                if let Some(known) = self.hashes.get(&place(*hasher)) {
                    return Ok(Object::Hash(known));
                }
                let made = self.arena.alloc(RefCell::new(hasher.borrow().clone()))?;
                self.hashes.insert(place(*hasher), made);
                Object::Hash(made)
            }
            Object::Uuid(bits) => Object::Uuid(*bits),
            Object::Plain => Object::Plain,
            Object::Executor => Object::Executor,
            Object::Connector => Object::Connector,
            Object::Handler => Object::Handler,
            Object::Request => Object::Request,
            Object::Logger => Object::Logger,
            Object::Node(number) => Object::Node(*number),
        })
    }

    fn zone(&mut self, zone: Option<Zone<'a>>) -> Result<Option<Zone<'b>>, Abandoned> {
        Ok(match zone {
            None => None,
            Some(Zone::Utc) => Some(Zone::Utc),
            Some(Zone::Fixed(offset, name)) => {
                let name = name.map(|name| self.content(name)).transpose()?;
                Some(Zone::Fixed(offset, name))
            }
            Some(Zone::Named(named)) => Some(Zone::Named(Named {
                name: self.content(named.name)?,
                offset_s: named.offset_s,
                dst_s: named.dst_s,
                abbreviation: self.content(named.abbreviation)?,
            })),
        })
    }

    /// The copy of a compiled pattern.
    pub fn pattern(&mut self, pattern: &'a Pattern<'a>) -> Result<&'b Pattern<'b>, Abandoned> {
        if let Some(known) = self.patterns.get(&place(pattern)) {
            return Ok(known);
        }
        self.work += pattern.program.code.len();
        let source = self.text(pattern.source)?;
        let made = self.arena.alloc(pattern.moved(self.arena, source)?)?;
        self.patterns.insert(place(pattern), made);
        Ok(made)
    }

    /// The copy of a generator whose function is known.
    pub fn generator(
        &mut self,
        generator: &'a Generator<'a>,
    ) -> Result<&'b Generator<'b>, Abandoned> {
        if let Some(known) = self.generators.get(&place(generator)) {
            return Ok(known);
        }
        let function = self.function(generator.function)?;
        let registers = self
            .arena
            .alloc_cells(generator.registers.len(), Value::Unset)?;
        self.cells(generator.registers, registers);
        let made = self.arena.alloc(Generator {
            function,
            registers,
            progress: generator.progress.clone(),
        })?;
        self.generators.insert(place(generator), made);
        Ok(made)
    }

    /// Characters, which several texts may share as a whole.
    pub fn content(&mut self, content: &'a str) -> Result<&'b str, Abandoned> {
        if content.is_empty() {
            return Ok("");
        }
        let extent = extent(content.as_bytes());
        if let Some(known) = self.contents.get(&extent) {
            return Ok(known);
        }
        self.work += content.len() / 64;
        let made = self.arena.alloc_str(content)?;
        self.contents.insert(extent, made);
        Ok(made)
    }

    fn bytes(&mut self, bytes: &'a [u8]) -> Result<&'b [u8], Abandoned> {
        if let Some(known) = self.bytes.get(&extent(bytes)) {
            return Ok(known);
        }
        self.work += bytes.len() / 64;
        let made = self.arena.alloc_slice(bytes)?;
        self.bytes.insert(extent(bytes), made);
        Ok(made)
    }

    /// Items that cannot change, which a tuple and its iterators share; nothing while some are missing.
    fn items(&mut self, items: &'a [Value<'a>]) -> Result<Option<&'b [Value<'b>]>, Abandoned> {
        if items.is_empty() {
            return Ok(Some(&[]));
        }
        if let Some(known) = self.items.get(&extent(items)) {
            return Ok(Some(known));
        }
        if !self.ready(items) {
            return Ok(None);
        }
        let made: &'b [Value<'b>] = self.arena.alloc_slice_with(items.len(), |index| {
            self.known(items[index]).unwrap_or_default()
        })?;
        self.items.insert(extent(items), made);
        Ok(Some(made))
    }

    /// Module-level names, which all functions of one run of a definition share.
    pub fn module_names(&mut self, globals: Globals<'a>) -> Result<Globals<'b>, Abandoned> {
        if globals.is_empty() {
            return Ok(&[]);
        }
        if let Some(known) = self.globals.get(&extent(globals)) {
            return Ok(known);
        }
        let made = self.arena.alloc_cells(globals.len(), Value::Unset)?;
        self.globals.insert(extent(globals), made);
        self.cells(globals, made);
        Ok(made)
    }

    fn cells(&mut self, old: &'a [Cell<Value<'a>>], new: &'b [Cell<Value<'b>>]) {
        if !old.is_empty() {
            self.unfilled.push(Unfilled::Cells(old, new));
        }
    }
}

macro_rules! of_one_kind {
    ($($(#[$about:meta])* $name:ident $variant:ident $type:ident;)+) => {
        impl<'a, 'b> Survivors<'a, 'b> {
            $($(#[$about])*
            pub fn $name(&mut self, object: &'a $type<'a>) -> Result<&'b $type<'b>, Abandoned> {
                match self.value(Value::$variant(object))? {
                    Value::$variant(made) => Ok(made),
                    _ => Err(Abandoned::Unknown(stringify!($name))),
                }
            })+
        }
    };
}

of_one_kind! {
    /// The copy of a text.
    text Str Text;
    /// The copy of a list.
    list List List;
    /// The copy of a dict.
    dict Dict Dict;
    /// The copy of bytes.
    byte_string Bytes Bytes;
    /// The copy of an exception.
    exception Exception Exception;
    /// The copy of a function.
    function Function Function;
}
