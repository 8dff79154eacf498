//! What is open around a place, the innermost last: without memory of its own for one level, which is all that the
//! variables of most scripts have.

/// A stack whose top stands in place.
#[derive(Debug)]
pub struct Nesting<T> {
    last: Option<T>,
    below: Vec<T>,
}

impl<T> Nesting<T> {
    /// Nothing is open.
    #[inline]
    #[must_use]
    pub const fn new() -> Self {
        Self {
            last: None,
            below: Vec::new(),
        }
    }

    /// How much is open.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.below.len() + usize::from(self.last.is_some())
    }

    /// Is nothing open?
    #[inline]
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.last.is_none()
    }

    /// What is open, from the innermost out.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.last.iter().chain(self.below.iter().rev())
    }

    /// The innermost.
    #[inline]
    pub const fn last_mut(&mut self) -> Option<&mut T> {
        self.last.as_mut()
    }

    /// Open one more.
    #[inline]
    pub fn push(&mut self, item: T) {
        if let Some(outer) = self.last.replace(item) {
            self.below.push(outer);
        }
    }

    /// Close the innermost.
    #[inline]
    pub fn pop(&mut self) {
        self.last = self.below.pop();
    }
}

impl<T> Default for Nesting<T> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_opened_last_is_closed_first() {
        let mut open = Nesting::new();
        assert!(open.is_empty() && open.last_mut().is_none());
        for item in 1..=3 {
            open.push(item);
            assert_eq!(open.len(), item);
        }
        assert_eq!(open.iter().copied().collect::<Vec<_>>(), [3, 2, 1]);
        for item in (1..=3).rev() {
            assert_eq!(open.last_mut().copied(), Some(item));
            open.pop();
        }
        open.pop();
        assert!(open.is_empty());
    }
}
