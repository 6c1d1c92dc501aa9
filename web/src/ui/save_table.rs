//! A button that saves a table of the page as CSV.

use super::download::save;
use crate::csv;
use leptos::html;
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::{Element, NodeList};

/// Saves the cells of a table as they are shown.
#[component]
pub fn SaveTable(
    /// What the file is called, without its end.
    #[prop(into)]
    name: String,
    /// The table.
    table: NodeRef<html::Table>,
) -> impl IntoView {
    let file = format!("{name}.csv");
    let save = move |_| {
        let Some(table) = table.get_untracked() else {
            return;
        };
        let elements = |list: Result<NodeList, _>| -> Vec<Element> {
            let list: NodeList = list.expect("a selector that is one");
            let at = |at| Some(list.get(at)?.unchecked_into());
            (0..list.length()).filter_map(at).collect()
        };
        let rows = elements(table.query_selector_all("tr"));
        let cells = |row: &Element| {
            let cells = elements(row.query_selector_all("th, td"));
            let text = |cell: &Element| cell.text_content().unwrap_or_default();
            cells.iter().map(text).collect()
        };
        let rows: Vec<Vec<String>> = rows.iter().map(cells).collect();
        let text = csv::table(&rows);
        // A browser that refuses a download says so itself.
        let _ = save(&file, "text/csv;charset=utf-8", &text);
    };
    view! { <button type="button" class="plain" data-testid=format!("save-{name}") aria-label=format!("{name} as CSV") on:click=save>"CSV"</button> }
}
