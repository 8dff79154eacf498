//! Worker slots and the announcement page through real shared memory.
#![expect(
    clippy::float_cmp,
    reason = "counts are whole numbers, and these seconds are exact"
)]

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use super::ShmFile;
use crate::announcement::{ANNOUNCE_BYTES, Announcement, Reader, Writer};
use crate::counters::{COUNTER_WORDS, HttpStatus, LIMIT_LABELS, Method, Route, Status};
use crate::ids::{Generation, SegmentId};
use crate::metrics::{Kind, METRICS, sample};
use crate::slots::{Crew, PAGE_BYTES, Role, SlotPages, Slots, State, WorkerSlot, segment_bytes};

fn pages(count: u64) -> (ShmFile, Slots) {
    let file = ShmFile::new(segment_bytes(count));
    let slots = Slots::open(&file.name, count).unwrap();
    (file, slots)
}

/// The value of one sample.
fn value(slots: &Slots, family: &str, labels: &[&str]) -> f64 {
    let found: Vec<f64> = sample(slots)
        .into_iter()
        .filter(|sample| sample.family == family && sample.labels == labels)
        .map(|sample| sample.value)
        .collect();
    assert_eq!(found.len(), 1, "{family} {labels:?}");
    found[0]
}

#[test]
fn what_a_worker_writes_the_supervisor_reads() {
    let (file, slots) = pages(2);
    let worker = WorkerSlot::open(&file.name, 1).unwrap();
    worker.occupy(Role::Grpc);
    worker.set_state(State::Serving);
    worker.ack(Generation(42));
    worker.reserve_here();
    worker.connection_opened();
    worker.reserve_here();
    worker.connection_opened();
    worker.connection_closed();
    worker.count_swap(Duration::from_millis(3));

    let state = slots.state(1).unwrap();
    assert_eq!(
        (state.role, state.state, state.pid),
        ("grpc", "serving", u64::from(std::process::id()))
    );
    assert_eq!(
        (
            state.acked_generation,
            state.connections,
            state.connections_total
        ),
        (Generation(42), 1, 2)
    );
    assert!(state.heartbeat_ns > 0 && state.heartbeat_ns <= crate::slots::monotonic_ns());
    assert_eq!(slots.state(0).unwrap().state, "vacant");
    assert_eq!(slots.state(2), None);
    assert_eq!(value(&slots, "avap_connections", &[]), 1.0);
    assert_eq!(value(&slots, "avap_worker_swap_seconds", &[]), 0.003);
}

#[test]
fn requests_are_counted_by_method_and_status() {
    let (file, slots) = pages(1);
    let worker = WorkerSlot::open(&file.name, 0).unwrap();
    for (number, method) in Method::ALL.into_iter().enumerate() {
        for (other, status) in Status::ALL.into_iter().enumerate() {
            for _ in 0..=number * 10 + other {
                worker.count_requests(method, status, Duration::from_micros(30), 1);
            }
        }
    }
    for (number, method) in Method::ALL.into_iter().enumerate() {
        for (other, status) in Status::ALL.into_iter().enumerate() {
            let counted = value(
                &slots,
                "avap_requests_total",
                &[method.label(), status.label()],
            );
            assert_eq!(counted, (number * 10 + other + 1) as f64);
        }
    }
    assert_eq!(
        slots.state(0).unwrap().requests_total,
        (0..5)
            .map(|n| (0..9).map(|s| n * 10 + s + 1).sum::<u64>())
            .sum()
    );
}

#[test]
fn http_requests_are_counted_by_route_and_status() {
    let (file, slots) = pages(1);
    let worker = WorkerSlot::open(&file.name, 0).unwrap();
    worker.occupy(Role::Http);
    let elapsed = Duration::from_micros(30);
    worker.count_http_request(Route::Execute, HttpStatus::from_code(504), elapsed);
    worker.count_http_request(Route::Execute, HttpStatus::from_code(218), elapsed);
    worker.count_http_request(Route::Other, HttpStatus::from_code(404), elapsed);
    let requests = "avap_http_requests_total";
    assert_eq!(value(&slots, requests, &["execute", "504"]), 1.0);
    assert_eq!(value(&slots, requests, &["execute", "2xx"]), 1.0);
    assert_eq!(value(&slots, requests, &["other", "404"]), 1.0);
    let count = "avap_http_request_duration_seconds_count";
    assert_eq!(value(&slots, count, &["execute"]), 2.0);
    let state = slots.state(0).unwrap();
    assert_eq!((state.role, state.requests_total), ("http", 3));
}

