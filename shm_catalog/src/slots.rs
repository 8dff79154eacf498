//! Worker slots: one page for each incarnation of a worker, written by that worker alone, read by
//! the supervisor and by HTTP workers at any time.
//!
//! ```text
//!    0                 base: the counters of incarnations that are gone, written by the supervisor
//!    (1 + i) * 8192    page i: one incarnation
//! ```
//!
//! Every field is an atomic and every access is relaxed: the fields are independent numbers, and
//! nothing is concluded about memory from any of them. `connections` is a read-modify-write,
//! because another worker may reserve a place here before it passes a connection on ([`Crew`]). The base has a
//! sequence number, odd while a page is being folded into it: a reader that saw it change reads again,
//! so that no total counts an incarnation twice or not at all.

use std::io;
use std::ops::{Deref, Range};
use std::sync::atomic::{AtomicU64, Ordering, fence};
use std::time::Duration;

use crate::counters::{
    COUNTER_WORDS, Counters, HttpStatus, Method, Route, ScriptEnd, Status, add, nanoseconds,
};
use crate::ids::Generation;
use crate::mapping::{PAGE, Shared, allocate, check_length, open_read, open_write};

/// Bytes of one slot page: two pages of memory, for the counters of both roles.
pub const PAGE_BYTES: u64 = 2 * PAGE;

/// Bytes of a slots segment for so many pages.
#[must_use]
pub const fn segment_bytes(pages: u64) -> u64 {
    (1 + pages) * PAGE_BYTES
}

/// What a worker process is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum Role {
    /// Serves gRPC.
    Grpc = 1,
    /// Serves HTTP.
    Http = 2,
}

impl Role {
    /// Name of a role's number; a vacant page has none.
    #[must_use]
    pub const fn label_of(number: u64) -> &'static str {
        match number {
            1 => "grpc",
            2 => "http",
            _ => "none",
        }
    }
}

/// Where an incarnation is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum State {
    /// Nobody has the page.
    Vacant = 0,
    /// Not listening yet.
    Starting = 1,
    /// Accepts and answers.
    Serving = 2,
    /// Ends what it has.
    Draining = 3,
    /// About to exit.
    Stopped = 4,
}

impl State {
    /// Name of a state's number.
    #[must_use]
    pub const fn label_of(number: u64) -> &'static str {
        match number {
            0 => "vacant",
            1 => "starting",
            2 => "serving",
            3 => "draining",
            4 => "stopped",
            _ => "unknown",
        }
    }
}

/// ```text
///    0  pid, role, state, acked generation, heartbeat_ns, connections, swap_ns, scripts under way
///   64  scripts waiting, (spare)
///  128  counters
/// ```
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Page {
    pub(crate) pid: AtomicU64,
    pub(crate) role: AtomicU64,
    pub(crate) state: AtomicU64,
    pub(crate) acked_generation: AtomicU64,
    pub(crate) heartbeat_ns: AtomicU64,
    pub(crate) connections: AtomicU64,
    pub(crate) swap_ns: AtomicU64,
    pub(crate) scripts: AtomicU64,
    pub(crate) scripts_waiting: AtomicU64,
    spare: [AtomicU64; 7],
    pub(crate) counters: Counters,
}

const _: () = assert!(std::mem::offset_of!(Page, counters) == 128);
const _: () = assert!(Shared::<Page>::BYTES == PAGE_BYTES);

/// ```text
///    0  sequence, (spare)
///   64  counters
/// ```
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Base {
    sequence: AtomicU64,
    spare: [AtomicU64; 7],
    counters: Counters,
}

const _: () = assert!(std::mem::offset_of!(Base, counters) == 64);
const _: () = assert!(Shared::<Base>::BYTES == PAGE_BYTES);

#[expect(
    unsafe_code,
    reason = "states what the compiler cannot check about a shared page"
)]
// SAFETY: Page is repr(C) and consists of AtomicU64 only.
unsafe impl crate::mapping::SharedLayout for Page {}

