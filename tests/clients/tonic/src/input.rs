//! What the client is told to do.

use std::collections::HashMap;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Deserializer};

/// The input, as ../README.md lists it.
#[derive(Deserialize)]
pub struct Input {
    pub target: String,
    pub key: String,
    pub calls: i64,
    pub connections: usize,
    pub concurrency: usize,
    #[serde(default = "one")]
    pub seed: u32,
    pub mix: HashMap<String, f64>,
    #[serde(default)]
    pub wire: Wire,
    pub versions: Vec<Version>,
    #[serde(default = "deadline_s")]
    pub deadline_s: f64,
    #[serde(default = "call_timeout_s")]
    pub call_timeout_s: f64,
    #[serde(default)]
    pub wait_for_ready: bool,
    #[serde(default)]
    pub until_stdin_closes: bool,
}

/// Which of the two forms is spoken.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Wire {
    #[default]
    Standard,
    Lite,
}

/// What the appliance may answer from one version.
#[derive(Deserialize)]
pub struct Version {
    pub digest: String,
    #[serde(deserialize_with = "texts")]
    pub commands: HashMap<String, Vec<u8>>,
    #[serde(default, deserialize_with = "maybe_text")]
    pub sync_body: Option<Vec<u8>>,
}

fn one() -> u32 {
    1
}

fn deadline_s() -> f64 {
    120.0
}

fn call_timeout_s() -> f64 {
    10.0
}

fn texts<'de, D: Deserializer<'de>>(from: D) -> Result<HashMap<String, Vec<u8>>, D::Error> {
    HashMap::<String, String>::deserialize(from)?
        .into_iter()
        .map(|(name, text)| Ok((name, decoded(&text)?)))
        .collect()
}

fn maybe_text<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<u8>>, D::Error> {
    Option::<String>::deserialize(from)?
        .map(|text| decoded(&text))
        .transpose()
}

fn decoded<E: serde::de::Error>(text: &str) -> Result<Vec<u8>, E> {
    BASE64_STANDARD.decode(text).map_err(E::custom)
}
