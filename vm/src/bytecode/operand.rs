//! Operands: index types that say direction and role, so that a wrong index does not compile.

use std::fmt;

macro_rules! indexes {
    ($($(#[$doc:meta])* $name:ident($inner:ty) $prefix:literal,)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub struct $name(pub $inner);

        impl $name {
            /// The index as one into a slice.
            #[inline]
            #[must_use]
            pub const fn index(self) -> usize {
                self.0 as usize
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, "{}{}", $prefix, self.0)
            }
        }

        impl Operand for $name {
            fn parse(text: &str) -> Option<Self> {
                text.strip_prefix($prefix)?.parse().ok().map(Self)
            }
        }
    )+};
}

/// What can stand behind an instruction's name.
pub trait Operand: Sized + fmt::Display {
    /// Read what `Display` printed.
    fn parse(text: &str) -> Option<Self>;
}

indexes! {
    /// A register that is written.
    Dst(u16) "=r",
    /// A register that is read.
    Src(u16) "r",
    /// The first of several registers.
    Base(u16) "r+",
    /// A constant.
    Const(u16) "k",
    /// A module-level name.
    Slot(u16) "g",
    /// A variable of the functions around.
    Free(u16) "f",
    /// A function inside this one.
    Child(u16) "c",
    /// A call of a command or script function.
    Site(u16) "s",
    /// An instruction.
    Target(u32) "@",
    /// A small count.
    Few(u8) "#",
    /// A count.
    Count(u16) "#",
    /// A small int.
    Small(i16) "i",
    /// A top-level statement.
    Statement(u32) "t",
}

/// [`Const`] that means "none".
pub const NO_CONST: Const = Const(u16::MAX);

/// [`Src`] that means "none".
pub const NO_SRC: Src = Src(u16::MAX);

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident { $($variant:ident $text:literal,)+ })+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum $name {
            $(#[doc = concat!("`", $text, "`")] $variant,)+
        }

        impl $name {
            /// All of them, in the order of their numbers.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// As Python writes it.
            #[must_use]
            pub const fn symbol(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                // Listings separate words by blanks.
                for part in self.symbol().split(' ') {
                    formatter.write_str(part)?;
                }
                Ok(())
            }
        }

        impl Operand for $name {
            fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|kind| kind.symbol().replace(' ', "") == text)
            }
        }
    )+};
}

kinds! {
    /// A binary operator.
    Binary {
        Add "+",
        Sub "-",
        Mul "*",
        Div "/",
        FloorDiv "//",
        Mod "%",
        Pow "**",
        Shl "<<",
        Shr ">>",
        And "&",
        Or "|",
        Xor "^",
        MatMul "@",
    }
    /// A unary operator.
    Unary {
        Not "not",
        Neg "-",
        Pos "+",
        Invert "~",
    }
    /// A comparison.
    Compare {
        Eq "==",
        Ne "!=",
        Lt "<",
        Le "<=",
        Gt ">",
        Ge ">=",
        In "in",
        NotIn "not in",
        Is "is",
        IsNot "is not",
    }
    /// How an f-string's value becomes a text.
    Conversion {
        Plain "plain",
        Str "!s",
        Repr "!r",
        Ascii "!a",
    }
}
