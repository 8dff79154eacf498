//! The instructions: one table, from which printer, parser and verifier follow.
//!
//! ```text
//! byte 0    1          2..4     4..6     6..8
//! opcode    kind/few   operand  operand  operand        or: opcode, operand, 32-bit target
//! ```

use std::fmt;

use super::binary::{BinaryError, Coded, Input};
use super::operand::{
    Base, Binary, Child, Compare, Const, Conversion, Count, Dst, Few, Free, Operand, Site, Slot,
    Small, Src, Statement, Target, Unary,
};

macro_rules! ops {
    ($($(#[$doc:meta])* $name:ident $text:literal { $($field:ident: $kind:ident),* },)+) => {
        /// One instruction.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Op {
            $($(#[$doc])* #[allow(missing_docs)] $name { $($field: $kind),* },)+
        }

        impl Op {
            /// Read an instruction as `Display` prints it.
            #[must_use]
            pub fn parse(line: &str) -> Option<Self> {
                let mut words = line.split_whitespace();
                let name = words.next()?;
                let op = match name {
                    $($text => Self::$name { $($field: <$kind as Operand>::parse(words.next()?)?),* },)+
                    _ => return None,
                };
                words.next().is_none().then_some(op)
            }

            /// Write the instruction's binary form: its number in the table, then its operands.
            pub(super) fn encode(self, out: &mut Vec<u8>) {
                match self {
                    $(Self::$name { $($field),* } => {
                        out.push(numbers::$name);
                        $(Coded::encode($field, out);)*
                    })+
                }
            }

            /// Read what `encode` wrote.
            pub(super) fn decode(input: &mut Input<'_>) -> Result<Self, BinaryError> {
                Ok(match input.byte()? {
                    $(numbers::$name => Self::$name { $($field: <$kind as Coded>::decode(input)?),* },)+
                    _ => return Err(BinaryError("no such instruction")),
                })
            }

            /// Show each operand to a visitor.
            pub fn visit(&self, visitor: &mut impl Visitor) {
                match self {
                    $(Self::$name { $($field),* } => { $(visitor.$kind(*$field);)* })+
                }
            }
        }

        /// The numbers of the instructions in the table's order.
        #[allow(non_upper_case_globals)]
        mod numbers {
            #[repr(u8)]
            enum Number { $($name),+ }

            $(pub const $name: u8 = Number::$name as u8;)+
        }

        /// The table as text: what the binary form of instructions depends on.
        pub(super) const TABLE: &str = concat!($(stringify!($name), $(" ", stringify!($kind),)* ";",)+);

        impl fmt::Display for Op {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(Self::$name { $($field),* } => {
                        formatter.write_str($text)?;
                        $(write!(formatter, " {}", $field)?;)*
                        Ok(())
                    })+
                }
            }
        }
    };
}

/// Something that looks at operands by their role. Roles it does not care about may be left alone.
#[allow(non_snake_case, unused_variables, missing_docs)]
pub trait Visitor {
    fn Dst(&mut self, operand: Dst) {}
    fn Src(&mut self, operand: Src) {}
    fn Base(&mut self, operand: Base) {}
    fn Const(&mut self, operand: Const) {}
    fn Slot(&mut self, operand: Slot) {}
    fn Free(&mut self, operand: Free) {}
    fn Child(&mut self, operand: Child) {}
    fn Site(&mut self, operand: Site) {}
    fn Target(&mut self, operand: Target) {}
    fn Few(&mut self, operand: Few) {}
    fn Count(&mut self, operand: Count) {}
    fn Statement(&mut self, operand: Statement) {}
    fn Small(&mut self, operand: Small) {}
    fn Binary(&mut self, operand: Binary) {}
    fn Unary(&mut self, operand: Unary) {}
    fn Compare(&mut self, operand: Compare) {}
    fn Conversion(&mut self, operand: Conversion) {}
}

ops! {
    /// `d = constant`
    Load "load" { d: Dst, k: Const },
    /// `d = s`
    Move "move" { d: Dst, s: Src },
    /// Raise `UnboundLocalError` or `NameError` unless `s` is bound; `few` 1: a name of the module.
    Bound "bound" { few: Few, s: Src, k: Const },
    /// Make a register unbound.
    Unbind "unbind" { d: Dst },
    /// `d = module-level name`, else the built-in of that name
    LoadGlobal "load_global" { d: Dst, g: Slot },
    /// `module-level name = s`
    StoreGlobal "store_global" { g: Slot, s: Src },
    /// Make a module-level name unbound.
    UnbindGlobal "unbind_global" { g: Slot },
    /// Make `d` a shared variable that holds what `d` held.
    MakeCell "make_cell" { d: Dst, s: Src },
    /// `d = shared variable in s`; `k` is its name
    LoadCell "load_cell" { d: Dst, s: Src, k: Const },
    /// `shared variable in cell = s`
    StoreCell "store_cell" { cell: Src, s: Src },
    /// `d = variable of the functions around`; `k` is its name
    LoadFree "load_free" { d: Dst, f: Free, k: Const },
    /// `variable of the functions around = s`
    StoreFree "store_free" { f: Free, s: Src },
    /// `d = a op b`
    Binary "binary" { kind: Binary, d: Dst, a: Src, b: Src },
    /// `d = a op b`, changing `a` where its type allows (`+=`)
    InPlace "in_place" { kind: Binary, d: Dst, a: Src, b: Src },
    /// `d = a + b`
    Add "add" { d: Dst, a: Src, b: Src },
    /// `d = a - b`
    Sub "sub" { d: Dst, a: Src, b: Src },
    /// `d = a + small int`
    AddInt "add_int" { d: Dst, a: Src, i: Small },
    /// `d = a - small int`
    SubInt "sub_int" { d: Dst, a: Src, i: Small },
    /// `d = a op small int`
    CompareInt "compare_int" { kind: Compare, d: Dst, a: Src, i: Small },
    /// `d = op s`
    Unary "unary" { kind: Unary, d: Dst, s: Src },
    /// `d = a op b`
    Compare "compare" { kind: Compare, d: Dst, a: Src, b: Src },
    /// Go on at the target.
    Jump "jump" { to: Target },
    /// Go on at the target, backwards: one unit of fuel.
    Loop "loop" { to: Target },
    /// Go on at the target if `s` is true.
    JumpIf "jump_if" { s: Src, to: Target },
    /// Go on at the target if `s` is false.
    JumpIfNot "jump_if_not" { s: Src, to: Target },
    /// `d = o[key]`
    GetItem "get_item" { d: Dst, o: Src, key: Src },
    /// `d = o[constant]`
    GetItemConst "get_item_const" { d: Dst, o: Src, k: Const },
    /// `o[key] = s`
    SetItem "set_item" { o: Src, key: Src, s: Src },
    /// `o[constant] = s`
    SetItemConst "set_item_const" { o: Src, k: Const, s: Src },
    /// `del o[key]`
    DeleteItem "delete_item" { o: Src, key: Src },
    /// `d = slice(base, base + 1, base + 2)`
    BuildSlice "build_slice" { d: Dst, base: Base },
    /// `d = o.name`
    GetAttribute "get_attribute" { d: Dst, o: Src, k: Const },
    /// `o.name = s`
    SetAttribute "set_attribute" { o: Src, k: Const, s: Src },
    /// `d = base(base + 1, …)`; the last ones are named by the tuple `names`
    Call "call" { few: Few, d: Dst, base: Base, names: Const },
    /// `d = base.name(base + 1, …)`
    CallMethod "call_method" { few: Few, d: Dst, base: Base, k: Const },
    /// `d = base(*(base + 1), **(base + 2))`
    CallSpread "call_spread" { d: Dst, base: Base },
    /// Leave the function.
    Return "return" { s: Src },
    /// Give an item of a generator.
    Yield "yield" { s: Src },
    /// `d = [base, …]`
    BuildList "build_list" { d: Dst, base: Base, count: Count },
    /// `d = (base, …)`
    BuildTuple "build_tuple" { d: Dst, base: Base, count: Count },
    /// `d = {base, …}`
    BuildSet "build_set" { d: Dst, base: Base, count: Count },
    /// `d = {base: base + 1, …}`: `count` pairs
    BuildDict "build_dict" { d: Dst, base: Base, count: Count },
    /// `list.append(s)`
    ListAppend "list_append" { list: Src, s: Src },
    /// `list.extend(s)`
    ListExtend "list_extend" { list: Src, s: Src },
    /// `set.add(s)`
    SetAdd "set_add" { set: Src, s: Src },
    /// `set.update(s)`
    SetUpdate "set_update" { set: Src, s: Src },
    /// `dict[key] = s` of a display
    DictInsert "dict_insert" { dict: Src, key: Src, s: Src },
    /// `dict.update(s)`; `few` 1: named arguments, where a name may not repeat
    DictUpdate "dict_update" { few: Few, dict: Src, s: Src },
    /// `d = tuple(list)`
    ListToTuple "list_to_tuple" { d: Dst, s: Src },
    /// `base, … = s`
    Unpack "unpack" { s: Src, base: Base, count: Count },
    /// `base, …, *rest, … = s`: `few` before, `count` after
    UnpackRest "unpack_rest" { few: Few, s: Src, base: Base, count: Count },
    /// `d = iter(s)`
    GetIter "get_iter" { d: Dst, s: Src },
    /// Put the next item behind the iterator's register and go on at the target; at the end go on after this.
    ForNext "for_next" { iter: Src, to: Target },
    /// `d = str(s)` by an f-string's rules; `spec` may be none
    Format "format" { kind: Conversion, d: Dst, s: Src, spec: Src },
    /// `d = the texts base, … as one`
    BuildText "build_text" { d: Dst, base: Base, count: Count },
    /// `raise s from cause`; `cause` may be none
    Raise "raise" { s: Src, cause: Src },
    /// Raise again what a handler caught.
    Reraise "reraise" { s: Src },
    /// `d = s is an exception of class`
    Catches "catches" { d: Dst, s: Src, class: Src },
    /// `d = a function`: `few` defaults from `base` on
    MakeFunction "make_function" { few: Few, d: Dst, c: Child, base: Base },
    /// `d = import name`
    Import "import" { d: Dst, k: Const },
    /// `d = from s import name`
    ImportFrom "import_from" { d: Dst, s: Src, k: Const },

    /// `d = constant in o`, of specialised code like those that follow
    HasConst "has_const" { d: Dst, o: Src, k: Const },
    /// Go on at the target unless `s` is an int of 64 bits.
    JumpUnlessInt "jump_unless_int" { s: Src, to: Target },
    /// `d = str(s)` of an int of 64 bits
    TextOfInt "text_of_int" { d: Dst, s: Src },
    /// `d = a + str(s)` of a text and an int of 64 bits
    JoinInt "join_int" { d: Dst, a: Src, s: Src },
    /// `d = float(s)` of an int of 64 bits
    FloatOfInt "float_of_int" { d: Dst, s: Src },
    /// What the call of a function that stands here costs: a unit, and `few` frames that must fit on top.
    Enter "enter" { few: Few },
    /// Run the statement `s` of the script.
    Step "step" { d: Dst, s: Src },

    /// `d = name`: in the dict in register 0, then that in 1, then the built-ins if register 2 is true
    LoadDynamic "load_dynamic" { d: Dst, k: Const },
    /// `d = script variable`: the current frame, then the shared map; else `NameError`
    LoadName "load_name" { d: Dst, k: Const },
    /// If a variable of this name is visible, `base` is its value and the next instruction is skipped.
    TryName "try_name" { d: Dst, k: Const },
    /// `d = script variable`, else its name as text
    LoadNameOrText "load_name_or_text" { d: Dst, k: Const },
    /// If `s` is a text that names a visible variable, its value; if it is digits, an int; else `s`.
    LookUp "look_up" { d: Dst, s: Src },
    /// `shared[k] = s`
    StoreShared "store_shared" { k: Const, s: Src },
    /// `shared[k] = frame[k] = s`
    Assign "assign" { k: Const, s: Src },
    /// `d = int(s)` of a loop's bound
    Bounds "bounds" { d: Dst, s: Src },
    /// `d = iter(range(a, b + 1))`
    Count "count" { d: Dst, a: Src, b: Src },
    /// Run a command's definition with the arguments from `base` on.
    Command "command" { few: Few, d: Dst, base: Base, s: Site },
    /// Call a function of the script with the arguments from `base` on.
    CallScript "call_script" { few: Few, d: Dst, base: Base, s: Site },
    /// Run a part of the script in the same frame of variables.
    RunPart "run_part" { d: Dst, s: Site },
    /// Raise the error of a site: an unknown command, one that does not compile, bad arguments.
    Fail "fail" { s: Site },
    /// A top-level statement begins.
    Begin "begin" { t: Statement },
    /// A top-level statement ended well.
    End "end" { t: Statement },
    /// A top-level statement raised `s`: go on if a try protects, else raise it again.
    Failed "failed" { s: Src, t: Statement },
}

const _: () = assert!(size_of::<Op>() == 8);

impl Op {
    /// The registers that a window of the instruction covers beside its named operands: first and count.
    #[must_use]
    pub const fn window(&self) -> Option<(Base, usize)> {
        Some(match *self {
            Self::BuildSlice { base, .. } | Self::CallSpread { base, .. } => (base, 3),
            Self::Call { few, base, .. } | Self::CallMethod { few, base, .. } => {
                (base, few.0 as usize + 1)
            }
            Self::BuildList { base, count, .. }
            | Self::BuildTuple { base, count, .. }
            | Self::BuildSet { base, count, .. }
            | Self::Unpack { base, count, .. }
            | Self::BuildText { base, count, .. } => (base, count.0 as usize),
            Self::BuildDict { base, count, .. } => (base, count.0 as usize * 2),
            Self::UnpackRest {
                few, base, count, ..
            } => (base, few.0 as usize + 1 + count.0 as usize),
            Self::MakeFunction { few, base, .. }
            | Self::Command { few, base, .. }
            | Self::CallScript { few, base, .. } => (base, few.0 as usize),
            Self::ForNext { iter, .. } => (Base(iter.0), 2),
            _ => return None,
        })
    }

    /// Nothing after it is reached from it.
    #[must_use]
    pub const fn is_terminator(&self) -> bool {
        matches!(
            self,
            Self::Jump { .. }
                | Self::Loop { .. }
                | Self::Return { .. }
                | Self::Raise { .. }
                | Self::Reraise { .. }
                | Self::Fail { .. }
        )
    }

    /// Where it may go on besides after itself.
    #[must_use]
    pub const fn target(&self) -> Option<Target> {
        match *self {
            Self::Jump { to }
            | Self::Loop { to }
            | Self::JumpIf { to, .. }
            | Self::JumpIfNot { to, .. }
            | Self::JumpUnlessInt { to, .. }
            | Self::ForNext { to, .. } => Some(to),
            _ => None,
        }
    }

    /// The same instruction with another target.
    pub fn set_target(&mut self, target: Target) {
        match self {
            Self::Jump { to }
            | Self::Loop { to }
            | Self::JumpIf { to, .. }
            | Self::JumpIfNot { to, .. }
            | Self::JumpUnlessInt { to, .. }
            | Self::ForNext { to, .. } => *to = target,
            _ => {}
        }
    }
}
