//! What can be loaded: the demo's policy, opened folders, addresses.

use super::state::State;
use crate::live::{Part, find};
use crate::ui::opened::{Opened, chosen, dropped};
use leptos::ev;
use leptos::html;
use leptos::prelude::*;
use web_sys::{DragEvent, HtmlInputElement};

/// The ways to open something, and what it is to run on.
#[component]
pub fn Bar(
    /// Loads the demo.
    on_demo: impl Fn(ev::MouseEvent) + 'static,
) -> impl IntoView {
    let state = expect_context::<State>();
    let over = RwSignal::new(false);
    let drops = window_event_listener(ev::drop, move |event: DragEvent| {
        over.set(false);
        let Some(data) = event.data_transfer() else {
            return;
        };
        event.prevent_default();
        let files = dropped(data, &[]);
        leptos::task::spawn_local(async move { open(state, &files.await) });
    });
    let dragged = window_event_listener(ev::dragover, move |event: DragEvent| {
        event.prevent_default();
        over.set(true);
    });
    let left = window_event_listener(ev::dragleave, move |_| over.set(false));
    on_cleanup(move || {
        drops.remove();
        dragged.remove();
        left.remove();
    });
    let folder = NodeRef::<html::Input>::new();
    Effect::new(move |_| {
        if let Some(folder) = folder.get() {
            // A browser without it offers single files, which do as well.
            let _ = folder.set_attribute("webkitdirectory", "");
        }
    });
    let choose = move |input: HtmlInputElement| {
        if let Some(files) = input.files() {
            open(state, &chosen(&files));
        }
        // The same may be chosen again.
        input.set_value("");
    };
    let address = NodeRef::<html::Input>::new();
    let add = move |part: Part| {
        let Some(input) = address.get_untracked() else {
            return;
        };
        let text = input.value().trim().to_owned();
        match text.is_empty() {
            true => state.failures.set(vec![
                "the address is empty; expected a folder beside this page, as models/name/"
                    .to_owned(),
            ]),
            false => {
                state.failures.set(Vec::new());
                state.add_address(part, &text);
                input.set_value("");
            }
        }
    };
    let device = move |value: &'static str, name: &'static str| {
        view! { <option value=value>{name}</option> }
    };
    view! {
        <div class="file-bar" class:over=move || over.get()>
            <button type="button" class="main" data-testid="load-demo" on:click=on_demo>"Load the demo's policy, before and after training"</button>
            <label class="button">
                "Open a folder…"
                <input class="hidden-input" type="file" node_ref=folder data-testid="open-folder" on:change:target=move |event| choose(event.target())/>
            </label>
            <label class="line">
                "on"
                <select data-testid="device" prop:value=move || state.device.get() on:change:target=move |event| state.device.set(event.target().value())>
                    {device("auto", "a GPU where there is one")}
                    {device("gpu", "WebGPU, whatever plays it")}
                    {device("cpu", "the processor")}
                </select>
            </label>
        </div>
        <details>
            <summary>"A folder of this page's server"</summary>
            <div class="address">
                <input type="text" node_ref=address aria-label="address of a folder" placeholder="models/name/" data-testid="address"/>
                <button type="button" data-testid="add-model" on:click=move |_| add(Part::Model)>"is a model"</button>
                <button type="button" data-testid="add-adapter" on:click=move |_| add(Part::Adapter)>"is an adapter"</button>
            </div>
            <p class="hint">"The page's policy lets it read from its own server alone. A folder of this machine you can open, or drop anywhere."</p>
        </details>
        <p class="hint">"Models in Hugging Face's layout with safetensors, adapters in PEFT's, and run folders, whose checkpoints are adapters. They stay in this page's memory: nothing is sent anywhere."</p>
    }
}

fn open(state: State, files: &[Opened]) {
    let paths: Vec<String> = files.iter().map(|(path, _)| path.clone()).collect();
    let (found, lacking) = find(&paths);
    state.failures.set(lacking);
    for folder in found {
        let files: Vec<Opened> = folder
            .files
            .into_iter()
            .map(|(name, at)| (name, files[at].1.clone()))
            .collect();
        state.add_files(folder.part, folder.name, &files);
    }
}
