//! A decoder whose weights arrive tensor by tensor, so that no file has to be in memory whole: from a browser's download, or a map.

use std::collections::{BTreeMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

use super::files::{Place, TensorFiles, header_bytes, refused};
use super::{Decoder, EMBEDDING, HEAD, Source};
use crate::decoder::config::DecoderConfig;
use crate::device::Device;
use crate::error::{Error, Result};
use crate::tensor::{Tensor, Weight};

/// A decoder that is being put together.
///
/// The headers of its files say what will come; [`Loading::awaited`] then asks for one tensor after the other, in the files' order, and
/// [`Loading::put`] takes its bytes.
#[derive(Debug)]
pub struct Loading {
    config: DecoderConfig,
    device: Device,
    coming: VecDeque<Place>,
    arrived: Arrived,
    /// Of the embedding's bytes, and of those of a second copy, where there is one.
    digests: Option<[Option<u64>; 2]>,
}

#[derive(Debug, Default)]
struct Arrived {
    matrices: BTreeMap<String, Weight>,
    vectors: BTreeMap<String, Tensor>,
}

/// Collects the places that a decoder is built from, in place of their numbers.
struct Wanted {
    files: TensorFiles,
    places: Vec<Place>,
}

impl Source for Wanted {
    fn matrix(&mut self, name: &str, rows: usize, cols: usize) -> Result<Weight> {
        self.places.push(self.files.take(name, &[rows, cols])?);
        Weight::f32(0, 0, Vec::new())
    }

    fn vector(&mut self, name: &str, len: usize) -> Result<Tensor> {
        self.places.push(self.files.take(name, &[len])?);
        Ok(Tensor::default())
    }
}

impl Source for Arrived {
    fn matrix(&mut self, name: &str, _: usize, _: usize) -> Result<Weight> {
        let arrived = self.matrices.remove(name);
        arrived.ok_or_else(|| refused(name, "has not arrived"))
    }

    fn vector(&mut self, name: &str, _: usize) -> Result<Tensor> {
        let arrived = self.vectors.remove(name);
        arrived.ok_or_else(|| refused(name, "has not arrived"))
    }
}

impl Loading {
    /// How many bytes of a safetensors file its header takes, given the first eight, which count too; `None` where it is no such file.
    #[must_use]
    pub fn header_bytes(first: [u8; 8]) -> Option<u64> {
        header_bytes(first).map(|size| 8 + size)
    }

    /// Begins, given of each file its header (or more of its beginning) and its length in bytes.
    ///
    /// # Errors
    /// Those of [`Decoder::from_safetensors`] that the headers show.
    pub fn new(config: DecoderConfig, device: &Device, files: &[(&[u8], u64)]) -> Result<Self> {
        config.check()?;
        let mut files = TensorFiles::read(files)?;
        let copy = match config.tie_word_embeddings {
            true => files.discard(HEAD),
            false => None,
        };
        let constants: Vec<String> = files
            .names()
            .filter(|name| name.ends_with(".rotary_emb.inv_freq"))
            .map(str::to_owned)
            .collect();
        for name in &constants {
            files.discard(name);
        }
        let digests = copy.is_some().then_some([None; 2]);
        if let (Some(copy), Some(embedding)) = (&copy, files.get(EMBEDDING))
            && !copy.is_like(embedding)
        {
            return Err(differs());
        }
        let mut wanted = Wanted {
            files,
            places: Vec::from_iter(copy),
        };
        Decoder::build(config.clone(), &mut wanted)?;
        wanted.files.finish(&format!(
            "a {:?} decoder of {} layers with the biases and the head of config.json",
            config.model_type, config.num_hidden_layers
        ))?;
        let mut coming = wanted.places;
        coming.sort_by_key(|place| (place.file, place.bytes.start));
        Ok(Self {
            config,
            device: device.clone(),
            coming: coming.into(),
            arrived: Arrived::default(),
            digests,
        })
    }

    /// The tensor whose bytes are wanted next.
    #[must_use]
    pub fn awaited(&self) -> Option<Place> {
        self.coming.front().cloned()
    }

    /// Bytes that are yet to come.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let bytes = self.coming.iter().map(|p| p.bytes.end - p.bytes.start);
        bytes.sum()
    }

    /// Bytes that what is yet to come takes of the device's memory.
    #[must_use]
    pub fn weight_bytes(&self) -> u64 {
        let is_copy = |place: &Place| self.config.tie_word_embeddings && place.name == HEAD;
        let kept = self.coming.iter().filter(|place| !is_copy(place));
        kept.map(Place::loaded_bytes).sum()
    }

    /// Takes the bytes of the tensor that [`Loading::awaited`] names, and puts it into the device's memory.
    ///
    /// # Errors
    /// [`Error::Weights`] for another number of bytes, and for numbers that are infinite or none; [`Error::Argument`] where all tensors have
    /// arrived, or a row is larger than the device's buffers can be.
    pub fn put(&mut self, bytes: &[u8]) -> Result<()> {
        let Some(place) = self.coming.pop_front() else {
            return Err(Error::Argument {
                op: "Loading::put",
                what: "bytes",
                reason: "came after the last tensor".to_owned(),
            });
        };
        let expected = place.bytes.end - place.bytes.start;
        if bytes.len() as u64 != expected {
            return Err(refused(
                place.name,
                format!("came as {} bytes of {expected}", bytes.len()),
            ));
        }
        self.compare_tied(&place.name, bytes)?;
        if self.config.tie_word_embeddings && place.name == HEAD {
            return Ok(());
        }
        if place.is_matrix() {
            let matrix = place.matrix(bytes, &self.device)?;
            self.arrived.matrices.insert(place.name, matrix);
        } else {
            let vector = place.vector(bytes)?.to(&self.device)?;
            self.arrived.vectors.insert(place.name, vector);
        }
        Ok(())
    }

    /// A tied head may be in the files a second time as long as it is the embedding.
    fn compare_tied(&mut self, name: &str, bytes: &[u8]) -> Result<()> {
        let Some(digests) = &mut self.digests else {
            return Ok(());
        };
        let Some(index) = [EMBEDDING, HEAD].iter().position(|tied| *tied == name) else {
            return Ok(());
        };
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        digests[index] = Some(hasher.finish());
        match digests {
            [Some(embedding), Some(head)] if embedding != head => Err(differs()),
            _ => Ok(()),
        }
    }

    /// The decoder.
    ///
    /// # Errors
    /// [`Error::Weights`] that names a tensor that has not arrived.
    pub fn finish(mut self) -> Result<Decoder> {
        Decoder::build(self.config, &mut self.arrived)
    }
}

