//! What came of the requests: verified, counted, measured.

use std::fmt::Write as _;
use std::rc::Rc;

use hdrhistogram::Histogram;

use crate::answers::{Answers, framed_bytes, holds, part};
use crate::connection::{Body, Ending, Judge, Request};
use crate::headers::{CatalogVersion, Fields};
use crate::report::{Failures, SeenVersion};
use crate::request::Requests;

const OK: u16 = 0;
const NOT_FOUND: u16 = 5;

const NOTES_MAX: usize = 10;
const SEEN_VERSIONS_MAX: usize = 1_000;
/// 256 MB of samples over all threads; the rest is counted as dropped.
const SAMPLES_MAX: usize = 16 << 20;
const LATENCY_NS_MAX: u64 = 120_000_000_000;

/// Counts and measurements of one thread, or of all.
pub struct Counts {
    pub latency_ns: Histogram<u64>,
    pub verified: u64,
    /// Those of them whose reply came in the measured time, whenever they were sent: what a rate is made of. (Counted by
    /// the time they were sent, a closed loop would lose a reply a stream.)
    pub verified_in_time: u64,
    pub failures: Failures,
    pub notes: Vec<String>,
    pub versions: Vec<SeenVersion>,
    /// Intended and finished.
    pub samples: Vec<(u64, u64)>,
    pub samples_dropped: u64,
}

impl Counts {
    pub fn new() -> Self {
        let mut latency_ns = Histogram::new_with_bounds(1, LATENCY_NS_MAX, 3)
            .unwrap_or_else(|_| unreachable!("constant bounds"));
        latency_ns.auto(false);
        Self {
            latency_ns,
            verified: 0,
            verified_in_time: 0,
            failures: Failures::default(),
            notes: Vec::new(),
            versions: Vec::new(),
            samples: Vec::new(),
            samples_dropped: 0,
        }
    }

    /// Adds another thread's.
    pub fn absorb(&mut self, other: Self) {
        self.latency_ns
            .add(&other.latency_ns)
            .unwrap_or_else(|_| unreachable!("the same constant bounds"));
        self.verified += other.verified;
        self.verified_in_time += other.verified_in_time;
        self.failures.add(&other.failures);
        self.notes.extend(other.notes);
        self.notes.truncate(NOTES_MAX);
        for seen in other.versions {
            let known = |known: &&mut SeenVersion| known.version == seen.version;
            if let Some(known) = self.versions.iter_mut().find(known) {
                known.replies += seen.replies;
                known.first_ns = known.first_ns.min(seen.first_ns);
                known.last_ns = known.last_ns.max(seen.last_ns);
            } else if self.versions.len() < SEEN_VERSIONS_MAX {
                self.versions.push(seen);
            }
        }
        self.versions.sort_by_key(|seen| seen.first_ns);
        self.samples.extend(other.samples);
        self.samples_dropped += other.samples_dropped;
    }

    /// Keeps a line for the report, the first few.
    pub fn note(&mut self, text: String) {
        if self.notes.len() < NOTES_MAX {
            self.notes.push(text);
        }
    }
}

/// One thread's judgement of replies.
pub struct Tally<'a> {
    pub counts: Counts,
    answers: &'a Answers<'a>,
    requests: &'a Requests,
    /// Requests intended earlier are verified and not measured.
    measured_from_ns: u64,
    measured_until_ns: u64,
    samples_max: Option<usize>,
    source: Source,
}

/// The headers of the last reply, looked up: those of the next one are mostly the same.
struct Source {
    headers: Rc<Fields>,
    /// The number of the version among those expected.
    version: Option<usize>,
    /// Its place in [`Counts::versions`], once a reply of it was verified.
    seen: Option<usize>,
}

impl<'a> Tally<'a> {
    /// `threads`: that share the room for samples, if any are kept.
    pub fn new(
        answers: &'a Answers<'a>,
        requests: &'a Requests,
        keep_samples: bool,
        threads: u32,
    ) -> Self {
        Self {
            counts: Counts::new(),
            answers,
            requests,
            measured_from_ns: u64::MAX,
            measured_until_ns: u64::MAX,
            samples_max: keep_samples.then_some(SAMPLES_MAX / threads.max(1) as usize),
            source: Source {
                headers: Rc::default(),
                version: None,
                seen: None,
            },
        }
    }

    /// Sets which requests are measured, by intended time.
    pub fn measure(&mut self, from_ns: u64, until_ns: u64) {
        self.measured_from_ns = from_ns;
        self.measured_until_ns = until_ns;
    }

    /// Whether a request intended then is measured.
    pub fn measured(&self, intended_ns: u64) -> bool {
        (self.measured_from_ns..self.measured_until_ns).contains(&intended_ns)
    }

    /// To judge what was read at this time.
    pub fn at(&mut self, now_ns: u64) -> TallyAt<'_, 'a> {
        TallyAt {
            tally: self,
            now_ns,
        }
    }

    /// The number of the version that these headers name.
    fn version(&mut self, headers: &Rc<Fields>) -> Option<usize> {
        if !Rc::ptr_eq(&self.source.headers, headers) {
            let Answers::Grpc { expected, .. } = self.answers else {
                return None;
            };
            let digest = headers.version.as_ref().map(CatalogVersion::digest);
            self.source = Source {
                headers: Rc::clone(headers),
                version: digest.and_then(|digest| expected.version(digest)),
                seen: None,
            };
        }
        self.source.version
    }

