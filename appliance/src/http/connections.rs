//! The open connections, and what they are told.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::task::{Context, Waker};

use tokio::sync::Notify;

/// Names a connection for the life of the worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConnectionId(pub u64);

/// What a connection is to do. Orders only grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Order {
    /// Answer requests.
    Serve,
    /// Tell the peer to go away, answer what is under way, then close.
    Drain,
    /// Close now; what is queued is lost.
    Abort,
}

/// One open connection, as the rest of the worker sees it.
pub struct Handle {
    order: Cell<Order>,
    waker: RefCell<Option<Waker>>,
}

impl Handle {
    fn new() -> Self {
        Self {
            order: Cell::new(Order::Serve),
            waker: RefCell::new(None),
        }
    }

    /// The order in force.
    pub fn order(&self) -> Order {
        self.order.get()
    }

    /// Gives an order and wakes the connection's task.
    pub fn give(&self, order: Order) {
        if order > self.order.get() {
            self.order.set(order);
            if let Some(waker) = &*self.waker.borrow() {
                waker.wake_by_ref();
            }
        }
    }

    /// Has the task woken at the next order.
    pub fn watch(&self, context: &Context<'_>) {
        let mut waker = self.waker.borrow_mut();
        if !waker
            .as_ref()
            .is_some_and(|waker| waker.will_wake(context.waker()))
        {
            *waker = Some(context.waker().clone());
        }
    }
}

/// All of them.
#[derive(Default)]
pub struct Connections {
    open: RefCell<HashMap<ConnectionId, Rc<Handle>>>,
    last_id: Cell<u64>,
    emptied: Notify,
}

impl Connections {
    /// Enters a new connection.
    pub fn enter(&self) -> (ConnectionId, Rc<Handle>) {
        self.last_id.set(self.last_id.get() + 1);
        let id = ConnectionId(self.last_id.get());
        let handle = Rc::new(Handle::new());
        self.open.borrow_mut().insert(id, Rc::clone(&handle));
        (id, handle)
    }

    /// Removes one that is closed.
    pub fn leave(&self, id: ConnectionId) {
        let mut open = self.open.borrow_mut();
        open.remove(&id);
        if open.is_empty() {
            self.emptied.notify_one();
        }
    }

    /// How many are open.
    pub fn count(&self) -> usize {
        self.open.borrow().len()
    }

    /// Gives an order to one connection, if it is still open.
    pub fn give(&self, id: ConnectionId, order: Order) {
        if let Some(handle) = self.open.borrow().get(&id) {
            handle.give(order);
        }
    }

    /// Gives an order to all.
    pub fn give_all(&self, order: Order) {
        for handle in self.open.borrow().values() {
            handle.give(order);
        }
    }

    /// Waits until none is open.
    pub async fn emptied(&self) {
        while self.count() > 0 {
            self.emptied.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_only_grow() {
        let connections = Connections::default();
        let (first, handle) = connections.enter();
        let (second, other) = connections.enter();
        assert_ne!(first, second);
        connections.give(first, Order::Abort);
        connections.give_all(Order::Drain);
        assert_eq!(
            (handle.order(), other.order()),
            (Order::Abort, Order::Drain)
        );
        connections.leave(first);
        connections.give(first, Order::Abort);
        assert_eq!(connections.count(), 1);
    }
}
