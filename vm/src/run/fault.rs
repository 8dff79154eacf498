//! How an operation fails: a Python exception, a limit, or our own fault. Three different things, never mixed.

use super::exception::Exception;
use crate::limits::Limit;

/// Why an operation gave no value.
#[derive(Clone, Copy, Debug)]
pub enum Fault<'a> {
    /// A Python exception: definitions can catch it, scripts see its text.
    Raised(&'a Exception<'a>),
    /// A limit: nobody can catch it.
    Limit(Limit),
    /// A fault of the machine itself, with what was violated. Fuzzers fail on it.
    Internal(&'static str),
}

impl From<Limit> for Fault<'_> {
    fn from(limit: Limit) -> Self {
        Self::Limit(limit)
    }
}

impl From<super::arena::QuotaReached> for Fault<'_> {
    fn from(_: super::arena::QuotaReached) -> Self {
        Self::Limit(Limit::Memory)
    }
}

macro_rules! classes {
    ($($name:ident $text:literal : $parent:ident,)+) => {
        /// An exception class.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Class {
            /// The root of them all.
            BaseException,
            $(#[doc = concat!("`", $text, "`")] $name,)+
        }

        impl Class {
            /// Every class, parents first.
            pub const ALL: &[Class] = &[Class::BaseException, $(Class::$name,)+];

            /// Its name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    Self::BaseException => "BaseException",
                    $(Self::$name => $text,)+
                }
            }

            /// The class that it derives from; the root's is itself.
            #[must_use]
            pub const fn parent(self) -> Class {
                match self {
                    Self::BaseException => Self::BaseException,
                    $(Self::$name => Self::$parent,)+
                }
            }
        }
    };
}

classes! {
    Exception "Exception": BaseException,
    SystemExit "SystemExit": BaseException,
    KeyboardInterrupt "KeyboardInterrupt": BaseException,
    GeneratorExit "GeneratorExit": BaseException,
    ArithmeticError "ArithmeticError": Exception,
    ZeroDivisionError "ZeroDivisionError": ArithmeticError,
    OverflowError "OverflowError": ArithmeticError,
    FloatingPointError "FloatingPointError": ArithmeticError,
    AssertionError "AssertionError": Exception,
    AttributeError "AttributeError": Exception,
    BufferError "BufferError": Exception,
    EOFError "EOFError": Exception,
    ImportError "ImportError": Exception,
    ModuleNotFoundError "ModuleNotFoundError": ImportError,
    LookupError "LookupError": Exception,
    IndexError "IndexError": LookupError,
    KeyError "KeyError": LookupError,
    UnknownTimeZoneError "UnknownTimeZoneError": KeyError,
    MemoryError "MemoryError": Exception,
    NameError "NameError": Exception,
    UnboundLocalError "UnboundLocalError": NameError,
    OSError "OSError": Exception,
    BlockingIOError "BlockingIOError": OSError,
    ChildProcessError "ChildProcessError": OSError,
    ConnectionError "ConnectionError": OSError,
    BrokenPipeError "BrokenPipeError": ConnectionError,
    ConnectionAbortedError "ConnectionAbortedError": ConnectionError,
    ConnectionRefusedError "ConnectionRefusedError": ConnectionError,
    ConnectionResetError "ConnectionResetError": ConnectionError,
    FileExistsError "FileExistsError": OSError,
    FileNotFoundError "FileNotFoundError": OSError,
    InterruptedError "InterruptedError": OSError,
    IsADirectoryError "IsADirectoryError": OSError,
    NotADirectoryError "NotADirectoryError": OSError,
    PermissionError "PermissionError": OSError,
    ProcessLookupError "ProcessLookupError": OSError,
    TimeoutError "TimeoutError": OSError,
    RequestException "RequestException": OSError,
    HTTPError "HTTPError": RequestException,
    ReferenceError "ReferenceError": Exception,
    RuntimeError "RuntimeError": Exception,
    NotImplementedError "NotImplementedError": RuntimeError,
    RecursionError "RecursionError": RuntimeError,
    StopIteration "StopIteration": Exception,
    StopAsyncIteration "StopAsyncIteration": Exception,
    SyntaxError "SyntaxError": Exception,
    IndentationError "IndentationError": SyntaxError,
    TabError "TabError": IndentationError,
    SystemError "SystemError": Exception,
    TypeError "TypeError": Exception,
    ValueError "ValueError": Exception,
    UnicodeError "UnicodeError": ValueError,
    UnicodeDecodeError "UnicodeDecodeError": UnicodeError,
    UnicodeEncodeError "UnicodeEncodeError": UnicodeError,
    JsonDecodeError "JSONDecodeError": ValueError,
    RegexError "error": Exception,
    Warning "Warning": Exception,
    UserWarning "UserWarning": Warning,
    DeprecationWarning "DeprecationWarning": Warning,
    RuntimeWarning "RuntimeWarning": Warning,
    BytesWarning "BytesWarning": Warning,
    EncodingWarning "EncodingWarning": Warning,
    FutureWarning "FutureWarning": Warning,
    ImportWarning "ImportWarning": Warning,
    PendingDeprecationWarning "PendingDeprecationWarning": Warning,
    ResourceWarning "ResourceWarning": Warning,
    SyntaxWarning "SyntaxWarning": Warning,
    UnicodeWarning "UnicodeWarning": Warning,
    CommandNotFound "CommandNotFound": Exception,
    CommandUnavailable "CommandUnavailable": Exception,
}

impl Class {
    /// `issubclass(self, other)`.
    #[must_use]
    pub fn is_a(self, other: Self) -> bool {
        let mut class = self;
        loop {
            if class == other {
                return true;
            }
            if class == Self::BaseException {
                return false;
            }
            class = class.parent();
        }
    }

    /// The built-in of this name (`re.error` and the like are reached through their modules).
    #[must_use]
    pub fn builtin(name: &str) -> Option<Self> {
        let class = Self::ALL
            .iter()
            .copied()
            .find(|class| class.name() == name)?;
        let elsewhere = [
            Self::UnknownTimeZoneError,
            Self::RequestException,
            Self::HTTPError,
            Self::JsonDecodeError,
            Self::RegexError,
            Self::CommandNotFound,
            Self::CommandUnavailable,
        ];
        (!elsewhere.contains(&class)).then_some(class)
    }
}
