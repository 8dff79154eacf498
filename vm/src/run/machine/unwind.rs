//! Exceptions: from the instruction that raised to the handler that covers it, frame by frame.

use super::frame::FrameKind;
use super::{ErrorSite, Machine};
use crate::bytecode::op::Op;
use crate::run::exception::Exception;
use crate::run::generator::Progress;
use crate::run::value::Value;

impl<'a> Machine<'a> {
    /// Go to the handler of an exception; false when there is none and all frames are gone. The frames' `pc` stands
    /// behind the instruction that raised or called.
    pub(super) fn unwind(&mut self, exception: &'a Exception<'a>) -> bool {
        let mut noted = false;
        while let Some(frame) = self.frames.last().copied() {
            if let FrameKind::Native(_) = frame.kind {
                self.frames.pop();
                continue;
            }
            let code = frame.function.code.code();
            let at = frame.pc.saturating_sub(1);
            if code.is_script && !noted {
                noted = true;
                self.note(code, at);
            }
            if let Some(handler) = code.handler_at(at) {
                self.stack[frame.base as usize + handler.caught.index()] =
                    Value::Exception(exception);
                if let Some(frame) = self.frames.last_mut() {
                    frame.pc = handler.target.0;
                }
                return true;
            }
            self.leave(frame.kind);
            self.frames.pop();
        }
        false
    }

    /// What ends with a frame, however it ends.
    pub(super) fn leave(&mut self, kind: FrameKind<'a>) {
        match kind {
            FrameKind::Scope => self.pop_scope(),
            FrameKind::Generator(generator, _) => generator.progress.set(Progress::Done),
            FrameKind::Plain | FrameKind::Command | FrameKind::Native(_) => {}
        }
    }

    /// Remember where in the script an error happened, unless it is the same one raised again.
    fn note(&mut self, code: &'a crate::bytecode::Code, at: u32) {
        let command = match code.ops.get(at as usize) {
            Some(Op::Failed { .. } | Op::Reraise { .. }) => return,
            Some(Op::Command { s, .. } | Op::CallScript { s, .. } | Op::Fail { s }) => {
                Some(code.sites[s.index()].name.as_ref())
            }
            _ => None,
        };
        self.site = Some(ErrorSite {
            offset: code.offsets.get(at as usize).copied().unwrap_or_default(),
            command,
        });
    }
}
