//! What can be loaded: the demo's policy, opened folders, addresses.

use super::state::State;
use crate::live::{Part, find};
use crate::ui::address::of_this_site;
use crate::ui::opened::{Opened, chosen, on_drop};
use leptos::ev;
use leptos::html;
use leptos::prelude::*;
use web_sys::HtmlInputElement;

/// The ways to open something, and what it is to run on.
#[component]
pub fn Bar(
    /// Loads the demo.
    on_demo: impl Fn(ev::MouseEvent) + 'static,
) -> impl IntoView {
    let state = expect_context::<State>();
    let over = on_drop(move |dropped| {
        leptos::task::spawn_local(async move {
            match dropped.files(&[]).await {
                Ok(files) => open(state, &files),
                Err(why) => state.failures.set(vec![why]),
            }
        });
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
        match of_this_site(&text, "models/name/") {
            Ok(whole) => {
                state.failures.set(Vec::new());
                state.add_address(part, &text, &whole);
                input.set_value("");
            }
            Err(why) => state.failures.set(vec![why]),
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
                <input class="hidden-input" type="file" multiple node_ref=folder data-testid="open-folder" on:change:target=move |event| choose(event.target())/>
            </label>
            <label class="named">
                "on"
                <select data-testid="device" prop:value=move || state.device.get() on:change:target=move |event| state.device.set(event.target().value())>
                    {device("auto", "a GPU where there is one")}
                    {device("gpu", "WebGPU, also where the processor plays the GPU")}
                    {device("cpu", "the processor")}
                </select>
            </label>
        </div>
        <details>
            <summary>"A folder of this page's server"</summary>
            <div class="address">
                <input type="text" node_ref=address aria-label="address of a folder" placeholder="models/name/" data-testid="address"/>
                <button type="button" data-testid="add-model" on:click=move |_| add(Part::Model)>"Add as model"</button>
                <button type="button" data-testid="add-adapter" on:click=move |_| add(Part::Adapter)>"Add as adapter"</button>
            </div>
            <p class="hint">"The page reads from its own server alone. The checkpoints of the runs that recode-trainer playground serves stand in the lists; it serves no other weights. A folder of this machine you can open, or drop anywhere."</p>
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
