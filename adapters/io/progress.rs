//! How much of a chunk was decoded.

/// Notes how much of a chunk was decoded, even if a visitor panics, so that nothing is decoded twice.
pub(in crate::adapters) struct Progress<'a, 'i> {
    decoded: &'a mut usize,
    len: usize,
    /// The rest of the chunk.
    pub(in crate::adapters) input: &'i [u8],
}

impl<'a, 'i> Progress<'a, 'i> {
    #[inline]
    pub(in crate::adapters) const fn new(decoded: &'a mut usize, chunk: &'i [u8]) -> Self {
        Self {
            decoded,
            len: chunk.len(),
            input: chunk,
        }
    }
}

impl Drop for Progress<'_, '_> {
    #[inline]
    fn drop(&mut self) {
        *self.decoded = self.len - self.input.len();
    }
}
