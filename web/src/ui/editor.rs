//! A field for text: a plain textarea at once, and CodeMirror in its place as soon as that is there.

use js_sys::{Array, Function, Object, Promise, Reflect};
use leptos::html;
use leptos::prelude::*;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

/// Imports the editor's module; the browser imports it once.
#[derive(Clone, Copy)]
pub struct Loader(StoredValue<Function, LocalStorage>);

impl Loader {
    /// `load` returns the promise of the module.
    pub fn new(load: Function) -> Self {
        Loader(StoredValue::new_local(load))
    }

    async fn open(self) -> Result<Function, JsValue> {
        let load = self.0.get_value();
        let module = JsFuture::from(load.call0(&JsValue::NULL)?.dyn_into::<Promise>()?).await?;
        Reflect::get(&module, &"open".into())?.dyn_into()
    }
}

#[wasm_bindgen]
extern "C" {
    /// What editor.js returns.
    #[derive(Clone)]
    type Editor;
    #[wasm_bindgen(method)]
    fn set(this: &Editor, text: &str);
    #[wasm_bindgen(method)]
    fn mark(this: &Editor, from: Option<u32>, message: &str);
}

/// A place in a text that something is wrong with, in UTF-16 units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// Where.
    pub at: u32,
    /// What.
    pub message: String,
}

/// A labelled field.
#[component]
pub fn Field(
    /// What it is for.
    label: &'static str,
    /// Its name for tests and labels.
    name: &'static str,
    /// What editor.js takes it for: `python`, `completion` or `text`.
    language: &'static str,
    /// The text.
    #[prop(into)]
    text: Signal<String>,
    /// Takes a changed text.
    on_change: Callback<String>,
    /// What is wrong with it.
    #[prop(into)]
    mark: Signal<Option<Mark>>,
) -> impl IntoView {
    let (area, host) = (
        NodeRef::<html::Textarea>::new(),
        NodeRef::<html::Div>::new(),
    );
    let editor = RwSignal::new_local(None::<Editor>);
    let loader = expect_context::<Loader>();
    let changed = StoredValue::new_local(Closure::<dyn Fn(String)>::new(move |text| {
        on_change.run(text)
    }));

    // Once the page has been painted: the first score does not wait for the editor.
    Effect::new(move |_| {
        let (Some(area), Some(host)) = (area.get(), host.get()) else {
            return;
        };
        request_animation_frame(move || {
            leptos::task::spawn_local(async move {
                // Without the editor the textarea stays, which is all that is lost.
                let Ok(open) = loader.open().await else {
                    return;
                };
                let options = Object::new();
                let on_change = changed.try_with_value(|closure| closure.as_ref().clone());
                let Some(on_change) = on_change else { return };
                for (key, value) in [
                    ("label", JsValue::from(label)),
                    ("language", language.into()),
                    ("onChange", on_change),
                ] {
                    let _ = Reflect::set(&options, &key.into(), &value);
                }
                let arguments = Array::of3(&host, &area, &options);
                if let Ok(opened) = open.apply(&JsValue::NULL, &arguments) {
                    editor.set(Some(opened.unchecked_into()));
                }
            });
        });
    });
    Effect::new(move |_| {
        let text = text.get();
        if let Some(editor) = editor.get() {
            editor.set(&text);
        }
    });
    Effect::new(move |_| {
        let (mark, editor) = (mark.get(), editor.get());
        if let Some(editor) = editor {
            let message = mark.as_ref().map_or("", |mark| &mark.message);
            editor.mark(mark.as_ref().map(|mark| mark.at), message);
        }
    });
    let id = format!("field-{name}");
    let (named, labelled) = (id.clone(), id.clone());
    view! {
        <div class="field" data-testid=named>
            <label for=labelled>{label}</label>
            <div class="editor" node_ref=host></div>
            <textarea
                id=id
                node_ref=area
                spellcheck="false"
                autocapitalize="off"
                autocomplete="off"
                prop:value=move || text.get()
                hidden=move || editor.with(Option::is_some)
                aria-invalid=move || mark.with(Option::is_some).to_string()
                on:input:target=move |event| on_change.run(event.target().value())
            ></textarea>
            <p class="wrong" data-testid=format!("wrong-{name}")>
                {move || mark.get().map(|mark| mark.message)}
            </p>
        </div>
    }
}
