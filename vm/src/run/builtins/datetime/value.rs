//! Dates, times, durations and zones as values: `Copy`, compared and hashed by what they stand for.

use std::cmp::Ordering;

use super::calendar::{Civil, DAY, SECOND};

/// `datetime.timedelta`: microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Delta(pub i128);

impl Delta {
    /// Days, rounded down.
    #[must_use]
    pub fn days(self) -> i128 {
        self.0.div_euclid(i128::from(DAY))
    }

    /// Seconds of the last day.
    #[must_use]
    pub fn seconds(self) -> i128 {
        self.0.rem_euclid(i128::from(DAY)) / i128::from(SECOND)
    }

    /// Microseconds of the last second.
    #[must_use]
    pub fn microseconds(self) -> i128 {
        self.0.rem_euclid(i128::from(SECOND))
    }
}

/// A zone of `datetime` or `pytz`.
#[derive(Clone, Copy, Debug)]
pub enum Zone<'a> {
    /// `datetime.timezone`: an offset in microseconds, and a name of its own.
    Fixed(i64, Option<&'a str>),
    /// `pytz.utc`.
    Utc,
    /// A zone of the database at one of its offsets.
    Named(Named<'a>),
}

/// A zone of the database at one of its offsets.
#[derive(Clone, Copy, Debug)]
pub struct Named<'a> {
    /// `Europe/Madrid`
    pub name: &'a str,
    /// Seconds east of UTC.
    pub offset_s: i64,
    /// Seconds of summer time in it.
    pub dst_s: i64,
    /// `CET`
    pub abbreviation: &'a str,
}

impl Zone<'_> {
    /// Microseconds east of UTC.
    #[must_use]
    pub const fn offset(self) -> i64 {
        match self {
            Self::Fixed(offset, _) => offset,
            Self::Utc => 0,
            Self::Named(named) => named.offset_s * SECOND,
        }
    }

    /// What equal ones share.
    #[must_use]
    pub fn key(self) -> [u8; 16] {
        let (kind, name) = match self {
            Self::Fixed(..) => (0_u8, ""),
            Self::Utc => (1, ""),
            Self::Named(named) => (2, named.name),
        };
        let mut key = [0; 16];
        key[..8].copy_from_slice(&self.offset().to_le_bytes());
        key[8] = kind;
        // Names of the database are told apart by their hash: 56 bits of it.
        key[9..].copy_from_slice(&crate::run::hash::hash_text(name).to_le_bytes()[..7]);
        key
    }

    /// `tz == other`.
    #[must_use]
    pub fn same(self, other: Self) -> bool {
        self.key() == other.key()
    }
}

/// `datetime.datetime`.
#[derive(Clone, Copy, Debug)]
pub struct Moment<'a> {
    /// Microseconds since 0001-01-01 on the clock of its zone.
    pub micros: i64,
    /// Nothing: naive.
    pub zone: Option<Zone<'a>>,
    /// The second of two equal times.
    pub fold: bool,
}

impl Moment<'_> {
    /// Its day.
    #[must_use]
    pub fn civil(&self) -> Civil {
        Civil::from_days(self.days())
    }

    /// Days since 0001-01-01.
    #[must_use]
    pub const fn days(&self) -> i64 {
        self.micros.div_euclid(DAY)
    }

    /// Its time of day.
    #[must_use]
    pub const fn clock(&self) -> Clock {
        Clock::of(self.micros.rem_euclid(DAY))
    }

    /// Microseconds since 0001-01-01 UTC, for aware ones.
    #[must_use]
    pub fn utc(&self) -> i64 {
        self.micros - self.zone.map_or(0, Zone::offset)
    }

    /// What equal ones share.
    #[must_use]
    pub fn key(&self) -> [u8; 16] {
        let mut key = [0; 16];
        key[..8].copy_from_slice(&self.utc().to_le_bytes());
        key[8] = u8::from(self.zone.is_some());
        key
    }

    /// Order of two that are both aware or both naive.
    #[must_use]
    pub fn order(&self, other: &Self) -> Option<Ordering> {
        (self.zone.is_some() == other.zone.is_some()).then(|| self.utc().cmp(&other.utc()))
    }
}

/// `datetime.time`.
#[derive(Clone, Copy, Debug)]
pub struct TimeOfDay<'a> {
    /// Microseconds since midnight.
    pub micros: i64,
    /// Nothing: naive.
    pub zone: Option<Zone<'a>>,
}

impl TimeOfDay<'_> {
    /// What equal ones share.
    #[must_use]
    pub fn key(&self) -> [u8; 16] {
        let mut key = [0; 16];
        let utc = self.micros - self.zone.map_or(0, Zone::offset);
        key[..8].copy_from_slice(&utc.to_le_bytes());
        key[8] = u8::from(self.zone.is_some());
        key
    }
}

/// A time of day in parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    /// 0 to 23.
    pub hour: i64,
    /// 0 to 59.
    pub minute: i64,
    /// 0 to 59.
    pub second: i64,
    /// 0 to 999,999.
    pub microsecond: i64,
}

impl Clock {
    /// Microseconds since midnight in parts.
    #[must_use]
    pub const fn of(micros: i64) -> Self {
        let seconds = micros / SECOND;
        Self {
            hour: seconds / 3600,
            minute: seconds / 60 % 60,
            second: seconds % 60,
            microsecond: micros % SECOND,
        }
    }

    /// Microseconds since midnight.
    #[must_use]
    pub const fn micros(self) -> i64 {
        ((self.hour * 60 + self.minute) * 60 + self.second) * SECOND + self.microsecond
    }
}
