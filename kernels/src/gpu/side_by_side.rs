//! Buffers that lie one behind the other in one allocation, so that what is the same for all of them is one launch: zeroing gradients, an
//! optimizer's step.

use std::ops::Range;
use std::sync::Arc;

use super::buffer::Buffer;
use super::device::Gpu;
use crate::decoder::room;
use crate::error::Result;

impl Buffer {
    /// Buffers of so many words that hold zeros, in as few allocations as the adapter's limit permits; zeros lie between them too.
    ///
    /// # Errors
    /// As [`Buffer::empty`].
    pub(crate) fn zeros_side_by_side(gpu: &Arc<Gpu>, words: &[usize]) -> Result<Vec<Self>> {
        Self::in_slabs(limit(gpu), words, |_, room| Self::filled(gpu, room, 0.0))
    }

    /// Buffers of these numbers, laid out as those of [`Buffer::zeros_side_by_side`].
    ///
    /// # Errors
    /// As [`Buffer::empty`].
    pub(crate) fn side_by_side(gpu: &Arc<Gpu>, numbers: &[&[f32]]) -> Result<Vec<Self>> {
        let words: Vec<usize> = numbers.iter().map(|numbers| numbers.len()).collect();
        Self::in_slabs(limit(gpu), &words, |range, total| {
            let mut slab = Vec::with_capacity(total);
            for numbers in &numbers[range] {
                let end = slab.len() + room(numbers.len());
                slab.extend_from_slice(numbers);
                slab.resize(end, 0.0);
            }
            Self::from_f32(gpu, &slab)
        })
    }

    /// Cuts buffers of so many words out of the slabs, of `limit` words at most, that `allocate` makes for a range of them and their rooms' sum.
    fn in_slabs(
        limit: usize,
        words: &[usize],
        mut allocate: impl FnMut(Range<usize>, usize) -> Result<Self>,
    ) -> Result<Vec<Self>> {
        let mut buffers = Vec::with_capacity(words.len());
        while buffers.len() < words.len() {
            let begin = buffers.len();
            let mut total = room(words[begin]);
            let mut end = begin + 1;
            while end < words.len() && total + room(words[end]) <= limit {
                total += room(words[end]);
                end += 1;
            }
            let slab = allocate(begin..end, total)?;
            let mut offset = 0;
            for &words in &words[begin..end] {
                buffers.push(slab.part(offset, words));
                offset += room(words);
            }
        }
        Ok(buffers)
    }
}

/// Words of the largest buffer.
fn limit(gpu: &Gpu) -> usize {
    (gpu.adapter().limits.buffer_bytes / 4) as usize
}

/// Joins buffers that lie side by side: each result is one run of them, the same run in every list, with what lies between them.
///
/// The lists are of one length and of the same buffers' lengths.
pub(crate) fn joined<const N: usize>(lists: [&[&Buffer]; N]) -> Vec<[Buffer; N]> {
    let count = lists.iter().map(|list| list.len()).min().unwrap_or(0);
    let mut runs = Vec::new();
    let mut begin = 0;
    while begin < count {
        let mut end = begin + 1;
        let mut last = 0; // where the run's last buffer begins
        let goes_on = |end: usize, next: usize| {
            let follows = |list: &[&Buffer]| list[begin].is_followed_by(list[end], next);
            end < count && lists.iter().all(|list| follows(list))
        };
        while goes_on(end, last + room(lists[0][end - 1].words())) {
            last += room(lists[0][end - 1].words());
            end += 1;
        }
        let words = last + lists[0][end - 1].words();
        runs.push(lists.map(|list| list[begin].longer(words)));
        begin = end;
    }
    runs
}

#[cfg(test)]
mod tests {
    use pollster::block_on;

    use super::*;

    #[test]
    fn buffers_side_by_side_are_one_run_and_keep_their_numbers() {
        let gpu = block_on(Gpu::open(0)).unwrap();
        let numbers: [&[f32]; 4] = [&[1.0, 2.0, 3.0], &[], &[4.0; 65], &[5.0]];
        let words = numbers.map(<[f32]>::len);
        let full = Buffer::side_by_side(&gpu, &numbers).unwrap();
        let zeros = Buffer::zeros_side_by_side(&gpu, &words).unwrap();
        for (buffer, numbers) in full.iter().zip(numbers) {
            assert_eq!(block_on(buffer.read_f32()).unwrap(), numbers);
        }
        let (full, zeros): (Vec<_>, Vec<_>) = (full.iter().collect(), zeros.iter().collect());
        let runs = joined([&full, &zeros]);
        assert_eq!(runs.len(), 1);
        let [whole, _] = &runs[0];
        whole.fill(7.0);
        assert_eq!(block_on(full[2].read_f32()).unwrap(), [7.0; 65]);

        // Where one list has another layout, each buffer is a run.
        let apart: Vec<Buffer> = numbers
            .iter()
            .map(|numbers| Buffer::from_f32(&gpu, numbers).unwrap())
            .collect();
        let apart: Vec<&Buffer> = apart.iter().collect();
        assert_eq!(joined([&full, &apart]).len(), 4);
        drop((full, runs));
    }

    #[test]
    fn what_does_not_fit_into_one_slab_lies_in_the_next() {
        let gpu = block_on(Gpu::open(0)).unwrap();
        let words = [3, 65, 1, 200, 1, 1];
        // The first two fill a slab, one is larger than a slab by itself, and the last two share one.
        let limit = room(3) + room(65);
        let mut slabs = Vec::new();
        let buffers = Buffer::in_slabs(limit, &words, |range, total| {
            slabs.push((range, total));
            Buffer::filled(&gpu, total, 0.0)
        });
        let buffers = buffers.unwrap();
        assert_eq!(
            slabs,
            [
                (0..2, limit),
                (2..3, room(1)),
                (3..4, room(200)),
                (4..6, 2 * room(1))
            ]
        );
        for (index, buffer) in buffers.iter().enumerate() {
            buffer.fill(index as f32);
        }
        for (index, buffer) in buffers.iter().enumerate() {
            let expected = vec![index as f32; words[index]];
            assert_eq!(block_on(buffer.read_f32()).unwrap(), expected);
        }
        assert_eq!(joined([&buffers.iter().collect::<Vec<_>>()]).len(), 4);
    }
}
