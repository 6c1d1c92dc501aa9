//! The page: what a browser shows of [`crate::score`]'s and [`crate::compare`]'s data.
//!
//! Text from files reaches the page as text nodes alone, never as markup.

mod address;
mod chart;
mod compare;
mod download;
mod editor;
mod faults;
mod in_sight;
mod keys;
mod live;
mod opened;
mod rules;
mod save_table;
mod score;
mod served;
mod shell;
mod show_more;
mod task;
mod text;
mod training;

use js_sys::Function;
use leptos::prelude::*;
use wasm_bindgen::prelude::*;

/// Shows the playground. `load_editor` imports editor.js, when the first field asks for it; `load_checkpoint` imports the checkpoints' module, when the
/// first is loaded.
#[wasm_bindgen]
pub fn mount(load_editor: Function, load_checkpoint: Function) {
    leptos::mount::mount_to_body(move || {
        provide_context(editor::Loader::new(load_editor));
        provide_context(live::Module::new(load_checkpoint));
        provide_context(keys::Keys::new());
        view! { <shell::Shell/> }
    });
}
