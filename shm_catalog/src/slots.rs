//! Worker slots: one page for each incarnation of a worker, written by that worker alone, read by
//! the supervisor at any time.
//!
//! Every field is an atomic and every access is relaxed: the fields are independent numbers, and
//! nothing is concluded about memory from any of them. `connections` is a read-modify-write,
//! because another worker may reserve a place here before it passes a connection on ([`Crew`]).

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::ids::Generation;
use crate::mapping::{PAGE, Shared, allocate, check_length, open_write};

/// Bytes of one worker slot; a slots segment is a whole number of them.
pub const PAGE_BYTES: u64 = PAGE;

/// What was asked for, as in `avap_requests_total{method}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Method {
    /// One command by name.
    GetCommand,
    /// The whole catalogue.
    SyncCatalog,
    /// `grpc.health.v1` Check.
    HealthCheck,
    /// `grpc.health.v1` Watch.
    HealthWatch,
    /// Anything else.
    Other,
}

impl Method {
    /// In the order of their numbers.
    pub const ALL: [Self; 5] = [
        Self::GetCommand,
        Self::SyncCatalog,
        Self::HealthCheck,
        Self::HealthWatch,
        Self::Other,
    ];

    /// The label's value.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::GetCommand => "GetCommand",
            Self::SyncCatalog => "SyncCatalog",
            Self::HealthCheck => "HealthCheck",
            Self::HealthWatch => "HealthWatch",
            Self::Other => "other",
        }
    }
}

/// How it ended, as in `avap_requests_total{status}`: the gRPC status under its HTTP-like label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Status {
    /// gRPC `OK`.
    Ok,
    /// gRPC `INVALID_ARGUMENT`.
    InvalidArgument,
    /// gRPC `UNAUTHENTICATED`.
    Unauthenticated,
    /// gRPC `NOT_FOUND`.
    NotFound,
    /// gRPC `RESOURCE_EXHAUSTED`.
    ResourceExhausted,
    /// gRPC `INTERNAL`.
    Internal,
    /// gRPC `UNIMPLEMENTED`.
    Unimplemented,
    /// gRPC `UNAVAILABLE`.
    Unavailable,
    /// gRPC `DEADLINE_EXCEEDED`.
    DeadlineExceeded,
}

impl Status {
    /// In the order of their numbers.
    pub const ALL: [Self; 9] = [
        Self::Ok,
        Self::InvalidArgument,
        Self::Unauthenticated,
        Self::NotFound,
        Self::ResourceExhausted,
        Self::Internal,
        Self::Unimplemented,
        Self::Unavailable,
        Self::DeadlineExceeded,
    ];

    /// The label's value.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Ok => "200",
            Self::InvalidArgument => "400",
            Self::Unauthenticated => "401",
            Self::NotFound => "404",
            Self::ResourceExhausted => "429",
            Self::Internal => "500",
            Self::Unimplemented => "501",
            Self::Unavailable => "503",
            Self::DeadlineExceeded => "504",
        }
    }
}

/// What a worker process is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum Role {
    /// Serves gRPC.
    Grpc = 1,
}

impl Role {
    /// Name of a role's number; a vacant page has none.
    #[must_use]
    pub const fn label_of(number: u64) -> &'static str {
        match number {
            1 => "grpc",
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

/// What a connection of the gRPC engine can run into, as in `avap_limits_reached_total{limit}`.
pub const LIMIT_LABELS: [&str; 15] = [
    "streams",
    "header_list",
    "continuations",
    "message",
    "peer_resets",
    "own_resets",
    "pings",
    "settings",
    "empty_frames",
    "queued_bytes",
    "zero_window",
    "preface",
    "request",
    "idle",
    "age",
];

/// Upper bounds of the latency buckets in nanoseconds, 10 µs to 10 s; one more bucket lies above.
pub const LATENCY_BOUNDS_NS: [u64; 19] = [
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    2_500_000_000,
    5_000_000_000,
    10_000_000_000,
];

/// Buckets of a latency histogram, the unbounded last one included.
pub const LATENCY_BUCKETS: usize = LATENCY_BOUNDS_NS.len() + 1;

/// Durations: how many fell into each bucket (not cumulative), and their sum.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Histogram {
    pub(crate) sum_ns: AtomicU64,
    pub(crate) buckets: [AtomicU64; LATENCY_BUCKETS],
}

/// Everything that counts up: folded into a base when the incarnation is gone.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Counters {
    pub(crate) connections_total: AtomicU64,
    pub(crate) adopted_total: AtomicU64,
    pub(crate) resets_total: AtomicU64,
    pub(crate) logs_dropped_total: AtomicU64,
    pub(crate) streams_over_aged_total: AtomicU64,
    pub(crate) swaps_total: AtomicU64,
    pub(crate) panics_total: AtomicU64,
    pub(crate) handed_over_total: AtomicU64,
    pub(crate) limits: [AtomicU64; LIMIT_LABELS.len()],
    pub(crate) requests: [[AtomicU64; Status::ALL.len()]; Method::ALL.len()],
    pub(crate) latency: [Histogram; Method::ALL.len()],
}

