use rayon::prelude::*;

/// Elements of a task of the additions, which are bound by memory.
const TASK: usize = 1 << 14;

pub(super) fn add(x: &[f32], y: &mut [f32]) {
    y.par_chunks_mut(TASK)
        .zip(x.par_chunks(TASK))
        .for_each(|(y, x)| y.iter_mut().zip(x).for_each(|(y, x)| *y += x));
}

pub(super) fn add_into(a: &[f32], b: &[f32], out: &mut [f32]) {
    out.par_chunks_mut(TASK)
        .zip(a.par_chunks(TASK).zip(b.par_chunks(TASK)))
        .for_each(|(out, (a, b))| {
            for (out, (a, b)) in out.iter_mut().zip(a.iter().zip(b)) {
                *out = a + b;
            }
        });
}

pub(super) fn subtract_row(row: &[f32], y: &mut [f32]) {
    for y in y.chunks_exact_mut(row.len().max(1)) {
        y.iter_mut().zip(row).for_each(|(y, x)| *y -= x);
    }
}
