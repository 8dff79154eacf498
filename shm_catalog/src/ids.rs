//! The words that go with numbers: which segment, which announcement, which content, which form.

use std::fmt;
use std::str::FromStr;

/// One shared-memory segment. Unique for ever; its file is named after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentId(pub u64);

impl fmt::Display for SegmentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One announcement of a version, strictly increasing, for ever. Zero is "none yet".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Generation(pub u64);

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The identity of a version: xxh3-128 over layout version, wire form and the records region.
/// Shown as 32 lower-case hex digits, most significant first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Digest(pub [u8; 16]);

impl From<u128> for Digest {
    fn from(value: u128) -> Self {
        Self(value.to_be_bytes())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

/// Which `.proto` the records are encoded for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum WireForm {
    /// `proto/avap.proto`: `CommandDefinition`.
    Standard = 1,
    /// `proto/avap_lite.proto`: `CommandResponse`, whose code is a signed package.
    Lite = 2,
}

impl WireForm {
    /// The name in configuration and messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Lite => "lite",
        }
    }

    /// The form with this number in a header.
    #[must_use]
    pub const fn from_number(number: u32) -> Option<Self> {
        match number {
            1 => Some(Self::Standard),
            2 => Some(Self::Lite),
            _ => None,
        }
    }
}

impl fmt::Display for WireForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for WireForm {
    type Err = String;

    /// # Errors
    /// A message naming the two forms.
    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "standard" => Ok(Self::Standard),
            "lite" => Ok(Self::Lite),
            other => Err(format!(
                "wire form must be \"standard\" or \"lite\", not {other:?}"
            )),
        }
    }
}
