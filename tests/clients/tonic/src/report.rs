//! What a run found, in the form that the clients share.

use std::collections::BTreeMap;
use std::time::Instant;

use serde::Serialize;

use crate::plan::{Call, Kind};

const SAMPLES_MAX: usize = 20;

#[derive(Serialize)]
struct CallError {
    kind: &'static str,
    code: String,
    message: String,
}

#[derive(Serialize)]
struct Mismatch {
    kind: &'static str,
    name: String,
    what: String,
}

#[derive(Serialize)]
struct GoneBack {
    connection: usize,
    from: u64,
    to: u64,
}

/// The counts and the first examples of what was wrong.
#[derive(Serialize)]
pub struct Report {
    #[serde(skip)]
    started: Instant,
    client: &'static str,
    calls: u64,
    hit: u64,
    miss: u64,
    wrong_key: u64,
    sync: u64,
    errors: Vec<CallError>,
    error_count: u64,
    error_codes: BTreeMap<String, u64>,
    mismatches: Vec<Mismatch>,
    mismatch_count: u64,
    generation_went_back: u64,
    went_back: Vec<GoneBack>,
    digests: BTreeMap<String, u64>,
    last_generation: u64,
    health: BTreeMap<&'static str, String>,
    seconds: f64,
}

impl Report {
    pub fn new() -> Self {
        Self {
            started: Instant::now(),
            client: "tonic",
            calls: 0,
            hit: 0,
            miss: 0,
            wrong_key: 0,
            sync: 0,
            errors: Vec::new(),
            error_count: 0,
            error_codes: BTreeMap::new(),
            mismatches: Vec::new(),
            mismatch_count: 0,
            generation_went_back: 0,
            went_back: Vec::new(),
            digests: BTreeMap::new(),
            last_generation: 0,
            health: BTreeMap::new(),
            seconds: 0.0,
        }
    }

    /// A call is being made.
    pub fn begin(&mut self) {
        self.calls += 1;
    }

    /// It was answered as it should be.
    pub fn right(&mut self, kind: Kind) {
        *match kind {
            Kind::Hit => &mut self.hit,
            Kind::Miss => &mut self.miss,
            Kind::WrongKey => &mut self.wrong_key,
            Kind::Sync => &mut self.sync,
        } += 1;
    }

    /// It got no answer.
    pub fn error(&mut self, kind: &'static str, code: String, message: String) {
        self.error_count += 1;
        *self.error_codes.entry(code.clone()).or_default() += 1;
        if self.errors.len() < SAMPLES_MAX {
            let error = CallError {
                kind,
                code,
                message,
            };
            self.errors.push(error);
        }
    }

    /// Its answer is not what its version says.
    pub fn mismatch(&mut self, call: &Call, what: String) {
        self.mismatch_count += 1;
        if self.mismatches.len() < SAMPLES_MAX {
            let name = call.name.clone();
            self.mismatches.push(Mismatch {
                kind: call.kind.name(),
                name,
                what,
            });
        }
    }

    /// A reply named its version.
    pub fn version(&mut self, generation: u64, digest: &str) {
        *self.digests.entry(digest.to_owned()).or_default() += 1;
        self.last_generation = self.last_generation.max(generation);
    }

    /// A connection saw an older generation than before.
    pub fn back(&mut self, connection: usize, from: u64, to: u64) {
        self.generation_went_back += 1;
        if self.went_back.len() < SAMPLES_MAX {
            self.went_back.push(GoneBack {
                connection,
                from,
                to,
            });
        }
    }

    /// What the health probe was told.
    pub fn health(&mut self, answers: BTreeMap<&'static str, String>) {
        for (service, answer) in &answers {
            if answer != "SERVING" {
                self.error("health", answer.clone(), (*service).to_owned());
            }
        }
        self.health = answers;
    }

    /// As JSON.
    pub fn print(&self) -> serde_json::Result<String> {
        let mut text = serde_json::to_value(self)?;
        text["seconds"] = self.started.elapsed().as_secs_f64().into();
        serde_json::to_string(&text)
    }
}
