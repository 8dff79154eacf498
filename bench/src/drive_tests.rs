//! Whole runs against the test server: what is measured, and what is caught.

use std::time::Duration;

use crate::expected::{Expected, encode_catalog};
use crate::plan::Plan;
use crate::report::{Failures, Report};
use crate::run;
use crate::test_server::{Faults, serve};

const DIGEST: &str = "0123456789abcdef0123456789abcdef";

/// A run of half a second, unless `settings` say otherwise, against a server with these faults.
fn check(code_bytes: usize, faults: Faults, settings: &str) -> Report {
    let code = "x".repeat(code_bytes);
    let expected = Expected::of(&[(DIGEST, encode_catalog(&[("first", &code), ("ñ", "2")]))]);
    let records: Vec<(&str, Vec<u8>)> = ["first", "ñ"]
        .into_iter()
        .map(|name| (name, expected.record(0, name).unwrap().to_vec()))
        .collect();
    let target = serve(&format!("7-{DIGEST}"), &records, faults);
    let json = format!(
        r#"{{"target": "{target}", "key": "k", "versions": [{{"digest": "{DIGEST}", "catalog": ""}}], {settings}}}"#
    );
    let plan: Plan = serde_json::from_str(&json).unwrap();
    run(&plan, &expected, &mut || false).unwrap()
}

const CLOSED: &str = r#""connections": 2, "streams": 5, "duration_s": 0.3"#;
const OPEN: &str =
    r#""connections": 2, "streams": 50, "rate": 500, "duration_s": 2, "warmup_s": 0.1"#;

#[test]
fn every_reply_of_a_sound_server_is_verified() {
    let report = check(500, Faults::default(), CLOSED);
    assert!(report.clean, "{report:?}");
    assert!(report.verified > 50, "{report:?}");
    assert_eq!(report.versions.len(), 1);
    assert_eq!(report.versions[0].replies, report.verified);
    assert!(report.latency_us.p50 > 0.0 && report.latency_us.p50 <= report.latency_us.max);
}

#[test]
fn the_open_loop_keeps_its_rate() {
    let report = check(500, Faults::default(), OPEN);
    assert!(report.clean, "{report:?}");
    assert_eq!(report.due, 1_000);
    assert_eq!(
        report.due,
        report.measured + report.not_started_busy + report.not_started_late,
        "{report:?}"
    );
}

#[test]
fn a_name_that_is_not_held_must_be_not_found() {
    let names = format!(r#"{CLOSED}, "names": ["ñ", "no such name"]"#);
    let report = check(10, Faults::default(), &names);
    assert!(report.clean && report.verified > 50, "{report:?}");
}

#[test]
fn a_whole_catalogue_is_verified_as_a_record_is() {
    let long = "x".repeat(100_000 / 8);
    let held = encode_catalog(&[("a", &long), ("b", "2")]);
    let other = encode_catalog(&[("a", &long), ("b", "3")]);
    let expected = Expected::of(&[(DIGEST, held.clone())]);
    let sync = |served: Vec<u8>| {
        // Its request names nothing, and that is where the test server finds it.
        let target = serve(&format!("7-{DIGEST}"), &[("", served)], Faults::default());
        let json = format!(
            r#"{{"target": "{target}", "method": "SyncCatalog", "versions": [{{"digest": "{DIGEST}", "catalog": ""}}],
                {CLOSED}}}"#
        );
        let plan: Plan = serde_json::from_str(&json).unwrap();
        run(&plan, &expected, &mut || false).unwrap()
    };
    let sound = sync(held);
    assert!(sound.clean && sound.verified > 5, "{sound:?}");
    let wrong = sync(other);
    assert!(
        wrong.failures.wrong_bytes > 5 && wrong.verified == 0,
        "{wrong:?}"
    );
}

#[test]
fn a_stall_shows_in_the_open_loop_and_hides_in_the_closed_one() {
    let faults = Faults {
        stall: Some((Duration::from_millis(500), Duration::from_millis(100))),
        ..Faults::default()
    };
    let open = check(10, faults, OPEN);
    assert!(open.clean, "{open:?}");
    // A fifth of the time is stalled; requests due in it wait for its end, a mean of half of it.
    assert!(open.latency_us.p90 > 30_000.0, "{open:?}");
    assert!(open.latency_us.p99 > 80_000.0, "{open:?}");
    let closed = check(
        10,
        faults,
        r#""connections": 1, "streams": 1, "duration_s": 2"#,
    );
    assert!(closed.latency_us.p99 < 30_000.0, "{closed:?}");
    assert!(closed.latency_us.max > 80_000.0, "{closed:?}");
}

#[test]
fn what_cannot_start_is_counted_and_never_made_up() {
    let faults = Faults {
        stall: Some((Duration::from_millis(500), Duration::from_millis(100))),
        ..Faults::default()
    };
    let report = check(
        10,
        faults,
        r#""connections": 1, "streams": 2, "rate": 500, "duration_s": 2"#,
    );
    // 50 are due in each of three or more stalls, and two streams take two of them.
    assert!(
        report.not_started_busy + report.not_started_late >= 100,
        "{report:?}"
    );
    assert_eq!(
        report.due,
        report.measured + report.not_started_busy + report.not_started_late,
        "{report:?}"
    );
}