#[expect(
    unsafe_code,
    reason = "states what the compiler cannot check about a shared page"
)]
// SAFETY: Base is repr(C) and consists of AtomicU64 only.
unsafe impl crate::mapping::SharedLayout for Base {}

/// A worker's own page.
#[derive(Debug)]
pub struct WorkerSlot {
    page: Shared<Page>,
}

impl WorkerSlot {
    /// Maps page `page_index` of the slots segment and nothing else of it.
    ///
    /// # Errors
    /// `UnexpectedEof` when there is no such page, those of `open` and `mmap`.
    pub fn open(slots_name: &str, page_index: u64) -> io::Result<Self> {
        Ok(Self {
            page: Shared::open_write(slots_name, 1 + page_index)?,
        })
    }

    /// Takes the page: pid of this process, its role, state `Starting`, first heartbeat.
    pub fn occupy(&self, role: Role) {
        self.page
            .pid
            .store(u64::from(std::process::id()), Ordering::Relaxed);
        self.page.role.store(role as u64, Ordering::Relaxed);
        // Somebody may have reserved a place just when the page was cleared.
        self.page.connections.store(0, Ordering::Relaxed);
        self.set_state(State::Starting);
        self.heartbeat();
    }

    /// Says where in its life this worker is.
    pub fn set_state(&self, state: State) {
        self.page.state.store(state as u64, Ordering::Relaxed);
    }

    /// This worker now serves `generation`.
    pub fn ack(&self, generation: Generation) {
        self.page
            .acked_generation
            .store(generation.0, Ordering::Relaxed);
    }

    /// The loop turns: stores the monotonic clock.
    pub fn heartbeat(&self) {
        self.page
            .heartbeat_ns
            .store(monotonic_ns(), Ordering::Relaxed);
    }

    /// A connection was accepted or received; its place was reserved ([`Crew::reserve`]).
    pub fn connection_opened(&self) {
        add(&self.page.counters.connections_total, 1);
    }

    /// A connection was received whose place was reserved on another page: this worker's
    /// predecessor's.
    pub fn reserve_here(&self) {
        self.page.connections.fetch_add(1, Ordering::Relaxed);
    }

    /// A connection ended.
    pub fn connection_closed(&self) {
        release(&self.page);
    }

    /// A connection was passed on to another worker.
    pub fn count_handed_over(&self) {
        add(&self.page.counters.handed_over_total, 1);
    }

    /// A limit was reached: its place in [`LIMIT_LABELS`].
    pub fn count_limit(&self, limit: usize) {
        if let Some(counter) = self.page.counters.limits.get(limit) {
            add(counter, 1);
        }
    }

    /// Connections open now.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.page.connections.load(Ordering::Relaxed)
    }

    /// A connection was accepted from the socket of a vacant slot.
    pub fn count_adopted(&self) {
        add(&self.page.counters.adopted_total, 1);
    }

    /// A stream was reset by this side or by the client.
    pub fn count_reset(&self) {
        add(&self.page.counters.resets_total, 1);
    }

    /// A log line found its pipe full.
    pub fn count_log_dropped(&self) {
        add(&self.page.counters.logs_dropped_total, 1);
    }

    /// A stream held a retired segment for too long and was ended.
    pub fn count_stream_over_aged(&self) {
        add(&self.page.counters.streams_over_aged_total, 1);
    }

    /// A panic was caught at a connection.
    pub fn count_panic(&self) {
        add(&self.page.counters.panics_total, 1);
    }

    /// The worker went over to another version; `elapsed` from seeing it to serving it.
    pub fn count_swap(&self, elapsed: Duration) {
        self.page
            .swap_ns
            .store(nanoseconds(elapsed), Ordering::Relaxed);
        add(&self.page.counters.swaps_total, 1);
    }

    /// A connection was closed because its peer was too slow.
    pub fn count_timeout(&self) {
        add(&self.page.counters.timeouts_total, 1);
    }

    /// A script ended.
    pub fn count_script(&self, end: ScriptEnd) {
        add(&self.page.counters.scripts[end as usize], 1);
    }

    /// Definitions were loaded, by origin ([`crate::counters::DEFINITION_ORIGINS`]).
    pub fn count_definitions(&self, counts: [u64; 2]) {
        for (counter, count) in self.page.counters.definitions.iter().zip(counts) {
            add(counter, count);
        }
    }

    /// Scripts that did not end in their first slice, and how many of them wait for a thread.
    pub fn set_scripts(&self, under_way: usize, waiting: usize) {
        let page = &*self.page;
        page.scripts.store(under_way as u64, Ordering::Relaxed);
        page.scripts_waiting
            .store(waiting as u64, Ordering::Relaxed);
    }

    /// So many gRPC calls ended, `elapsed` after their headers were read.
    pub fn count_requests(&self, method: Method, status: Status, elapsed: Duration, count: u64) {
        self.page
            .counters
            .count_requests(method, status, elapsed, count);
    }

    /// An HTTP request ended, `elapsed` after its headers were read.
    pub fn count_http_request(&self, route: Route, status: HttpStatus, elapsed: Duration) {
        self.page
            .counters
            .count_http_request(route, status, elapsed);
    }
}