#[test]
fn a_reader_sees_the_same_totals_however_often_pages_are_folded() {
    let (file, mut slots) = pages(2);
    let reader = SlotPages::open(&file.name).unwrap();
    let worker = WorkerSlot::open(&file.name, 0).unwrap();
    for _ in 0..1000 {
        worker.count_reset();
    }
    let (reads, done) = (AtomicU64::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let totals = sample(&reader);
                let resets = totals
                    .iter()
                    .find(|one| one.family == "avap_stream_resets_total");
                reads.fetch_add(1, Ordering::Relaxed);
                assert_eq!(resets.map(|one| one.value), Some(1000.0));
            }
        });
        for round in 0..300 {
            slots.fold(round % 2).unwrap();
            // One read at least between two folds, and a fold in most reads.
            let before = reads.load(Ordering::Relaxed);
            while reads.load(Ordering::Relaxed) == before {
                std::thread::yield_now();
            }
        }
        done.store(true, Ordering::Relaxed);
    });
    assert_eq!(reader.state(0), slots.state(0));
    assert!(SlotPages::open("avap-unittest-none").is_err());
}

#[test]
fn latencies_fall_into_cumulative_buckets() {
    let (file, slots) = pages(1);
    let worker = WorkerSlot::open(&file.name, 0).unwrap();
    for elapsed in [
        Duration::ZERO,
        Duration::from_micros(10),
        Duration::from_micros(11),
        Duration::from_mins(1),
    ] {
        worker.count_requests(Method::GetCommand, Status::Ok, elapsed, 1);
    }
    let bucket = |bound: &str| {
        value(
            &slots,
            "avap_request_duration_seconds_bucket",
            &["GetCommand", bound],
        )
    };
    assert_eq!(
        [
            bucket("0.00001"),
            bucket("0.000025"),
            bucket("10"),
            bucket("+Inf")
        ],
        [2.0, 3.0, 3.0, 4.0]
    );
    assert_eq!(
        value(
            &slots,
            "avap_request_duration_seconds_count",
            &["GetCommand"]
        ),
        4.0
    );
    assert_eq!(
        value(&slots, "avap_request_duration_seconds_sum", &["GetCommand"]),
        60.000_021
    );
    assert_eq!(
        value(
            &slots,
            "avap_request_duration_seconds_count",
            &["SyncCatalog"]
        ),
        0.0
    );
}

#[test]
fn folding_a_dead_worker_changes_no_counter_and_empties_its_page() {
    let (file, mut slots) = pages(2);
    let counters = |slots: &Slots| -> Vec<_> {
        let counting = |family: &str| {
            METRICS
                .iter()
                .any(|m| family.starts_with(m.family) && m.kind != Kind::Gauge)
        };
        sample(slots)
            .into_iter()
            .filter(|sample| counting(&sample.family))
            .collect()
    };
    for round in 0..3 {
        let worker = WorkerSlot::open(&file.name, round % 2).unwrap();
        worker.occupy(Role::Grpc);
        worker.reserve_here();
        worker.connection_opened();
        worker.count_requests(
            Method::SyncCatalog,
            Status::Internal,
            Duration::from_millis(7),
            1,
        );
        worker.count_handed_over();
        worker.count_limit(0);
        worker.count_limit(LIMIT_LABELS.len() - 1);
        worker.count_log_dropped();
        worker.count_adopted();
        worker.count_reset();
        worker.count_stream_over_aged();
        worker.count_panic();
        let before = counters(&slots);
        slots.fold((round % 2) as usize).unwrap();
        assert_eq!(counters(&slots), before);
        assert_eq!(slots.state((round % 2) as usize).unwrap().state, "vacant");
        assert_eq!(value(&slots, "avap_connections", &[]), 0.0);
    }
    assert_eq!(
        value(&slots, "avap_requests_total", &["SyncCatalog", "500"]),
        3.0
    );
    assert_eq!(value(&slots, "avap_worker_panics_total", &[]), 3.0);
}