/// Each fault happens once on each of two connections, and nothing else is found.
fn caught(faults: Faults, expected: Failures) {
    let report = check(500, faults, CLOSED);
    assert_eq!(report.failures, expected, "{report:?}");
    assert!(!report.clean && !report.notes.is_empty(), "{report:?}");
}

#[test]
fn a_wrong_byte_is_caught() {
    caught(
        Faults {
            wrong_byte_at: Some(20),
            ..Faults::default()
        },
        Failures {
            wrong_bytes: 2,
            ..Failures::default()
        },
    );
}

#[test]
fn the_record_of_another_name_is_caught() {
    caught(
        Faults {
            wrong_name_at: Some(20),
            ..Faults::default()
        },
        Failures {
            wrong_bytes: 2,
            ..Failures::default()
        },
    );
}

#[test]
fn a_wrong_status_is_caught() {
    let faults = Faults {
        wrong_status_at: Some(20),
        ..Faults::default()
    };
    caught(
        faults,
        Failures {
            wrong_status: 2,
            ..Failures::default()
        },
    );
}

#[test]
fn a_reply_that_never_comes_is_caught() {
    let faults = Faults {
        dropped_at: Some(20),
        ..Faults::default()
    };
    let report = check(500, faults, &format!(r#"{CLOSED}, "timeout_s": 0.1"#));
    assert_eq!(
        report.failures,
        Failures {
            timed_out: 2,
            ..Failures::default()
        },
        "{report:?}"
    );
}

#[test]
fn a_connection_that_ends_is_replaced_and_its_requests_are_counted_as_lost() {
    let report = check(
        500,
        Faults {
            closed_after: Some(20),
            ..Faults::default()
        },
        CLOSED,
    );
    assert!(
        report.failures.lost > 0 && report.reconnects > 0,
        "{report:?}"
    );
    assert!(report.verified > 42, "{report:?}");
    assert_eq!(
        Failures {
            lost: 0,
            ..report.failures
        },
        Failures::default(),
        "{report:?}"
    );
}

#[test]
fn a_connection_told_to_go_is_replaced() {
    // One stream a connection: none is under way behind the last one that is answered.
    let settings = r#""connections": 2, "streams": 1, "duration_s": 0.3"#;
    let report = check(
        500,
        Faults {
            goodbye_after: Some(20),
            ..Faults::default()
        },
        settings,
    );
    assert!(report.reconnects >= 2, "{report:?}");
    assert_eq!(
        Failures {
            refused: 0,
            ..report.failures
        },
        Failures::default(),
        "{report:?}"
    );
}

#[test]
fn windows_smaller_than_a_reply_are_given_back_as_it_is_read() {
    let settings = format!(r#"{CLOSED}, "stream_window": 1000"#);
    let report = check(10_000, Faults::default(), &settings);
    assert!(report.clean && report.verified > 20, "{report:?}");
}

#[test]
fn a_server_that_overruns_a_window_is_at_fault() {
    let settings = format!(r#"{CLOSED}, "stream_window": 1000"#);
    let report = check(
        10_000,
        Faults {
            ignores_windows: true,
            ..Faults::default()
        },
        &settings,
    );
    assert!(report.failures.faults > 0, "{report:?}");
    assert!(
        report
            .notes
            .iter()
            .any(|note| note.contains("window was overrun")),
        "{report:?}"
    );
}

#[test]
fn a_version_nobody_expects_is_caught() {
    let expected = Expected::of(&[(DIGEST, encode_catalog(&[("a", "1")]))]);
    let record = expected.record(0, "a").unwrap().to_vec();
    let target = serve("7-ffff", &[("a", record)], Faults::default());
    let json = format!(
        r#"{{"target": "{target}", "versions": [{{"digest": "{DIGEST}", "catalog": ""}}], {CLOSED}}}"#
    );
    let report = run(
        &serde_json::from_str(&json).unwrap(),
        &expected,
        &mut || false,
    )
    .unwrap();
    assert!(
        report.failures.wrong_version > 0 && report.verified == 0,
        "{report:?}"
    );
}

#[test]
fn an_interrupted_run_ends_early() {
    let expected = Expected::of(&[(DIGEST, encode_catalog(&[("a", "1")]))]);
    let record = expected.record(0, "a").unwrap().to_vec();
    let target = serve(&format!("7-{DIGEST}"), &[("a", record)], Faults::default());
    let json = format!(
        r#"{{"target": "{target}", "connections": 1, "streams": 1, "duration_s": 3000,
             "versions": [{{"digest": "{DIGEST}", "catalog": ""}}]}}"#
    );
    let mut asked = 0;
    let report = run(
        &serde_json::from_str(&json).unwrap(),
        &expected,
        &mut || {
            asked += 1;
            asked > 2
        },
    )
    .unwrap();
    assert!(report.interrupted && report.elapsed_s < 10.0, "{report:?}");
}