/// A place for one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The page whose connections it counts among.
    pub page: usize,
}

/// All gRPC workers, as one of them sees them: who has room for a connection. Workers of the other role pass
/// nothing on and are passed nothing.
#[derive(Debug)]
pub struct Crew {
    pages: Vec<Shared<Page>>,
    /// Page of the first of them; places are told by their number in the segment.
    first: usize,
    own: usize,
}

/// Rounds of [`Crew::reserve`]; each is lost to another worker that got its connection placed.
const RESERVE_ROUNDS_MAX: usize = 64;

impl Crew {
    /// Maps these pages, those of the gRPC workers; `own` is this worker's.
    ///
    /// # Errors
    /// `InvalidInput` when `own` is not among them, those of [`WorkerSlot::open`].
    pub fn open(slots_name: &str, pages: Range<u64>, own: u64) -> io::Result<Self> {
        if !pages.contains(&own) || pages.end > PAGES_MAX {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("there is no page {own} among {pages:?}"),
            ));
        }
        let first = pages.start;
        let pages = pages
            .map(|index| Shared::open_write(slots_name, 1 + index))
            .collect::<io::Result<_>>()?;
        Ok(Self {
            pages,
            first: first as usize,
            own: (own - first) as usize,
        })
    }

    /// Reserves a place on the serving worker with the fewest connections: this one when none has
    /// fewer, or none serves. By compare-and-swap, so that two workers never take one place.
    #[must_use = "a place is taken until it is released"]
    pub fn reserve(&self) -> Place {
        for _ in 0..RESERVE_ROUNDS_MAX {
            let (page, connections) = self.least_loaded();
            let taken = self.pages[page].connections.compare_exchange(
                connections,
                connections + 1,
                Ordering::Relaxed,
                Ordering::Relaxed,
            );
            if taken.is_ok() {
                return self.place(page);
            }
        }
        self.reserve_own()
    }

    /// Reserves a place here.
    #[must_use = "a place is taken until it is released"]
    pub fn reserve_own(&self) -> Place {
        self.pages[self.own]
            .connections
            .fetch_add(1, Ordering::Relaxed);
        self.place(self.own)
    }

    /// Gives a place back.
    pub fn release(&self, place: Place) {
        release(&self.pages[place.page - self.first]);
    }

    /// Whether a place is this worker's.
    #[must_use]
    pub const fn is_own(&self, place: Place) -> bool {
        place.page == self.first + self.own
    }

    /// Page and its connections. From this page onwards, so that ties do not all go to the first.
    fn least_loaded(&self) -> (usize, u64) {
        let own = (self.own, self.connections(self.own));
        let serving = |page: &usize| {
            let page = &self.pages[*page];
            page.role.load(Ordering::Relaxed) == Role::Grpc as u64
                && page.state.load(Ordering::Relaxed) == State::Serving as u64
        };
        let count = self.pages.len();
        (self.own..self.own + count)
            .map(|index| index % count)
            .filter(serving)
            .map(|page| (page, self.connections(page)))
            .min_by_key(|(_, connections)| *connections)
            .unwrap_or(own)
    }

    const fn place(&self, index: usize) -> Place {
        Place {
            page: self.first + index,
        }
    }

    fn connections(&self, page: usize) -> u64 {
        self.pages[page].connections.load(Ordering::Relaxed)
    }
}