#[test]
fn every_counter_word_of_a_page_is_in_the_totals() {
    let (file, slots) = pages(1);
    let mut bytes = vec![0u8; segment_bytes(1) as usize];
    let counters = PAGE_BYTES as usize + 128;
    for (word, place) in bytes[counters..counters + COUNTER_WORDS * 8]
        .chunks_exact_mut(8)
        .enumerate()
    {
        place.copy_from_slice(&(word as u64 + 1).to_le_bytes());
    }
    std::fs::write(file.path(), bytes).unwrap();
    let expected: Vec<u64> = (1..=COUNTER_WORDS as u64).collect();
    assert_eq!(slots.counter_totals().to_vec(), expected);
}

#[test]
fn the_table_describes_every_sample_once() {
    let (_file, slots) = pages(1);
    let mut by_family: HashMap<&str, usize> = HashMap::new();
    for metric in METRICS {
        assert!(metric.family.starts_with("avap_") && !metric.help.is_empty());
        assert_eq!(
            metric.family.ends_with("_total"),
            metric.kind == Kind::Counter,
            "{}",
            metric.family
        );
        assert_eq!(
            by_family.insert(metric.family, metric.labels.len()),
            None,
            "{}",
            metric.family
        );
    }
    for sample in sample(&slots) {
        let suffixed = ["_bucket", "_sum", "_count"]
            .iter()
            .find_map(|end| sample.family.strip_suffix(end));
        let (family, extra) = match suffixed {
            Some(family) => (family, usize::from(sample.family.ends_with("_bucket"))),
            None => (sample.family.as_str(), 0),
        };
        assert_eq!(
            by_family.get(family).map(|labels| labels + extra),
            Some(sample.labels.len()),
            "{}",
            sample.family
        );
    }
}

#[test]
fn a_page_that_does_not_exist_is_an_error() {
    let (file, _slots) = pages(1);
    assert!(WorkerSlot::open(&file.name, 1).is_err());
    assert!(Slots::open(&file.name, 2).is_err());
    assert!(Slots::open(&file.name, 0).is_err());
    assert!(WorkerSlot::open("avap-unittest-none", 0).is_err());
}

fn announcement(generation: u64) -> Announcement {
    Announcement {
        generation: Generation(generation),
        segment_id: SegmentId(generation * 3),
        length: generation * 5,
        code_segment_id: (generation % 2 == 1).then_some(SegmentId(generation * 7)),
    }
}

#[test]
fn an_announcement_reaches_a_reader_whole() {
    let file = ShmFile::new(ANNOUNCE_BYTES);
    assert!(Reader::open(&file.name).is_err(), "not initialised");
    let mut writer = Writer::open(&file.name).unwrap();
    let reader = Reader::open(&file.name).unwrap();
    assert_eq!(
        (reader.current(), reader.generation()),
        (None, Generation(0))
    );
    for generation in [1, 2, 3, 64, 65, 128, 1000, 1064] {
        writer.announce(announcement(generation)).unwrap();
        assert_eq!(
            (reader.current(), reader.generation()),
            (Some(announcement(generation)), Generation(generation))
        );
    }
    for backwards in [0, 1, 1064] {
        assert!(writer.announce(announcement(backwards)).is_err());
    }
    drop(writer);
    assert_eq!(
        Writer::open(&file.name).unwrap().current(),
        Some(announcement(1064)),
        "kept when opened again"
    );
}

#[test]
fn code_is_added_to_the_current_announcement_only() {
    let file = ShmFile::new(ANNOUNCE_BYTES);
    let mut writer = Writer::open(&file.name).unwrap();
    let reader = Reader::open(&file.name).unwrap();
    assert!(!writer.announce_code(Generation(0), SegmentId(9)));
    assert_eq!(reader.current(), None);
    let bare = |generation| Announcement {
        code_segment_id: None,
        ..announcement(generation)
    };
    writer.announce(bare(1)).unwrap();
    assert!(!writer.announce_code(Generation(2), SegmentId(9)));
    assert_eq!(reader.current(), Some(bare(1)));
    for code in [9, 10] {
        assert!(writer.announce_code(Generation(1), SegmentId(code)));
        let code_segment_id = Some(SegmentId(code));
        let with_code = Announcement {
            code_segment_id,
            ..bare(1)
        };
        assert_eq!(reader.current(), Some(with_code));
    }
    // In the place that generation 1 had.
    writer.announce(bare(65)).unwrap();
    assert!(!writer.announce_code(Generation(1), SegmentId(9)));
    assert_eq!(reader.current(), Some(bare(65)));
}

