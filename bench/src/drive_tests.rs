//! Whole runs against the test server: what is measured, and what is caught.

use std::time::{Duration, Instant};

use crate::expected::{Expected, encode_catalog};
use crate::plan::Plan;
use crate::report::{Failures, Report};
use crate::run;
use crate::test_server::{Faults, NONE, serve};

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
    let report = check(500, NONE, CLOSED);
    assert!(report.clean, "{report:?}");
    assert!(report.verified > 50, "{report:?}");
    assert_eq!(report.versions.len(), 1);
    assert_eq!(report.versions[0].replies, report.verified);
    assert!(report.latency_us.p50 > 0.0 && report.latency_us.p50 <= report.latency_us.max);
}

#[test]
fn the_open_loop_keeps_its_rate() {
    let report = check(500, NONE, OPEN);
    assert!(report.clean, "{report:?}");
    assert_eq!(report.due, 1_000);
    assert_eq!(
        report.due,
        report.measured + report.not_started_busy + report.not_started_late,
        "{report:?}"
    );
}

#[test]
fn what_was_due_while_a_thread_slept_over_the_end_is_counted() {
    let expected = Expected::of(&[(DIGEST, encode_catalog(&[("first", "1")]))]);
    let records = [("first", expected.record(0, "first").unwrap().to_vec())];
    let target = serve(&format!("7-{DIGEST}"), &records, NONE);
    let json = format!(
        r#"{{"target": "{target}", "key": "k", "versions": [{{"digest": "{DIGEST}", "catalog": ""}}],
            "connections": 2, "streams": 50, "rate": 1000, "duration_s": 0.5}}"#
    );
    let plan: Plan = serde_json::from_str(&json).unwrap();
    let began = Instant::now();
    let mut slept = false;
    // The thread is not there for the last 200 ms and more: that is the fault, nothing waits on it.
    let report = run(&plan, &expected, &mut || {
        if began.elapsed() > Duration::from_millis(200) && !slept {
            slept = true;
            std::thread::sleep(Duration::from_millis(600));
        }
        false
    })
    .unwrap();
    assert_eq!(report.due, 500, "{report:?}");
    assert!(report.not_started_late >= 200, "{report:?}");
    assert_eq!(
        report.due,
        report.measured + report.not_started_busy + report.not_started_late,
        "{report:?}"
    );
}