/// Words of [`Counters`]: the shape of a base.
pub const COUNTER_WORDS: usize = size_of::<Counters>() / 8;

/// ```text
///    0  pid, role, state, acked generation, heartbeat_ns, connections, swap_ns, (spare)
///   64  counters
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
    spare: AtomicU64,
    pub(crate) counters: Counters,
}

const _: () = assert!(std::mem::offset_of!(Page, counters) == 64);
const _: () = assert!(size_of::<Page>() as u64 <= PAGE_BYTES);
const _: () = assert!(size_of::<Counters>() == COUNTER_WORDS * 8);

#[expect(
    unsafe_code,
    reason = "states what the compiler cannot check about a shared page"
)]
// SAFETY: Page is repr(C), consists of AtomicU64 only, and is asserted to fit one page.
unsafe impl crate::mapping::SharedLayout for Page {}

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
            page: Shared::open_write(slots_name, page_index)?,
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

    /// So many requests ended, `elapsed` after their headers were read.
    pub fn count_requests(&self, method: Method, status: Status, elapsed: Duration, count: u64) {
        let elapsed_ns = nanoseconds(elapsed);
        let counters = &self.page.counters;
        add(&counters.requests[method as usize][status as usize], count);
        let latency = &counters.latency[method as usize];
        let bucket = LATENCY_BOUNDS_NS
            .iter()
            .position(|bound| elapsed_ns <= *bound);
        add(
            &latency.buckets[bucket.unwrap_or(LATENCY_BUCKETS - 1)],
            count,
        );
        add(&latency.sum_ns, elapsed_ns.saturating_mul(count));
    }
}

/// A place for one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The page whose connections it counts among.
    pub page: usize,
}

/// All workers, as one of them sees them: who has room for a connection.
#[derive(Debug)]
pub struct Crew {
    pages: Vec<Shared<Page>>,
    own: usize,
}

/// Rounds of [`Crew::reserve`]; each is lost to another worker that got its connection placed.
const RESERVE_ROUNDS_MAX: usize = 64;

