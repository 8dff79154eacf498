//! What came of the requests: verified, counted, measured.

use std::fmt::Write as _;

use hdrhistogram::Histogram;

use crate::connection::{Ending, Request};
use crate::expected::Expected;
use crate::headers::CatalogVersion;
use crate::plan::Method;
use crate::report::{Failures, SeenVersion};
use crate::request::Requests;

const OK: u16 = 0;
const NOT_FOUND: u16 = 5;
/// Uncompressed flag and length before a message.
pub const PREFIX_BYTES: usize = 5;

const NOTES_MAX: usize = 10;
const SEEN_VERSIONS_MAX: usize = 1_000;
/// 256 MB of samples; the rest is counted as dropped.
const SAMPLES_MAX: usize = 16 << 20;
const LATENCY_NS_MAX: u64 = 120_000_000_000;

/// Counts and measurements of a run.
pub struct Tally<'a> {
    method: Method,
    expected: &'a Expected,
    requests: &'a Requests,
    /// Requests intended earlier are verified and not measured.
    measured_from_ns: u64,
    measured_until_ns: u64,
    keep_samples: bool,
    pub latency_ns: Histogram<u64>,
    pub verified: u64,
    /// Of the measured ones, those that were finished before the measurement's end.
    pub verified_in_time: u64,
    pub failures: Failures,
    pub notes: Vec<String>,
    pub versions: Vec<SeenVersion>,
    pub samples: Vec<(u64, u64)>,
    pub samples_dropped: u64,
}

impl<'a> Tally<'a> {
    pub fn new(
        method: Method,
        expected: &'a Expected,
        requests: &'a Requests,
        keep_samples: bool,
    ) -> Self {
        let mut latency_ns = Histogram::new_with_bounds(1, LATENCY_NS_MAX, 3)
            .unwrap_or_else(|_| unreachable!("constant bounds"));
        latency_ns.auto(false);
        Self {
            method,
            expected,
            requests,
            measured_from_ns: u64::MAX,
            measured_until_ns: u64::MAX,
            keep_samples,
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

    /// Sets which requests are measured, by intended time.
    pub fn measure(&mut self, from_ns: u64, until_ns: u64) {
        self.measured_from_ns = from_ns;
        self.measured_until_ns = until_ns;
    }

    /// Whether a request intended then is measured.
    pub fn measured(&self, intended_ns: u64) -> bool {
        (self.measured_from_ns..self.measured_until_ns).contains(&intended_ns)
    }

    /// Takes a finished request.
    pub fn finished(&mut self, request: Request, ending: &Ending<'_>, now_ns: u64) {
        match ending {
            Ending::Answer {
                headers,
                status,
                body,
            } => {
                let Some(version) = headers
                    .version
                    .as_ref()
                    .filter(|_| headers.is_grpc && headers.http_status == Some(200))
                else {
                    let what = format!(
                        "HTTP {:?}, grpc-status {:?}",
                        headers.http_status, status.grpc_status
                    );
                    self.failures.wrong_headers += 1;
                    return self.note(request, "no gRPC reply with a version", &what);
                };
                self.answer(request, version, status.grpc_status, body, now_ns);
            }
            Ending::Reset(code) => {
                self.failures.reset += 1;
                self.note(request, "reset with code", &code.to_string());
            }
            Ending::Refused => {
                self.failures.refused += 1;
                self.note(request, "refused by GOAWAY", "");
            }
            Ending::Lost => {
                self.failures.lost += 1;
                self.note(request, "the connection ended first", "");
            }
            Ending::TimedOut => {
                self.failures.timed_out += 1;
                self.note(request, "no reply in time", "");
            }
        }
    }

    /// Keeps a line for the report, the first few.
    pub fn note_text(&mut self, text: String) {
        if self.notes.len() < NOTES_MAX {
            self.notes.push(text);
        }
    }

    fn answer(
        &mut self,
        request: Request,
        version: &CatalogVersion,
        status: Option<u16>,
        body: &[u8],
        now_ns: u64,
    ) {
        let Some(number) = self.expected.version(version.digest()) else {
            self.failures.wrong_version += 1;
            return self.note(request, "from a version nobody expects", &version.text);
        };
        let message = match self.method {
            Method::GetCommand => self
                .expected
                .record(number, &self.requests.names[request.name as usize]),
            Method::SyncCatalog => self.expected.catalog(number),
        };
        if status != Some(if message.is_some() { OK } else { NOT_FOUND }) {
            self.failures.wrong_status += 1;
            return self.note(request, "grpc-status", &format!("{status:?}"));
        }
        if !carries(body, message) {
            self.failures.wrong_bytes += 1;
            return self.note(
                request,
                "bytes that this version does not hold:",
                &version.text,
            );
        }
        self.seen(version, now_ns);
        self.verified += 1;
        if self.measured(request.intended_ns) {
            self.verified_in_time += u64::from(now_ns < self.measured_until_ns);
            self.latency_ns
                .saturating_record(now_ns.saturating_sub(request.intended_ns));
            if self.keep_samples {
                if self.samples.len() < SAMPLES_MAX {
                    self.samples.push((request.intended_ns, now_ns));
                } else {
                    self.samples_dropped += 1;
                }
            }
        }
    }

    fn seen(&mut self, version: &CatalogVersion, now_ns: u64) {
        // Newest last: after a swap the old one may come a few times more.
        if let Some(seen) = self
            .versions
            .iter_mut()
            .rev()
            .find(|seen| seen.version == version.text)
        {
            seen.replies += 1;
            seen.last_ns = now_ns;
        } else if self.versions.len() < SEEN_VERSIONS_MAX {
            self.versions.push(SeenVersion {
                version: version.text.clone(),
                replies: 1,
                first_ns: now_ns,
                last_ns: now_ns,
            });
        }
    }

    fn note(&mut self, request: Request, what: &str, detail: &str) {
        if self.notes.len() < NOTES_MAX {
            let mut text = format!("{:?}: {what}", self.requests.names[request.name as usize]);
            if !detail.is_empty() {
                let _ = write!(text, " {detail}");
            }
            self.note_text(text);
        }
    }
}

/// Whether a body is exactly this message, or nothing when there is none.
fn carries(body: &[u8], expected: Option<&[u8]>) -> bool {
    let Some(expected) = expected else {
        return body.is_empty();
    };
    let Some((prefix, message)) = body.split_first_chunk::<PREFIX_BYTES>() else {
        return false;
    };
    let [0, length @ ..] = *prefix else {
        return false;
    };
    u32::from_be_bytes(length) as usize == expected.len() && message == expected
}
