//! The memory that values share during a run: one buffer for all loaded programs, since their runs follow one another.

use std::sync::{Arc, Mutex};

use super::{buffer::Storage, device::Gpu, lock::lock};
use crate::{error::Result, sorted::SortedMap};

/// The arena of a device: as large as the largest need of a loaded program, gone with the last of them.
#[derive(Default)]
pub(super) struct Arena {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    /// How many programs need so many words.
    needs: SortedMap<usize, usize>,
    storage: Option<Arc<Storage>>,
    words: usize,
}

impl Arena {
    /// Notes a program's need and makes room for it.
    ///
    /// # Errors
    /// Those of [`Storage::new`]; the need is then not noted.
    pub fn reserve(&self, gpu: &Arc<Gpu>, words: usize) -> Result<()> {
        *lock(&self.inner).needs.or_insert_with(words, || 0) += 1;
        match self.memory(gpu) {
            Ok(_) => Ok(()),
            Err(error) => {
                self.release(words);
                Err(error)
            }
        }
    }

    /// Forgets a program's need.
    pub fn release(&self, words: usize) {
        let mut inner = lock(&self.inner);
        if let Some(count) = inner.needs.get_mut(&words) {
            *count -= 1;
            if *count == 0 {
                inner.needs.remove(&words);
            }
        }
        let unused = if inner.needs.is_empty() { inner.storage.take() } else { None };
        drop(inner);
        drop(unused);
    }

    /// The memory, as large as it has to be.
    ///
    /// # Errors
    /// Those of [`Storage::new`].
    pub fn memory(&self, gpu: &Arc<Gpu>) -> Result<Arc<Storage>> {
        let mut inner = lock(&self.inner);
        let needed = inner.needs.keys().next_back().copied().unwrap_or(0);
        if let Some(storage) = inner.storage.as_ref().filter(|_| inner.words >= needed) {
            return Ok(storage.clone());
        }
        // The old memory is given back first.
        drop(inner.storage.take());
        let storage = Arc::new(Storage::in_parts(gpu, "the memory of a program", needed)?);
        inner.storage = Some(storage.clone());
        inner.words = needed;
        Ok(storage)
    }
}