/// Never below 0: a page may have been cleared under a reservation on its way.
fn release(page: &Page) {
    let less = |connections: u64| connections.checked_sub(1);
    // At 0 there is nothing to give back.
    let _ = page
        .connections
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
}

/// What one page says about its worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotState {
    /// Process id, 0 on a vacant page.
    pub pid: u64,
    /// `Role::label_of`.
    pub role: &'static str,
    /// `State::label_of`.
    pub state: &'static str,
    /// What it serves.
    pub acked_generation: Generation,
    /// Its last turn of the loop, [`monotonic_ns`].
    pub heartbeat_ns: u64,
    /// Open now.
    pub connections: u64,
    /// Accepted by this incarnation.
    pub connections_total: u64,
    /// Answered by this incarnation.
    pub requests_total: u64,
    /// Log lines that found their pipe full.
    pub logs_dropped_total: u64,
    /// Duration of its last change of version.
    pub swap_ns: u64,
}

/// The largest slots segment: two incarnations of 4096 workers.
pub const PAGES_MAX: u64 = 8192;

/// A reader that meets a fold reads again this often. A fold takes some microseconds; a supervisor that was stopped in
/// the middle of one must not stop its readers.
const READS_MAX: u32 = 1000;

/// All pages and the base, to read.
#[derive(Debug)]
pub struct SlotPages {
    pages: Vec<Shared<Page>>,
    base: Shared<Base>,
}

impl SlotPages {
    /// Maps a whole slots segment read-only.
    ///
    /// # Errors
    /// `InvalidData` for a file that is none by its length, those of `open` and `mmap`.
    pub fn open(slots_name: &str) -> io::Result<Self> {
        let bytes = open_read(slots_name)?.metadata()?.len();
        let pages = (bytes / PAGE_BYTES).saturating_sub(1);
        if bytes != segment_bytes(pages) || pages == 0 || pages > PAGES_MAX {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("{slots_name}: {bytes} bytes are no slots segment"),
            ));
        }
        Self::map(pages, |index| Shared::open_read_at(slots_name, index)).and_then(|pages| {
            Ok(Self {
                pages,
                base: Shared::open_read_at(slots_name, 0)?,
            })
        })
    }

    fn map(
        pages: u64,
        open: impl Fn(u64) -> io::Result<Shared<Page>>,
    ) -> io::Result<Vec<Shared<Page>>> {
        (1..=pages).map(open).collect()
    }

    /// Number of pages.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pages.len()
    }

    /// Never: there is at least one page.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pages.is_empty()
    }

    /// What page `page` says.
    #[must_use]
    pub fn state(&self, page: usize) -> Option<SlotState> {
        let page = self.pages.get(page)?;
        let counters = &page.counters;
        Some(SlotState {
            pid: page.pid.load(Ordering::Relaxed),
            role: Role::label_of(page.role.load(Ordering::Relaxed)),
            state: State::label_of(page.state.load(Ordering::Relaxed)),
            acked_generation: Generation(page.acked_generation.load(Ordering::Relaxed)),
            heartbeat_ns: page.heartbeat_ns.load(Ordering::Relaxed),
            connections: page.connections.load(Ordering::Relaxed),
            connections_total: counters.connections_total.load(Ordering::Relaxed),
            requests_total: counters.requests_total(),
            logs_dropped_total: counters.logs_dropped_total.load(Ordering::Relaxed),
            swap_ns: page.swap_ns.load(Ordering::Relaxed),
        })
    }

    /// Base and live pages, summed word by word in the order of `Counters`.
    pub(crate) fn counter_totals(&self) -> [u64; COUNTER_WORDS] {
        for _ in 0..READS_MAX {
            let before = self.base.sequence.load(Ordering::Acquire);
            let totals = self.sum();
            fence(Ordering::Acquire);
            if before.is_multiple_of(2) && self.base.sequence.load(Ordering::Relaxed) == before {
                return totals;
            }
            std::thread::yield_now();
        }
        self.sum()
    }

    fn sum(&self) -> [u64; COUNTER_WORDS] {
        let mut totals = [0; COUNTER_WORDS];
        let live = self.pages.iter().map(|page| &page.counters);
        for counters in std::iter::once(&self.base.counters).chain(live) {
            for (total, word) in totals.iter_mut().zip(counters.words()) {
                *total = u64::wrapping_add(*total, word.load(Ordering::Relaxed));
            }
        }
        totals
    }

    pub(crate) fn pages(&self) -> impl Iterator<Item = &Page> {
        self.pages.iter().map(|page| &**page)
    }
}

