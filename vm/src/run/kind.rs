//! Types as values: what `type(x)` gives and `isinstance` and `except` take.

use super::fault::Class;

macro_rules! types {
    ($($variant:ident $name:literal,)+) => {
        /// A Python type.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Type {
            $(#[doc = concat!("`", $name, "`")] $variant,)+
            /// An exception class.
            Exception(Class),
        }

        impl Type {
            /// Its name as messages and `__name__` show it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                    Self::Exception(class) => class.name(),
                }
            }

            /// A number of its own, for identity and hashing.
            #[must_use]
            pub fn number(self) -> u64 {
                const ALL: &[Type] = &[$(Type::$variant,)+];
                match self {
                    Self::Exception(class) => 1_000 + class as u64,
                    plain => ALL.iter().position(|kind| *kind == plain).unwrap_or_default() as u64,
                }
            }
        }
    };
}

types! {
    NoneType "NoneType",
    Object "object",
    Type "type",
    Bool "bool",
    Int "int",
    Float "float",
    Str "str",
    Bytes "bytes",
    ByteArray "bytearray",
    List "list",
    Tuple "tuple",
    Dict "dict",
    DictKeys "dict_keys",
    DictValues "dict_values",
    DictItems "dict_items",
    Set "set",
    FrozenSet "frozenset",
    Range "range",
    Slice "slice",
    Iterator "iterator",
    ListIterator "list_iterator",
    TupleIterator "tuple_iterator",
    StrIterator "str_iterator",
    BytesIterator "bytes_iterator",
    SetIterator "set_iterator",
    RangeIterator "range_iterator",
    DictKeyIterator "dict_keyiterator",
    DictValueIterator "dict_valueiterator",
    DictItemIterator "dict_itemiterator",
    Enumerate "enumerate",
    Zip "zip",
    Map "map",
    Filter "filter",
    Reversed "reversed",
    Generator "generator",
    Function "function",
    Builtin "builtin_function_or_method",
    Method "method",
    Module "module",
    Ellipsis "ellipsis",
    NotImplementedType "NotImplementedType",
    DateTime "datetime.datetime",
    Date "datetime.date",
    Time "datetime.time",
    TimeDelta "datetime.timedelta",
    TimeZone "datetime.timezone",
    Zone "pytz.tzfile.DstTzInfo",
    Pattern "re.Pattern",
    Match "re.Match",
    Hash "_hashlib.HASH",
    Uuid "UUID",
    Executor "Executor",
    Connector "Connector",
    Handler "Handler",
    Request "Request",
    Logger "Logger",
    Node "dict",
}

impl Type {
    /// `issubclass(self, other)`.
    #[must_use]
    pub fn is_subtype_of(self, other: Self) -> bool {
        match (self, other) {
            (_, Self::Object) | (Self::Bool, Self::Int) | (Self::DateTime, Self::Date) => true,
            (Self::Exception(class), Self::Exception(of)) => class.is_a(of),
            (left, right) => left == right,
        }
    }
}
