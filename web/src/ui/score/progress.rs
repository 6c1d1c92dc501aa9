//! How far the reading of a file of rows is.

use super::file::{OpenFile, Reading};
use crate::score::rows::MAX_ROWS;
use crate::ui::text::counted;
use leptos::prelude::*;

/// How far it is, and a way to stop.
#[component]
pub fn Progress() -> impl IntoView {
    let file = expect_context::<OpenFile>();
    let stop = move || {
        matches!(file.reading.get(), Reading::Going { .. }).then(|| {
            view! { <button type="button" data-testid="stop" on:click=move |_| file.stop()>"Stop"</button> }
        })
    };
    let said = move || {
        let rows = file.table.with(|table| table.rows.len());
        match file.reading.get() {
            Reading::Going { done, size } => {
                let percent = 100.0 * done / size.max(1.0);
                format!("{}, {percent:.0} %", counted(rows, "row"))
            }
            // Why, is said below.
            Reading::Stopped if rows == 0 && file.failure.with(Option::is_some) => {
                "not read".to_owned()
            }
            Reading::Stopped => format!("stopped after {}", counted(rows, "row")),
            Reading::Full => format!("the first {MAX_ROWS} rows: split the file to see the others"),
            Reading::Done if rows == 0 => {
                "no rows: expected JSON Lines, an object a line".to_owned()
            }
            Reading::Done => counted(rows, "row"),
        }
    };
    view! {
        <span role="status" data-testid="progress">{said}</span>
        {stop}
    }
}
