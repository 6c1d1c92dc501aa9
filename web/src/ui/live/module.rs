//! The checkpoints' own module, `web/worker/js/checkpoint.js`, which nothing loads before the first checkpoint does.

use js_sys::{Array, Function, Object, Promise, Reflect};
use leptos::prelude::*;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

/// Imports the module; the browser imports it once.
#[derive(Clone, Copy)]
pub struct Module(StoredValue<Function, LocalStorage>);

impl Module {
    /// `load` returns the promise of the module.
    pub fn new(load: Function) -> Self {
        Module(StoredValue::new_local(load))
    }

    /// Loads a checkpoint in a worker of its own.
    ///
    /// # Errors
    /// What the module or the worker says.
    pub async fn load(self, options: &Object) -> Result<Checkpoint, JsValue> {
        let import = self.0.get_value();
        let module = JsFuture::from(import.call0(&JsValue::NULL)?.dyn_into::<Promise>()?);
        let module = module.await.map_err(|error| {
            let why = format!("{}: does the page's server still answer?", said(&error));
            JsValue::from(js_sys::Error::new(&why))
        })?;
        let class = Reflect::get(&module, &"Checkpoint".into())?;
        let load: Function = Reflect::get(&class, &"load".into())?.dyn_into()?;
        let loaded = load.call1(&class, options)?.dyn_into::<Promise>()?;
        Ok(JsFuture::from(loaded).await?.unchecked_into())
    }
}

#[wasm_bindgen]
extern "C" {
    /// A checkpoint that is loaded.
    #[derive(Clone)]
    pub type Checkpoint;

    /// `{ device, name?, reason?, module_bytes }`
    #[wasm_bindgen(method, getter)]
    pub fn device(this: &Checkpoint) -> JsValue;

    /// Another one on the same worker, which shares the base.
    #[wasm_bindgen(method, catch)]
    pub async fn with(this: &Checkpoint, options: &Object) -> Result<JsValue, JsValue>;

    /// Answers a prompt.
    #[wasm_bindgen(method, catch)]
    pub async fn generate(this: &Checkpoint, options: &Object) -> Result<JsValue, JsValue>;

    /// Why its worker has ended, where it has.
    #[wasm_bindgen(method, getter)]
    pub fn ended(this: &Checkpoint) -> Option<String>;

    /// Gives its memory back.
    #[wasm_bindgen(method)]
    pub fn close(this: &Checkpoint);
}

/// Options of a call. A plain object takes every one.
pub fn options(fields: &[(&str, &JsValue)]) -> Object {
    let pairs: Array = fields
        .iter()
        .map(|(name, value)| Array::of2(&(*name).into(), value))
        .collect();
    Object::from_entries(&pairs).unwrap_or_default()
}

/// The files of a model or an adapter by name, each a Blob or an address, as the module takes them.
pub fn by_name<'a>(files: impl Iterator<Item = (&'a str, impl Into<JsValue>)>) -> JsValue {
    let files: Vec<(&str, JsValue)> = files.map(|(name, file)| (name, file.into())).collect();
    let fields: Vec<(&str, &JsValue)> = files.iter().map(|(name, file)| (*name, file)).collect();
    options(&fields).into()
}

/// What an error says.
pub fn said(error: &JsValue) -> String {
    let text = Reflect::get(error, &"message".into()).ok();
    text.and_then(|text| text.as_string())
        .unwrap_or_else(|| format!("{error:?}"))
}
