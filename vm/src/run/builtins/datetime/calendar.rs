//! The proleptic Gregorian calendar of `datetime`: days and microseconds since 0001-01-01.

/// Microseconds of a second.
pub const SECOND: i64 = 1_000_000;
/// Microseconds of a day.
pub const DAY: i64 = 86_400 * SECOND;
/// Days from 0001-01-01 to 1970-01-01.
pub const EPOCH_DAYS: i64 = 719_162;
/// Microseconds from 0001-01-01 to 1970-01-01.
pub const EPOCH: i64 = EPOCH_DAYS * DAY;
/// Days from 0001-01-01 to the day after 9999-12-31.
pub const DAYS_END: i64 = 3_652_059;

/// English names, as the C locale has them.
pub const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// English names, Monday first.
pub const WEEKDAYS: [&str; 7] = [
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
];

/// A day with its parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Civil {
    /// 1 to 9999.
    pub year: i64,
    /// 1 to 12.
    pub month: i64,
    /// 1 to 31.
    pub day: i64,
}

/// A leap year has 366 days.
#[must_use]
pub const fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// Days of a month.
#[must_use]
pub const fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days before a year.
#[must_use]
pub const fn days_before_year(year: i64) -> i64 {
    let before = year - 1;
    before * 365 + before.div_euclid(4) - before.div_euclid(100) + before.div_euclid(400)
}

impl Civil {
    /// Days since 0001-01-01.
    #[must_use]
    pub fn days(self) -> i64 {
        days_before_year(self.year) + self.day_of_year() - 1
    }

    /// 1 for the first of January.
    #[must_use]
    pub fn day_of_year(self) -> i64 {
        (1..self.month)
            .map(|month| days_in_month(self.year, month))
            .sum::<i64>()
            + self.day
    }

    /// The day so many days after 0001-01-01.
    #[must_use]
    pub fn from_days(days: i64) -> Self {
        // A year guessed from the mean length is off by one at most.
        let mut year = days * 400 / 146_097 + 1;
        while days_before_year(year) > days {
            year -= 1;
        }
        while days_before_year(year + 1) <= days {
            year += 1;
        }
        let mut day = days - days_before_year(year) + 1;
        let mut month = 1;
        while day > days_in_month(year, month) {
            day -= days_in_month(year, month);
            month += 1;
        }
        Self { year, month, day }
    }
}

/// 0 for Monday.
#[must_use]
pub const fn weekday(days: i64) -> i64 {
    days.rem_euclid(7)
}

/// ISO year, week, and weekday from 1.
#[must_use]
pub fn iso_week(days: i64) -> (i64, i64, i64) {
    let mut year = Civil::from_days(days).year;
    let start = |year| {
        let first = days_before_year(year);
        // The week of the first Thursday.
        let monday = first - weekday(first);
        if weekday(first) > 3 {
            monday + 7
        } else {
            monday
        }
    };
    if days < start(year) {
        year -= 1;
    } else if days >= start(year + 1) {
        year += 1;
    }
    (year, (days - start(year)) / 7 + 1, weekday(days) + 1)
}