#[test]
fn a_foreign_page_is_not_taken_for_an_announcement() {
    let file = ShmFile::new(0);
    std::fs::write(file.path(), vec![0x55; ANNOUNCE_BYTES as usize]).unwrap();
    assert!(Writer::open(&file.name).is_err());
    assert!(Reader::open(&file.name).is_err());
    let short = ShmFile::new(100);
    assert!(Writer::open(&short.name).is_err());
    assert!(Reader::open(&short.name).is_err());
}

#[test]
fn readers_never_see_a_torn_or_older_announcement() {
    let file = ShmFile::new(ANNOUNCE_BYTES);
    let mut writer = Writer::open(&file.name).unwrap();
    writer.announce(announcement(1)).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let reader = Reader::open(&file.name).unwrap();
                let mut last = Generation(0);
                while !done.load(Ordering::Relaxed) {
                    if let Some(seen) = reader.current() {
                        assert_eq!(seen, announcement(seen.generation.0));
                        assert!(seen.generation >= last);
                        last = seen.generation;
                    }
                }
            });
        }
        for generation in 2..200_000 {
            writer.announce(announcement(generation)).unwrap();
        }
        done.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_place_is_reserved_on_the_serving_worker_with_the_fewest_connections() {
    let (file, slots) = pages(6);
    let workers: Vec<_> = [0, 2, 4]
        .map(|page| WorkerSlot::open(&file.name, page).unwrap())
        .into();
    for worker in &workers {
        worker.occupy(Role::Grpc);
    }
    let crew = Crew::open(&file.name, 0..6, 2).unwrap();
    let place = crew.reserve();
    assert!(crew.is_own(place), "nobody serves: here");
    for worker in &workers {
        worker.set_state(State::Serving);
    }
    let taken: Vec<usize> = (0..5).map(|_| crew.reserve().page).collect();
    assert_eq!(taken, [4, 0, 2, 4, 0]);
    workers[2].set_state(State::Draining);
    crew.release(place);
    assert_eq!(crew.reserve().page, 2);
    let loads = [0, 2, 4].map(|page| slots.state(page).unwrap().connections);
    assert_eq!(loads, [2, 2, 2]);
    assert!(Crew::open(&file.name, 0..6, 6).is_err());
}

#[test]
fn no_place_is_reserved_on_a_worker_of_the_other_role() {
    let (file, slots) = pages(8);
    let http = [0, 6].map(|page| WorkerSlot::open(&file.name, page).unwrap());
    let grpc = [2, 4].map(|page| WorkerSlot::open(&file.name, page).unwrap());
    for worker in &http {
        worker.occupy(Role::Http);
        worker.set_state(State::Serving);
    }
    for worker in &grpc {
        worker.occupy(Role::Grpc);
        worker.set_state(State::Serving);
    }
    for pages in [2..6, 0..8] {
        let crew = Crew::open(&file.name, pages, 4).unwrap();
        let places = [crew.reserve(), crew.reserve()];
        assert_eq!(places.map(|place| place.page), [4, 2]);
        assert_eq!(places.map(|place| crew.is_own(place)), [true, false]);
        for place in places {
            crew.release(place);
        }
    }
    let loads = [0, 2, 4, 6].map(|page| slots.state(page).unwrap().connections);
    assert_eq!(loads, [0; 4]);
    assert!(Crew::open(&file.name, 2..6, 1).is_err());
}

#[test]
fn workers_that_reserve_at_once_end_up_even() {
    let (file, slots) = pages(4);
    for page in 0..4 {
        let worker = WorkerSlot::open(&file.name, page).unwrap();
        worker.occupy(Role::Grpc);
        worker.set_state(State::Serving);
    }
    std::thread::scope(|scope| {
        for own in 0..4 {
            let crew = Crew::open(&file.name, 0..4, own).unwrap();
            scope.spawn(move || {
                for _ in 0..1001 {
                    let _ = crew.reserve();
                }
            });
        }
    });
    let loads: Vec<u64> = (0..4)
        .map(|page| slots.state(page).unwrap().connections)
        .collect();
    assert_eq!(loads, [1001; 4]);
}
