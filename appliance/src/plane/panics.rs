//! A panic ends its connection, never the worker.

use std::any::Any;
use std::cell::RefCell;
use std::future::poll_fn;
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

/// Runs `work` to its end or to its panic, whose text is the error. What it worked on may be half done: the caller
/// drops it.
///
/// # Errors
/// Text and place of the panic.
pub fn catch<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    panic::catch_unwind(AssertUnwindSafe(work)).map_err(|payload| last_text(&*payload))
}

/// Runs `future` to its end or to its first panic, whose text is the error. What the future owns is
/// dropped in here: after a panic inside a library, its destructors may panic as well.
pub async fn caught<F: Future>(future: F) -> Result<F::Output, String> {
    let mut future = Some(Box::pin(future));
    poll_fn(move |context| {
        let Some(running) = future.as_mut() else {
            return std::task::Poll::Pending;
        };
        match panic::catch_unwind(AssertUnwindSafe(|| running.as_mut().poll(context))) {
            Ok(progress) => progress.map(Ok),
            Err(payload) => {
                let text = last_text(&*payload);
                // A second panic adds nothing to the first.
                let _ = panic::catch_unwind(AssertUnwindSafe(|| drop(future.take())));
                std::task::Poll::Ready(Err(text))
            }
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::{Context, Poll, Waker};

    struct PanicsWhenDropped;

    impl Drop for PanicsWhenDropped {
        fn drop(&mut self) {
            assert!(std::thread::panicking(), "dropped after the panic");
        }
    }

    fn run<T>(future: impl Future<Output = T>) -> Result<T, String> {
        match std::pin::pin!(caught(future)).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(result) => result,
            Poll::Pending => unreachable!("these futures never wait"),
        }
    }

    #[test]
    fn a_panic_becomes_an_error_with_its_text() {
        assert_eq!(run(async { 5 }), Ok(5));
        let error = run(async { panic!("number {}", 7) }).unwrap_err();
        assert!(error.contains("number 7"), "{error}");
    }

    #[test]
    fn a_panic_while_cleaning_up_is_caught_too() {
        let result = run(async {
            let held = std::mem::ManuallyDrop::new(PanicsWhenDropped);
            let _unwinds = std::mem::ManuallyDrop::into_inner(held);
            panic!("first");
        });
        assert!(result.is_err());
    }
}
