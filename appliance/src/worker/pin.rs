//! Which core the loop runs on.

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use serde_json::json;

use super::log::{Level, Log};

/// Pins this thread. Gives the cores it had before and its own, for work beside the loop. Not being allowed to costs
/// speed, not service.
pub fn pin(cores: Option<&[usize]>, log: &Log) -> Option<CpuSet> {
    let mut around = sched_getaffinity(None).ok();
    if let Some(cores) = cores {
        let mut set = CpuSet::new();
        for core in cores.iter().filter(|core| **core < CpuSet::MAX_CPU) {
            set.set(*core);
            if let Some(around) = &mut around {
                around.set(*core);
            }
        }
        if let Err(error) = sched_setaffinity(None, &set) {
            let fields = json!({"cores": format!("{cores:?}"), "error": error.to_string()});
            log.write(Level::Warning, "Worker Not Pinned", fields);
        }
    }
    around
}
