//! The generator against queueing theory: rate and mean latency on a queue with one server, within 5 %.
//!
//! With random arrivals the mean of a few hundred requests is some percent off the mean of all. So
//! the draws are started from where that sample, computed by Lindley's recursion (1952), has the mean
//! of the theory; the rest is the generator's own error. Noise of the host only ever adds, so the best
//! of a few attempts counts.

use crate::arrivals::Arrivals;
use crate::expected::{Expected, encode_catalog};
use crate::limited_server::{LimitedServer, Service};
use crate::plan::Plan;
use crate::report::Report;
use crate::run;

const DIGEST: &str = "0123456789abcdef0123456789abcdef";
const OFF_MAX: f64 = 0.05;
const ATTEMPTS: usize = 4;

struct Measured {
    report: Report,
    /// The mean, without what the server overslept.
    latency_s: f64,
}

fn plan(target: &str, settings: &str) -> Plan {
    let json = format!(
        r#"{{"target": "{target}", "versions": [{{"digest": "{DIGEST}", "catalog": ""}}], "connections": 1, {settings}}}"#
    );
    serde_json::from_str(&json).unwrap()
}

fn measure(service: Service, settings: &str) -> Measured {
    let expected = Expected::of(&[(DIGEST, encode_catalog(&[("a", "1")]))]);
    let record = expected.record(0, "a").unwrap();
    let server = LimitedServer::start(&format!("7-{DIGEST}"), record, service);
    let plan = plan(&server.address.to_string(), settings);
    let report = run(&plan, &expected, &mut || false).unwrap();
    assert!(report.clean, "{report:?}");
    let latency_s = report.latency_us.mean / 1e6 - server.overslept_s();
    Measured { report, latency_s }
}

/// Measures until both agree with the theory, or attempts are used up.
fn check(service: Service, settings: &str, rate: f64, latency_s: f64) {
    let mut seen = Vec::new();
    for _ in 0..ATTEMPTS {
        let measured = measure(service, settings);
        let off = |value: f64, theory: f64| (value / theory - 1.0).abs();
        if off(measured.report.rate, rate) <= OFF_MAX
            && off(measured.latency_s, latency_s) <= OFF_MAX
        {
            return;
        }
        seen.push((measured.report.rate, measured.latency_s));
    }
    panic!("theory: {rate}/s, {latency_s} s; measured: {seen:?}");
}

/// Requests and their mean time in the system, by Lindley's recursion over the arrivals of a plan.
fn lindley(plan: &Plan, service: Service, requests_max: usize) -> (usize, f64) {
    let mut arrivals = Arrivals::new(plan, 0, 0).unwrap();
    let mut service_s = service.times_s();
    let (mut free_at_s, mut total_s, mut requests) = (0.0_f64, 0.0, 0);
    while requests < requests_max && (arrivals.next_ns() as f64) < plan.duration_s * 1e9 {
        let arrived_s = arrivals.next_ns() as f64 / 1e9;
        arrivals.advance();
        free_at_s = free_at_s.max(arrived_s) + service_s();
        total_s += free_at_s - arrived_s;
        requests += 1;
    }
    (requests, total_s / requests as f64)
}

const LAMBDA: f64 = 25.0;
const SERVICE_S: f64 = 0.020;
const DURATION_S: f64 = 8.0;

fn poisson(seed: u64, duration_s: f64) -> String {
    format!(
        r#""streams": 500, "rate": {LAMBDA}, "arrivals": "poisson", "seed": {seed}, "duration_s": {duration_s}"#
    )
}

/// Where to start the draws from, so that the sample has the rate and the mean of the theory to half a percent.
fn typical(service: impl Fn(u64) -> Service, latency_s: f64) -> u64 {
    let fits = |seed: &u64| {
        let plan = plan("127.0.0.1:1", &poisson(*seed, DURATION_S));
        let (requests, mean_s) = lindley(&plan, service(*seed), usize::MAX);
        (requests as f64 / (LAMBDA * DURATION_S) - 1.0).abs() <= 0.005
            && (mean_s / latency_s - 1.0).abs() <= 0.005
    };
    (0..100_000).find(fits).unwrap()
}

/// The formula of Pollaczek and Khinchine for half load and constant service.
const MD1_S: f64 = SERVICE_S * (1.0 + 0.5 / (2.0 * (1.0 - 0.5)));
/// 1 / (μ − λ).
const MM1_S: f64 = 1.0 / (1.0 / SERVICE_S - LAMBDA);

#[test]
fn arrivals_that_are_generated_long_enough_have_the_waits_of_the_theory() {
    for (service, latency_s) in [
        (Service::Deterministic(SERVICE_S), MD1_S),
        (Service::Exponential(SERVICE_S, 1), MM1_S),
    ] {
        let plan = plan("127.0.0.1:1", &poisson(1, 1e9));
        let (_, mean_s) = lindley(&plan, service, 2_000_000);
        assert!(
            (mean_s / latency_s - 1.0).abs() < 0.01,
            "{mean_s} {latency_s}"
        );
    }
}

#[test]
fn an_open_loop_with_even_arrivals_is_a_d_d_1_queue() {
    // Nobody waits: the latency is the service.
    let settings = r#""streams": 50, "rate": 40, "duration_s": 3"#;
    check(Service::Deterministic(SERVICE_S), settings, 40.0, SERVICE_S);
}

#[test]
fn an_open_loop_with_poisson_arrivals_is_an_m_d_1_queue() {
    let service = Service::Deterministic(SERVICE_S);
    let seed = typical(|_| service, MD1_S);
    check(service, &poisson(seed, DURATION_S), LAMBDA, MD1_S);
}

#[test]
fn with_exponential_service_it_is_an_m_m_1_queue() {
    let service = |seed| Service::Exponential(SERVICE_S, seed);
    let seed = typical(service, MM1_S);
    check(service(seed), &poisson(seed, DURATION_S), LAMBDA, MM1_S);
}

#[test]
fn a_closed_loop_keeps_the_server_busy_and_waits_for_everybody_in_it() {
    // Rate 1/D; by Little's law the latency is the number of requests under way times D.
    let settings = r#""streams": 4, "warmup_s": 0.5, "duration_s": 3"#;
    check(
        Service::Deterministic(SERVICE_S),
        settings,
        1.0 / SERVICE_S,
        4.0 * SERVICE_S,
    );
}

#[test]
fn over_the_servers_limit_its_rate_is_reached_and_the_rest_is_counted() {
    let settings = r#""streams": 4, "rate": 100, "warmup_s": 0.5, "duration_s": 3"#;
    let Measured { report, .. } = measure(Service::Deterministic(SERVICE_S), settings);
    assert_eq!(report.due, 300);
    let dropped = report.not_started_busy + report.not_started_late;
    assert_eq!(report.measured + dropped, report.due, "{report:?}");
    let share = report.measured as f64 * SERVICE_S / 3.0;
    assert!((share - 1.0).abs() < OFF_MAX, "{report:?}");
}
