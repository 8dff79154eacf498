//! Passing connections on: the kernel's hashing leaves some workers idle while others have several.
//!
//! Whoever accepts a connection reserves a place for it on the worker with the fewest
//! (`shm_catalog::slots::Crew`) and passes the socket through that slot's mailbox, a pair of unix
//! sockets that belongs to the supervisor: what lies in it outlives the worker that was to take it,
//! and is taken by its successor or by whoever adopts the slot.
//!
//! A letter is one socket (`SCM_RIGHTS`) and the page that the place was reserved on.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::net::TcpStream;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use rustix::cmsg_space;
use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use shm_catalog::slots::Place;

use crate::worker::config::PAGES_PER_SLOT;

/// The mailboxes of all slots.
pub struct Mailboxes {
    slots: Vec<Mailbox>,
    first_page: usize,
}

struct Mailbox {
    receiver: OwnedFd,
    sender: OwnedFd,
}

impl Mailboxes {
    /// Receiving and sending end of each slot, both non-blocking; the page of the first slot.
    pub fn new(ends: Vec<(OwnedFd, OwnedFd)>, first_page: usize) -> Self {
        let mailbox = |(receiver, sender)| Mailbox { receiver, sender };
        Self {
            slots: ends.into_iter().map(mailbox).collect(),
            first_page,
        }
    }

    /// Has the loop told of letters for `slot`.
    ///
    /// # Errors
    /// Those of `epoll_ctl`.
    pub fn watch(&self, slot: usize, registry: &Registry, token: Token) -> io::Result<()> {
        match self.slots.get(slot) {
            Some(mailbox) => registry.register(
                &mut SourceFd(&mailbox.receiver.as_raw_fd()),
                token,
                Interest::READABLE,
            ),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    /// Ends that.
    pub fn unwatch(&self, slot: usize, registry: &Registry) {
        if let Some(mailbox) = self.slots.get(slot) {
            // It was not watched: as it is to be.
            let _ = registry.deregister(&mut SourceFd(&mailbox.receiver.as_raw_fd()));
        }
    }

    /// Passes a connection to the worker of a reserved place.
    ///
    /// # Errors
    /// `WouldBlock` when the mailbox is full, others as `sendmsg` reports them: it is to be kept.
    pub fn send(&self, place: Place, stream: &TcpStream) -> io::Result<()> {
        let slot = place.page.checked_sub(self.first_page);
        let mailbox = slot
            .and_then(|pages| self.slots.get(pages / PAGES_PER_SLOT))
            .ok_or(io::ErrorKind::NotFound)?;
        let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        let descriptors = [stream.as_fd()];
        if !control.push(SendAncillaryMessage::ScmRights(&descriptors)) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let page = (place.page as u64).to_le_bytes();
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        sendmsg(&mailbox.sender, &[IoSlice::new(&page)], &mut control, flags)?;
        Ok(())
    }

    /// Takes the next letter for `slot`. `None`: there is none.
    ///
    /// # Errors
    /// Those of `recvmsg`; a letter without a socket (this process had no descriptor left for it) is
    /// passed over.
    pub fn receive(&self, slot: usize) -> io::Result<Option<(Place, TcpStream)>> {
        let Some(mailbox) = self.slots.get(slot) else {
            return Ok(None);
        };
        loop {
            let mut page = [0; 8];
            let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(1))];
            let mut control = RecvAncillaryBuffer::new(&mut space);
            let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
            let received = recvmsg(
                &mailbox.receiver,
                &mut [IoSliceMut::new(&mut page)],
                &mut control,
                flags,
            );
            match received {
                Ok(received) if received.bytes == 0 => return Ok(None),
                Ok(_) => {}
                Err(Errno::WOULDBLOCK) => return Ok(None),
                Err(Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            }
            let descriptor = control.drain().find_map(|message| match message {
                RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
                _ => None,
            });
            if let Some(descriptor) = descriptor {
                let page = u64::from_le_bytes(page) as usize;
                return Ok(Some((Place { page }, TcpStream::from(descriptor))));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

    /// As if the workers of another role had the pages before.
    const FIRST_PAGE: usize = 4;

    fn mailboxes(slots: usize) -> Mailboxes {
        let pair = || {
            let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).unwrap()
        };
        Mailboxes::new(
            std::iter::repeat_with(pair).take(slots).collect(),
            FIRST_PAGE,
        )
    }

    #[test]
    fn a_connection_arrives_where_its_place_was_reserved() {
        let mailboxes = mailboxes(2);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (accepted, _) = listener.accept().unwrap();
        mailboxes
            .send(
                Place {
                    page: FIRST_PAGE + 3,
                },
                &accepted,
            )
            .unwrap();
        drop(accepted);
        assert!(mailboxes.receive(0).unwrap().is_none());
        let (place, mut passed) = mailboxes.receive(1).unwrap().unwrap();
        assert_eq!(place.page, FIRST_PAGE + 3);
        passed.write_all(b"hello").unwrap();
        let mut heard = [0; 5];
        client.read_exact(&mut heard).unwrap();
        assert_eq!(&heard, b"hello");
        assert!(mailboxes.receive(1).unwrap().is_none());
    }

    #[test]
    fn a_full_mailbox_and_one_that_is_not_there_refuse() {
        let mailboxes = mailboxes(1);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (accepted, _) = listener.accept().unwrap();
        let refused =
            (0..10_000).find_map(|_| mailboxes.send(Place { page: FIRST_PAGE }, &accepted).err());
        // ETOOMANYREFS: a user may have only so many descriptors under way.
        assert!(refused.is_some());
        assert!(mailboxes.receive(0).unwrap().is_some());
        for page in [0, FIRST_PAGE - 1, FIRST_PAGE + 2] {
            assert!(mailboxes.send(Place { page }, &accepted).is_err(), "{page}");
        }
    }
}
