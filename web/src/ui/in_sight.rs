//! The part of a long table that is in sight: its rows are drawn, the others are room.

use leptos::html;
use leptos::prelude::*;
use std::ops::Range;

/// How high a row is, in pixels; page.css says the same.
const ROW: f64 = 26.0;
/// How many rows beyond those in sight are drawn on either side.
const BEYOND: usize = 8;

/// What of a table's rows is drawn, by where its box is scrolled to.
#[derive(Clone, Copy)]
pub struct InSight {
    /// The box that is scrolled.
    pub container: NodeRef<html::Div>,
    /// The rows that are drawn.
    pub range: Memo<Range<usize>>,
    scrolled: RwSignal<(f64, f64)>,
    count: Memo<usize>,
}

impl InSight {
    /// Of a table of `count` rows in a box of some pixels' height.
    pub fn new(count: Memo<usize>, height: f64) -> Self {
        let scrolled = RwSignal::new((0.0, height));
        let range = Memo::new(move |_| {
            let (top, height) = scrolled.get();
            let first = ((top / ROW) as usize).saturating_sub(BEYOND);
            let last = ((top + height) / ROW) as usize + BEYOND;
            first.min(count.get())..last.min(count.get())
        });
        Self {
            container: NodeRef::new(),
            range,
            scrolled,
            count,
        }
    }

    /// The box has been scrolled.
    pub fn measure(self) {
        if let Some(container) = self.container.get_untracked() {
            self.scrolled.set((
                f64::from(container.scroll_top()),
                f64::from(container.client_height()),
            ));
        }
    }

    /// Scrolls as little as brings a row into sight.
    pub fn show(self, place: usize) {
        let Some(container) = self.container.get_untracked() else {
            return;
        };
        // The head takes one row's room.
        let height = f64::from(container.client_height()) - ROW;
        let (top, y) = (f64::from(container.scroll_top()), place as f64 * ROW);
        if y < top {
            container.set_scroll_top(y as i32);
        } else if y + ROW > top + height {
            container.set_scroll_top((y + ROW - height) as i32);
        }
    }

    /// The height of the rows above those drawn, as CSS has it.
    pub fn room_above(self) -> String {
        format!("{}px", self.range.get().start as f64 * ROW)
    }

    /// The height of the rows below those drawn.
    pub fn room_below(self) -> String {
        let rows = self.count.get() - self.range.get().end;
        format!("{}px", rows as f64 * ROW)
    }
}

/// What the arrow and page keys do in such a table: steps of one row and of ten.
pub fn arrows(step: impl Fn(isize)) -> impl Fn(web_sys::KeyboardEvent) {
    move |event| {
        match &*event.key() {
            "ArrowDown" => step(1),
            "ArrowUp" => step(-1),
            "PageDown" => step(10),
            "PageUp" => step(-10),
            _ => return,
        }
        event.prevent_default();
    }
}
