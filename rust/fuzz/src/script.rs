//! The input of the fuzzer, read as a sequence of choices.

/// A sequence of choices. After the end, each choice is the default.
pub struct Script<'a> {
    rest: &'a [u8],
}

impl<'a> Script<'a> {
    /// Creates a script from the whole input.
    #[must_use]
    pub fn new(input: &'a [u8]) -> Self {
        Self { rest: input }
    }

    /// Returns the next byte, or None at the end.
    pub fn byte(&mut self) -> Option<u8> {
        self.rest.split_off_first().copied()
    }

    /// Returns a number below `count`, 0 at the end.
    pub fn choice(&mut self, count: u8) -> u8 {
        self.byte().unwrap_or_default() % count
    }

    /// Returns true or false, false at the end.
    pub fn flag(&mut self) -> bool {
        self.choice(2) == 1
    }

    /// Returns a size near a power of two, like the thresholds of the engine.
    pub fn size(&mut self) -> usize {
        let near = 1_usize << self.choice(23);
        near.saturating_add_signed(isize::from(self.byte().unwrap_or_default().cast_signed()))
    }

    /// Returns the bytes that were not read.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }
}