impl Crew {
    /// Maps the first `pages` pages; `own` is this worker's.
    ///
    /// # Errors
    /// `InvalidInput` when `own` is not among them, those of [`WorkerSlot::open`].
    pub fn open(slots_name: &str, pages: u64, own: u64) -> io::Result<Self> {
        if own >= pages || pages > PAGES_MAX {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("there is no page {own} among {pages}"),
            ));
        }
        let pages = (0..pages)
            .map(|index| Shared::open_write(slots_name, index))
            .collect::<io::Result<_>>()?;
        Ok(Self {
            pages,
            own: own as usize,
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
                return Place { page };
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
        Place { page: self.own }
    }

    /// Gives a place back.
    pub fn release(&self, place: Place) {
        release(&self.pages[place.page]);
    }

    /// Whether a place is this worker's.
    #[must_use]
    pub const fn is_own(&self, place: Place) -> bool {
        place.page == self.own
    }

    /// Page and its connections. From this page onwards, so that ties do not all go to the first.
    fn least_loaded(&self) -> (usize, u64) {
        let own = (self.own, self.connections(self.own));
        let serving =
            |page: &usize| self.pages[*page].state.load(Ordering::Relaxed) == State::Serving as u64;
        let count = self.pages.len();
        (self.own..self.own + count)
            .map(|index| index % count)
            .filter(serving)
            .map(|page| (page, self.connections(page)))
            .min_by_key(|(_, connections)| *connections)
            .unwrap_or(own)
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

/// The supervisor's end: all pages, and the counters of incarnations that are gone.
#[derive(Debug)]
pub struct Slots {
    pages: Vec<Shared<Page>>,
    base: [u64; COUNTER_WORDS],
}

/// The largest slots segment: two incarnations of 4096 workers.
pub const PAGES_MAX: u64 = 8192;

impl Slots {
    /// Allocates and maps the first `pages` pages.
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
        check_length(&file, pages * PAGE_BYTES)?;
        allocate(&file, 0, pages * PAGE_BYTES)?;
        let pages = (0..pages)
            .map(|index| Shared::open_write(slots_name, index))
            .collect::<io::Result<_>>()?;
        Ok(Self {
            pages,
            base: [0; COUNTER_WORDS],
        })
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

    /// Makes a page vacant and drops its counts. For a page that never served; else [`Self::fold`].
    pub fn clear(&mut self, page: usize) -> Option<()> {
        clear(self.pages.get(page)?);
        Some(())
    }

    /// Adds the counters of a dead incarnation to the base and makes its page vacant: totals do
    /// not change. `&mut self`, so no sample falls between the two.
    pub fn fold(&mut self, page: usize) -> Option<()> {
        let page = self.pages.get(page)?;
        for (total, word) in self.base.iter_mut().zip(counter_words(&page.counters)) {
            *total = total.wrapping_add(word.load(Ordering::Relaxed));
        }
        clear(page);
        Some(())
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
            requests_total: counters
                .requests
                .iter()
                .flatten()
                .map(|word| word.load(Ordering::Relaxed))
                .sum(),
            logs_dropped_total: counters.logs_dropped_total.load(Ordering::Relaxed),
            swap_ns: page.swap_ns.load(Ordering::Relaxed),
        })
    }

    /// Base and live pages, summed word by word in the order of `Counters`.
    pub(crate) fn counter_totals(&self) -> [u64; COUNTER_WORDS] {
        let mut totals = self.base;
        for page in &self.pages {
            for (total, word) in totals.iter_mut().zip(counter_words(&page.counters)) {
                *total = total.wrapping_add(word.load(Ordering::Relaxed));
            }
        }
        totals
    }

    pub(crate) fn pages(&self) -> impl Iterator<Item = &Page> {
        self.pages.iter().map(|page| &**page)
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
        &page.spare,
    ] {
        word.store(0, Ordering::Relaxed);
    }
    for word in counter_words(&page.counters) {
        word.store(0, Ordering::Relaxed);
    }
}

/// Every counter, in the order of the struct.
fn counter_words(counters: &Counters) -> impl Iterator<Item = &AtomicU64> {
    let Counters {
        connections_total,
        adopted_total,
        resets_total,
        logs_dropped_total,
        streams_over_aged_total,
        swaps_total,
        panics_total,
        handed_over_total,
        limits,
        requests,
        latency,
    } = counters;
    [
        connections_total,
        adopted_total,
        resets_total,
        logs_dropped_total,
        streams_over_aged_total,
        swaps_total,
        panics_total,
        handed_over_total,
    ]
    .into_iter()
    .chain(limits)
    .chain(requests.iter().flatten())
    .chain(
        latency
            .iter()
            .flat_map(|histogram| std::iter::once(&histogram.sum_ns).chain(&histogram.buckets)),
    )
}

/// Counters of a page have one writer, its worker's loop: a load and a store, a third of what a
/// locked instruction costs.
fn add(counter: &AtomicU64, amount: u64) {
    let sum = counter.load(Ordering::Relaxed).wrapping_add(amount);
    counter.store(sum, Ordering::Relaxed);
}

fn nanoseconds(elapsed: Duration) -> u64 {
    u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX)
}

/// `CLOCK_MONOTONIC` in nanoseconds: the same clock in every process.
#[must_use]
pub fn monotonic_ns() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    now.tv_sec.cast_unsigned() * 1_000_000_000 + now.tv_nsec.cast_unsigned()
}
