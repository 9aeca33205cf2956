//! The bytes of the fuzzer, read as a sequence of choices.

/// Choices, as long as there are any.
pub struct Script<'a> {
    rest: &'a [u8],
}

impl<'a> Script<'a> {
    /// The whole input.
    #[must_use]
    pub fn new(input: &'a [u8]) -> Self {
        Self { rest: input }
    }

    /// The next byte; None at the end.
    pub fn byte(&mut self) -> Option<u8> {
        self.rest.split_off_first().copied()
    }

    /// One of `count`; the first at the end.
    pub fn choice(&mut self, count: u8) -> u8 {
        self.byte().unwrap_or_default() % count
    }

    /// Yes or no; no at the end.
    pub fn flag(&mut self) -> bool {
        self.choice(2) == 1
    }

    /// A number of bytes. All that the engine decides by is a power of two or near one.
    pub fn size(&mut self) -> usize {
        let near = 1_usize << self.choice(23);
        near.saturating_add_signed(isize::from(self.byte().unwrap_or_default().cast_signed()))
    }

    /// What was not read.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }
}
