//! The loop of a gRPC worker: one epoll without tasks, and connections passed on to the worker with the fewest.

pub mod event_loop;
mod listeners;
mod mailboxes;
mod placement;
