//! What the page "Training" knows, as plain data: which charts there are, their lines, scales and words.

mod chart;
mod export;
mod far;
mod line;
mod scale;
mod smooth;
mod view;

pub use chart::{Band, CHARTS, Chart, charts, constant};
pub use export::csv;
pub use far::Far;
pub use line::{Line, LineOf, Place};
pub use scale::{Scale, ticks, value};
pub use smooth::smooth;
pub use view::{LinkedStep, View};