#[test]
fn a_name_that_is_not_held_must_be_not_found() {
    let names = format!(r#"{CLOSED}, "names": ["ñ", "no such name"]"#);
    let report = check(10, NONE, &names);
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
        let target = serve(&format!("7-{DIGEST}"), &[("", served)], NONE);
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

/// The whole server stops for 100 ms every 2 s.
const STALL: Faults = Faults {
    stall: Some((Duration::from_secs(2), Duration::from_millis(100))),
    ..NONE
};

#[test]
fn a_stall_shows_in_the_open_loop_and_hides_in_the_closed_one() {
    let open = check(
        10,
        STALL,
        &OPEN.replace(r#""duration_s": 2"#, r#""duration_s": 4.2"#),
    );
    assert!(open.clean, "{open:?}");
    // A twentieth of the time is stalled; what is due in it waits for its end, so that one request in a hundred waits
    // for more than four fifths of it.
    assert!(open.latency_us.p99 > 50_000.0, "{open:?}");
    assert!(open.latency_us.p999 > 80_000.0, "{open:?}");
    let settings = r#""connections": 1, "streams": 1, "duration_s": 4.2"#;
    let closed = check(10, STALL, settings);
    // Of thousands, two waited.
    assert!(closed.measured > 3_000, "{closed:?}");
    assert!(closed.latency_us.p999 < 50_000.0, "{closed:?}");
    assert!(closed.latency_us.max > 80_000.0, "{closed:?}");
}

#[test]
fn what_cannot_start_is_counted_and_never_made_up() {
    let faults = Faults {
        stall: Some((Duration::from_millis(500), Duration::from_millis(100))),
        ..NONE
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
            ..NONE
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
            ..NONE
        },
        Failures {
            wrong_bytes: 2,
            ..Failures::default()
        },
    );
}

#[test]
fn replies_to_each_others_requests_are_caught() {
    caught(
        Faults {
            crossed_at: Some(20),
            ..NONE
        },
        Failures {
            wrong_bytes: 4,
            ..Failures::default()
        },
    );
}

#[test]
fn one_missing_reply_in_ten_thousand_is_caught() {
    let faults = Faults {
        dropped_every: Some(10_000),
        ..NONE
    };
    let settings = r#""connections": 2, "streams": 50, "duration_s": 3, "timeout_s": 0.5"#;
    let report = check(10, faults, settings);
    // Each of the two connections is asked some tens of thousands of times.
    let missing = report.failures.timed_out;
    assert!(missing >= 1, "{report:?}");
    assert!((missing - 1) * 10_000 <= report.verified, "{report:?}");
    assert!(report.verified < (missing + 2) * 10_000, "{report:?}");
    let others = Failures {
        timed_out: 0,
        ..report.failures
    };
    assert_eq!(others, Failures::default(), "{report:?}");
}

#[test]
fn a_wrong_status_is_caught() {
    let faults = Faults {
        wrong_status_at: Some(20),
        ..NONE
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
        ..NONE
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
            ..NONE
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
            ..NONE
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
    let report = check(10_000, NONE, &settings);
    assert!(report.clean && report.verified > 20, "{report:?}");
}

#[test]
fn a_server_that_overruns_a_window_is_at_fault() {
    let settings = format!(r#"{CLOSED}, "stream_window": 1000"#);
    let report = check(
        10_000,
        Faults {
            ignores_windows: true,
            ..NONE
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
    let target = serve("7-ffff", &[("a", record)], NONE);
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
    let target = serve(&format!("7-{DIGEST}"), &[("a", record)], NONE);
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
            asked > 10
        },
    )
    .unwrap();
    assert!(report.interrupted && report.elapsed_s < 10.0, "{report:?}");
}

#[test]
fn threads_share_the_connections_and_make_one_report() {
    let settings = r#""connections": 5, "streams": 5, "threads": 2, "duration_s": 0.3"#;
    let report = check(500, NONE, settings);
    assert!(report.clean, "{report:?}");
    let connections: Vec<u32> = report
        .threads
        .iter()
        .map(|thread| thread.connections)
        .collect();
    assert_eq!(connections, [3, 2]);
    assert!(
        report.threads.iter().all(|thread| thread.verified > 20),
        "{report:?}"
    );
    let verified: u64 = report.threads.iter().map(|thread| thread.verified).sum();
    let cpu_s: f64 = report.threads.iter().map(|thread| thread.cpu_s).sum();
    assert_eq!(verified, report.verified);
    assert!(
        cpu_s > 0.0 && (cpu_s - report.generator_cpu_s).abs() < 1e-9,
        "{report:?}"
    );
    assert_eq!(report.versions.len(), 1);
    assert_eq!(report.versions[0].replies, report.verified);
    assert!(report.measured > 0 && report.measured <= report.verified);
}

#[test]
fn threads_keep_one_rate_between_them() {
    let report = check(10, NONE, &format!("{OPEN}, \"threads\": 2"));
    assert!(report.clean, "{report:?}");
    assert_eq!(report.due, 1_000);
    let started = report.due - report.not_started_busy - report.not_started_late;
    assert_eq!(report.measured, started, "{report:?}");
}

#[test]
fn what_is_wrong_on_any_thread_is_in_the_report() {
    let faults = Faults {
        wrong_byte_at: Some(20),
        ..NONE
    };
    let settings = r#""connections": 4, "streams": 5, "threads": 4, "duration_s": 0.3"#;
    let report = check(500, faults, settings);
    let expected = Failures {
        wrong_bytes: 4,
        ..Failures::default()
    };
    assert_eq!(report.failures, expected, "{report:?}");
    assert_eq!(report.notes.len(), 4, "{report:?}");
}

#[test]
fn the_samples_of_all_threads_are_written_in_the_order_of_their_ends() {
    let directory = std::env::temp_dir().join(format!("avap-bench-samples-{}", std::process::id()));
    let settings = format!(
        r#""connections": 2, "streams": 5, "threads": 2, "duration_s": 0.2, "samples": {directory:?}"#
    );
    let report = check(10, NONE, &settings);
    let bytes = std::fs::read(&directory).unwrap();
    std::fs::remove_file(&directory).unwrap();
    let (pairs, rest) = bytes.as_chunks::<16>();
    let read = |half: &[u8]| u64::from_le_bytes(half.try_into().unwrap());
    let samples: Vec<(u64, u64)> = pairs
        .iter()
        .map(|pair| (read(&pair[..8]), read(&pair[8..])))
        .collect();
    assert!(rest.is_empty());
    assert_eq!(samples.len() as u64, report.measured);
    assert!(samples.iter().all(|(from, to)| from <= to));
    assert!(samples.is_sorted_by_key(|&(_, to)| to));
}

#[test]
fn an_interruption_ends_every_thread_early() {
    let expected = Expected::of(&[(DIGEST, encode_catalog(&[("a", "1")]))]);
    let record = expected.record(0, "a").unwrap().to_vec();
    let target = serve(&format!("7-{DIGEST}"), &[("a", record)], NONE);
    let json = format!(
        r#"{{"target": "{target}", "connections": 3, "streams": 1, "threads": 3, "duration_s": 3000,
             "versions": [{{"digest": "{DIGEST}", "catalog": ""}}]}}"#
    );
    let mut asked = 0;
    let report = run(
        &serde_json::from_str(&json).unwrap(),
        &expected,
        &mut || {
            asked += 1;
            asked > 20
        },
    )
    .unwrap();
    assert!(report.interrupted && report.elapsed_s < 10.0, "{report:?}");
    assert_eq!(report.threads.len(), 3);
    assert!(
        report.clean,
        "what an interruption cut off is no failure: {report:?}"
    );
}

#[test]
fn a_target_that_is_not_there_is_said_at_once_on_any_number_of_threads() {
    let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let target = unused.local_addr().unwrap();
    drop(unused);
    let expected = Expected::of(&[(DIGEST, encode_catalog(&[("a", "1")]))]);
    for threads in [1, 3] {
        let json = format!(
            r#"{{"target": "{target}", "threads": {threads}, "connections": 3, "streams": 1, "duration_s": 3000,
                 "versions": [{{"digest": "{DIGEST}", "catalog": ""}}]}}"#
        );
        let error = run(
            &serde_json::from_str(&json).unwrap(),
            &expected,
            &mut || false,
        )
        .unwrap_err();
        assert!(
            error.to_string().contains("connecting to the target"),
            "{error}"
        );
    }
}