/// The supervisor's end: what every reader sees, and the pages of incarnations that are gone to be emptied.
#[derive(Debug)]
pub struct Slots(SlotPages);

impl Deref for Slots {
    type Target = SlotPages;

    fn deref(&self) -> &SlotPages {
        &self.0
    }
}

impl Slots {
    /// Allocates and maps the base and the first `pages` pages.
    ///
    /// # Errors
    /// `InvalidInput` for none or more than [`PAGES_MAX`], `UnexpectedEof` when the segment is
    /// shorter, `StorageFull`.
    pub fn open(slots_name: &str, pages: u64) -> io::Result<Self> {
        if pages == 0 || pages > PAGES_MAX {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("a slots segment has 1 to {PAGES_MAX} pages, not {pages}"),
            ));
        }
        let file = open_write(slots_name)?;
        check_length(&file, segment_bytes(pages))?;
        allocate(&file, 0, segment_bytes(pages))?;
        Ok(Self(SlotPages {
            pages: SlotPages::map(pages, |index| Shared::open_write(slots_name, index))?,
            base: Shared::open_write(slots_name, 0)?,
        }))
    }

    /// Makes a page vacant and drops its counts. For a page that never served; else [`Self::fold`].
    pub fn clear(&mut self, page: usize) -> Option<()> {
        clear(self.0.pages.get(page)?);
        Some(())
    }

    /// Adds the counters of a dead incarnation to the base and makes its page vacant: totals do
    /// not change. `&mut self`: one fold at a time.
    pub fn fold(&mut self, page: usize) -> Option<()> {
        let base = &self.0.base;
        let page = self.0.pages.get(page)?;
        let sequence = base.sequence.load(Ordering::Relaxed);
        base.sequence.store(sequence + 1, Ordering::Relaxed);
        fence(Ordering::Release);
        for (total, word) in base.counters.words().zip(page.counters.words()) {
            add(total, word.load(Ordering::Relaxed));
        }
        clear(page);
        base.sequence.store(sequence + 2, Ordering::Release);
        Some(())
    }
}

fn clear(page: &Page) {
    for word in [
        &page.pid,
        &page.role,
        &page.state,
        &page.acked_generation,
        &page.heartbeat_ns,
        &page.connections,
        &page.swap_ns,
        &page.scripts,
        &page.scripts_waiting,
    ]
    .into_iter()
    .chain(&page.spare)
    {
        word.store(0, Ordering::Relaxed);
    }
    for word in page.counters.words() {
        word.store(0, Ordering::Relaxed);
    }
}

/// `CLOCK_MONOTONIC` in nanoseconds: the same clock in every process.
#[must_use]
pub fn monotonic_ns() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    now.tv_sec.cast_unsigned() * 1_000_000_000 + now.tv_nsec.cast_unsigned()
}