    fn grpc_answer(
        &mut self,
        request: Request,
        headers: &Rc<Fields>,
        status: &Fields,
        body: Body,
        now_ns: u64,
    ) {
        let (true, Some(200), Some(version)) =
            (headers.is_grpc, headers.http_status, &headers.version)
        else {
            let what = format!(
                "HTTP {:?}, grpc-status {:?}",
                headers.http_status, status.grpc_status
            );
            self.counts.failures.wrong_headers += 1;
            return self.note(request, "no gRPC reply with a version", &what);
        };
        let (Some(number), Answers::Grpc { messages, .. }) = (self.version(headers), self.answers)
        else {
            self.counts.failures.wrong_version += 1;
            return self.note(request, "from a version nobody expects", &version.text);
        };
        let message = messages[number][request.name as usize];
        if status.grpc_status != Some(if message.is_some() { OK } else { NOT_FOUND }) {
            self.counts.failures.wrong_status += 1;
            return self.note(request, "grpc-status", &format!("{:?}", status.grpc_status));
        }
        if !body.right || body.bytes != framed_bytes(message) {
            self.counts.failures.wrong_bytes += 1;
            let what = "bytes that this version does not hold:";
            return self.note(request, what, &version.text);
        }
        self.seen(version, now_ns);
        self.verified(request, now_ns);
    }

    fn http_answer(&mut self, request: Request, status: Option<u16>, body: Body, now_ns: u64) {
        let Answers::Http(http) = self.answers else {
            return;
        };
        if status != Some(http.status) {
            self.counts.failures.wrong_status += 1;
            return self.note(request, "HTTP status", &format!("{status:?}"));
        }
        let expected_bytes = http.expected.as_ref().map_or(body.bytes, String::len);
        if !body.right || body.bytes != expected_bytes {
            self.counts.failures.wrong_bytes += 1;
            let what = "a body that is not the expected one, of so many bytes:";
            return self.note(request, what, &body.bytes.to_string());
        }
        self.verified(request, now_ns);
    }

    fn verified(&mut self, request: Request, now_ns: u64) {
        let in_time = self.measured(now_ns);
        let counts = &mut self.counts;
        counts.verified += 1;
        counts.verified_in_time += u64::from(in_time);
        if !self.measured(request.intended_ns) {
            return;
        }
        let counts = &mut self.counts;
        counts
            .latency_ns
            .saturating_record(now_ns.saturating_sub(request.intended_ns));
        match self.samples_max {
            Some(most) if counts.samples.len() < most => {
                counts.samples.push((request.intended_ns, now_ns));
            }
            Some(_) => counts.samples_dropped += 1,
            None => {}
        }
    }

    fn seen(&mut self, version: &CatalogVersion, now_ns: u64) {
        let versions = &mut self.counts.versions;
        if self.source.seen.is_none() {
            self.source.seen = versions
                .iter()
                .position(|seen| seen.version == version.text);
        }
        if let Some(seen) = self.source.seen {
            versions[seen].replies += 1;
            versions[seen].last_ns = now_ns;
        } else if versions.len() < SEEN_VERSIONS_MAX {
            self.source.seen = Some(versions.len());
            versions.push(SeenVersion {
                version: version.text.clone(),
                replies: 1,
                first_ns: now_ns,
                last_ns: now_ns,
            });
        }
    }

    #[cold]
    fn note(&mut self, request: Request, what: &str, detail: &str) {
        if self.counts.notes.len() < NOTES_MAX {
            let mut text = format!("{:?}: {what}", self.requests.names[request.name as usize]);
            if !detail.is_empty() {
                let _ = write!(text, " {detail}");
            }
            self.counts.note(text);
        }
    }
}

/// A tally at the time when something was read.
pub struct TallyAt<'t, 'a> {
    tally: &'t mut Tally<'a>,
    now_ns: u64,
}

impl Judge for TallyAt<'_, '_> {
    fn agrees(&mut self, request: Request, headers: &Rc<Fields>, at: usize, piece: &[u8]) -> bool {
        match self.tally.answers {
            Answers::Grpc { messages, .. } => match self.tally.version(headers) {
                Some(number) => holds(messages[number][request.name as usize], at, piece),
                None => false,
            },
            Answers::Http(http) => match &http.expected {
                Some(expected) => part(expected.as_bytes(), at, piece),
                None => true,
            },
        }
    }

    fn finished(&mut self, request: Request, ending: Ending<'_>) {
        let (tally, now_ns) = (&mut *self.tally, self.now_ns);
        let failures = &mut tally.counts.failures;
        match ending {
            Ending::Answer {
                headers,
                status,
                body,
            } => match tally.answers {
                Answers::Grpc { .. } => tally.grpc_answer(request, headers, status, body, now_ns),
                Answers::Http(_) => tally.http_answer(request, headers.http_status, body, now_ns),
            },
            Ending::Reset(code) => {
                failures.reset += 1;
                tally.note(request, "reset with code", &code.to_string());
            }
            Ending::Refused => {
                failures.refused += 1;
                tally.note(request, "refused by GOAWAY", "");
            }
            Ending::Lost => {
                failures.lost += 1;
                tally.note(request, "the connection ended first", "");
            }
            Ending::TimedOut => {
                failures.timed_out += 1;
                tally.note(request, "no reply in time", "");
            }
        }
    }
}
