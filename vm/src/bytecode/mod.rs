//! Register bytecode: instructions, code, text form, verification.

/// The instructions of one function.
#[derive(Debug)]
pub struct Code {
    name: String,
}

impl Code {
    /// Name of the function it came from.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}
