//! A panic ends its connection, never the worker.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe};

thread_local! {
    static LAST: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Replaces the hook that prints to stderr: text and place are kept for [`caught`].
pub fn keep_texts() {
    panic::set_hook(Box::new(|panic| {
        LAST.with_borrow_mut(|last| *last = Some(panic.to_string()));
    }));
}

/// Text and place of the last panic on this thread.
fn last_text(payload: &(dyn Any + Send)) -> String {
    LAST.take()
        .unwrap_or_else(|| match payload.downcast_ref::<&str>() {
            Some(text) => (*text).to_owned(),
            None => payload
                .downcast_ref::<String>()
                .cloned()
                .unwrap_or_else(|| "panic".to_owned()),
        })
}

/// Runs `work`; its panic is the error. What `work` borrowed may be half changed: it is only good for
/// being dropped.
pub fn caught<R>(work: impl FnOnce() -> R) -> Result<R, String> {
    panic::catch_unwind(AssertUnwindSafe(work)).map_err(|payload| last_text(&*payload))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error_with_its_text() {
        assert_eq!(caught(|| 5), Ok(5));
        let error = caught(|| panic!("number {}", 7)).unwrap_err();
        assert!(error.contains("number 7"), "{error}");
    }
}