fn differs() -> Error {
    refused(
        HEAD,
        format!("differs from {EMBEDDING}, but tie_word_embeddings says that they are one"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = r#"{"model_type": "llama", "vocab_size": 17, "hidden_size": 12, "intermediate_size": 20, "num_hidden_layers": 2,
        "num_attention_heads": 3, "num_key_value_heads": 1}"#;

    fn decoder() -> Decoder {
        Decoder::random(DecoderConfig::from_json(CONFIG).unwrap(), 7).unwrap()
    }

    /// Begins with the header alone.
    fn loading(file: &[u8]) -> Loading {
        let header = Loading::header_bytes(file[..8].try_into().unwrap()).unwrap();
        let config = DecoderConfig::from_json(CONFIG).unwrap();
        let files = [(&file[..header as usize], file.len() as u64)];
        Loading::new(config, &Device::Cpu, &files).unwrap()
    }

    #[test]
    fn tensors_come_in_the_files_order_and_make_the_decoder() {
        let file = decoder().to_safetensors().unwrap();
        let mut loading = loading(&file);
        let all = loading.bytes();
        let (mut end, mut came) = (0, 0);
        while let Some(place) = loading.awaited() {
            assert!(place.bytes.start >= end, "{} lies before", place.name);
            end = place.bytes.end;
            came += place.bytes.end - place.bytes.start;
            loading.put(place.of(&file)).unwrap();
        }
        assert_eq!((came, loading.bytes()), (all, 0));
        assert!(loading.put(&[]).is_err(), "nothing more is awaited");
        assert_eq!(loading.finish().unwrap(), decoder());
    }

    #[test]
    fn what_does_not_come_whole_is_named() {
        let file = decoder().to_safetensors().unwrap();
        let mut short = loading(&file);
        let place = short.awaited().unwrap();
        let bytes = place.of(&file);
        let error = short.put(&bytes[1..]).unwrap_err().to_string();
        let both = format!("came as {} bytes of {}", bytes.len() - 1, bytes.len());
        assert!(
            error.contains(&place.name) && error.contains(&both),
            "{error}"
        );
        let error = loading(&file).finish().unwrap_err().to_string();
        assert!(error.contains("has not arrived"), "{error}");
    }

    #[test]
    fn what_no_file_has_is_no_header() {
        assert_eq!(Loading::header_bytes(*b"<!doctyp"), None);
        assert_eq!(Loading::header_bytes([16, 0, 0, 0, 0, 0, 0, 0]), Some(24));
    }
}
