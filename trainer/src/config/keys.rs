//! The machinery behind the table in `config/mod.rs`: one declaration gives the struct, the default, the check and the help.

use toml::Value;

/// One key of the configuration.
#[derive(Debug, Clone)]
pub struct Key {
    /// Dotted name, as in `--set rollout.top_p=0.9`.
    pub name: &'static str,
    /// What it means, in one or two sentences.
    pub doc: &'static str,
    /// The values it may take, in words.
    pub permitted: &'static str,
    /// The default; none where the key is absent unless given.
    pub default: Option<Value>,
    /// Whether a value has to be given: the default is not itself permitted.
    pub required: bool,
    /// Says what is wrong with a value, if anything: its type, or that it is not permitted.
    pub(super) check: fn(&Value) -> Result<(), Fault>,
}

/// What is wrong with a value.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Not of the key's type; the text is the deserializer's.
    Type(String),
    /// Of the right type, outside what is permitted.
    Range,
}

impl Key {
    /// The default as it is written in TOML, or what stands for it.
    pub(super) fn default_text(&self) -> String {
        match &self.default {
            _ if self.required => "(required)".to_owned(),
            Some(value) => value.to_string(),
            None => "(absent)".to_owned(),
        }
    }

    /// The section in which the key stands; empty at the top.
    pub(super) fn section(&self) -> &'static str {
        self.name.split_once('.').map_or("", |(section, _)| section)
    }

    /// The name within its section.
    pub(super) fn leaf(&self) -> &'static str {
        self.name
            .split_once('.')
            .map_or(self.name, |(_, leaf)| leaf)
    }
}

/// Declares the configuration; see `config/mod.rs` for the form.
macro_rules! config_keys {
    (
        root { $(
            $(#[doc = $root_doc:literal])+
            $root_key:ident : $root_type:ty = $root_default:expr, $root_permitted:literal => $root_holds:expr ;
        )* }
        $(
            #[doc = $section_doc:literal]
            [$section:ident] $Section:ident { $(
                $(#[doc = $doc:literal])+
                $key:ident : $type:ty = $default:expr, $permitted:literal => $holds:expr ;
            )* }
        )*
    ) => {
        /// Everything a run is told. Read one with [`Config::load`] or [`Config::from_toml`].
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct Config {
            $( $(#[doc = $root_doc])+ pub $root_key: $root_type, )*
            $( #[doc = $section_doc] pub $section: $Section, )*
        }

        impl Default for Config {
            fn default() -> Self {
                Self {
                    $( $root_key: $root_default, )*
                    $( $section: $Section::default(), )*
                }
            }
        }

        $(
            #[doc = $section_doc]
            #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
            #[serde(deny_unknown_fields)]
            pub struct $Section {
                $( $(#[doc = $doc])+ pub $key: $type, )*
            }

            impl Default for $Section {
                fn default() -> Self {
                    Self { $( $key: $default, )* }
                }
            }
        )*

        /// Every key, in the order of the table.
        pub fn keys() -> Vec<Key> {
            vec![
                $( config_keys!(@key stringify!($root_key), concat!($($root_doc),+), $root_type, $root_default, $root_permitted, $root_holds), )*
                $( $(
                    config_keys!(@key concat!(stringify!($section), ".", stringify!($key)), concat!($($doc),+), $type, $default, $permitted, $holds),
                )* )*
            ]
        }

        /// Every section with its meaning, in the order of the table.
        pub(super) fn sections() -> Vec<(&'static str, &'static str)> {
            vec![ $( (stringify!($section), $section_doc.trim_ascii()), )* ]
        }
    };
    (@key $name:expr, $doc:expr, $type:ty, $default:expr, $permitted:expr, $holds:expr) => {{
        let holds: fn(&$type) -> bool = $holds;
        let default: $type = $default;
        Key {
            name: $name,
            doc: $doc.trim_ascii(),
            permitted: $permitted,
            required: !holds(&default),
            default: toml::Value::try_from(default).ok(),
            check: |value| {
                let holds: fn(&$type) -> bool = $holds;
                match <$type>::deserialize(value.clone()) {
                    Err(error) => Err(keys::Fault::Type(error.message().to_owned())),
                    Ok(value) if holds(&value) => Ok(()),
                    Ok(_) => Err(keys::Fault::Range),
                }
            },
        }
    }};
}

/// All keys with their defaults, permitted values and meanings, for `--help`.
pub fn help() -> String {
    let mut text = String::from(
        "Configuration (TOML; every key can be overridden with --set section.key=value):\n",
    );
    let sections = super::sections();
    let mut section = "";
    for key in super::keys() {
        if key.section() != section {
            section = key.section();
            let doc = sections
                .iter()
                .find(|(name, _)| *name == section)
                .map_or("", |(_, doc)| doc);
            text += &format!("\n[{section}]  {doc}\n");
        }
        text += &format!("  {} = {}\n", key.leaf(), key.default_text());
        text += &format!("      {} [{}]\n", key.doc, key.permitted);
    }
    text
}
