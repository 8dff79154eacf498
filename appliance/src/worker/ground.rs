//! What every worker stands on before it has a data plane: its page, its log, the announcements.

use std::os::fd::OwnedFd;
use std::rc::Rc;

use rustix::thread::CpuSet;
use shm_catalog::WorkerSlot;
use shm_catalog::announcement::Reader;

use super::config::Config;
use super::error::{WorkerError, system};
use super::fds;
use super::log::Log;
use super::pin::pin;
use super::report::Report;

/// See the fields.
pub struct Ground {
    pub worker: Rc<WorkerSlot>,
    pub log: Rc<Log>,
    pub report: Rc<Report>,
    pub announcements: Reader,
    /// Cores for the mapper. The supervisor is on the other cores: of both, the mapper takes the one
    /// that is idle.
    pub cores: Option<CpuSet>,
}

impl Ground {
    /// Takes the page, opens the log, pins this thread. Gives the event of announcements with it.
    ///
    /// # Errors
    /// When something that was inherited or named is not there.
    pub fn open(config: &Config) -> Result<(Self, OwnedFd), WorkerError> {
        let worker = WorkerSlot::open(&config.slots, config.page).map_err(system("worker slot"))?;
        worker.occupy(config.role.into());
        let worker = Rc::new(worker);
        let pipe = fds::adopt(config.log_fd).map_err(system("log pipe"))?;
        fds::set_nonblocking(&pipe).map_err(system("log pipe"))?;
        let log = Rc::new(Log::new(
            pipe,
            Rc::clone(&worker),
            config.role.name(),
            config.slot,
            config.log_level,
        ));
        let announced = fds::adopt(config.event_fd).map_err(system("announcement event"))?;
        fds::set_nonblocking(&announced).map_err(system("announcement event"))?;
        let announcements = Reader::open(&config.announce).map_err(system("announcement page"))?;
        let ground = Self {
            report: Rc::new(Report::new(Rc::clone(&worker), Rc::clone(&log))),
            cores: pin(config.pin.as_deref(), &log),
            announcements,
            worker,
            log,
        };
        Ok((ground, announced))
    }
}
