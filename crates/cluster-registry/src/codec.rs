//! Compression of whole objects, with a dictionary that is learned for each kind.
//!
//! Objects of a kind resemble each other far more than they resemble themselves: a pod of 6 KB shrinks to
//! 1.5 KB alone, and to a third of that with a dictionary made from other pods. The first objects of a kind are
//! kept plain-compressed as samples; once there are enough, the dictionary is trained, once, and serves every
//! cluster from then on. Each body holds on to the dictionary that it was made with.

use std::{
    cell::RefCell,
    io,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use zstd::{
    dict::{DecoderDictionary, EncoderDictionary},
    zstd_safe::{CCtx, DCtx, compress_bound, get_error_name},
};

/// Level 3 is zstd's default; 9 saves 6 % more and takes four times as long.
const LEVEL: i32 = 3;
const DICTIONARY_BYTES: usize = 48 * 1024;
/// Training wants about a hundred times the dictionary's size, or what a small fleet has.
const SAMPLES: usize = 256;
const SAMPLE_BYTES: usize = 4 * 1024 * 1024;

/// Why a stored object can't be read.
#[derive(Debug, thiserror::Error)]
#[error("a stored object can't be decompressed: {0}")]
pub struct DecodeError(#[from] io::Error);

pub(crate) struct Dictionary {
    encoder: EncoderDictionary<'static>,
    decoder: DecoderDictionary<'static>,
}

/// The compressor of a kind.
#[derive(Default)]
pub struct Codec {
    dictionary: OnceLock<Option<Arc<Dictionary>>>,
    samples: Mutex<Samples>,
}

#[derive(Default)]
struct Samples {
    texts: Vec<Vec<u8>>,
    bytes: usize,
}

/// A compressed object.
pub(crate) struct Body {
    bytes: Box<[u8]>,
    /// The length of the JSON text.
    length: u32,
    dictionary: Option<Arc<Dictionary>>,
}

thread_local! {
    // A context takes some hundred KB: one a thread, not one an object or a watch.
    static COMPRESSOR: RefCell<CCtx<'static>> = RefCell::new(CCtx::create());
    static DECOMPRESSOR: RefCell<DCtx<'static>> = RefCell::new(DCtx::create());
}

impl Codec {
    pub(crate) fn encode(&self, text: &str) -> io::Result<Body> {
        let dictionary = self.dictionary.get().cloned().flatten();
        let mut buffer = Vec::with_capacity(compress_bound(text.len()));
        COMPRESSOR
            .with_borrow_mut(|context| match &dictionary {
                Some(dictionary) => {
                    context.compress_using_cdict(&mut buffer, text.as_bytes(), dictionary.encoder.as_cdict())
                }
                None => context.compress(&mut buffer, text.as_bytes(), LEVEL),
            })
            .map_err(|code| io::Error::other(get_error_name(code)))?;
        if self.dictionary.get().is_none() {
            self.sample(text);
        }
        let length = u32::try_from(text.len()).map_err(|_| io::Error::other("an object of 4 GiB"))?;
        Ok(Body { bytes: Box::from(buffer.as_slice()), length, dictionary })
    }

    fn sample(&self, text: &str) {
        let full = {
            let mut samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
            samples.bytes += text.len();
            samples.texts.push(text.as_bytes().to_vec());
            (samples.texts.len() >= SAMPLES || samples.bytes >= SAMPLE_BYTES)
                .then(|| std::mem::take(&mut *samples))
        };
        let Some(samples) = full else { return };
        // Whoever filled the samples trains; the others go on without a dictionary meanwhile.
        let dictionary = match zstd::dict::from_samples(&samples.texts, DICTIONARY_BYTES) {
            Ok(bytes) => Some(Arc::new(Dictionary {
                encoder: EncoderDictionary::copy(&bytes, LEVEL),
                decoder: DecoderDictionary::copy(&bytes),
            })),
            Err(error) => {
                tracing::debug!(%error, "no dictionary could be trained; objects are compressed without one");
                None
            }
        };
        // A second trainer in a race loses its dictionary, no more.
        let _ = self.dictionary.set(dictionary);
    }
}

impl Body {
    pub(crate) fn decode(&self) -> Result<String, DecodeError> {
        let mut buffer = Vec::with_capacity(self.length as usize);
        DECOMPRESSOR
            .with_borrow_mut(|context| match &self.dictionary {
                Some(dictionary) => {
                    context.decompress_using_ddict(&mut buffer, &self.bytes, dictionary.decoder.as_ddict())
                }
                None => context.decompress(&mut buffer, &self.bytes),
            })
            .map_err(|code| io::Error::other(get_error_name(code)))?;
        String::from_utf8(buffer).map_err(|e| DecodeError(io::Error::other(e)))
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(n: usize) -> String {
        let hash = format!("{:x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        format!(
            r#"{{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"cart-{hash}","labels":{{"app":"cart"}}}},"spec":{{"containers":[{{"name":"main","image":"registry.example/cart:1.{n}","resources":{{"requests":{{"cpu":"100m","memory":"128Mi"}}}}}}],"nodeName":"node-{}"}},"status":{{"phase":"Running","podIP":"10.0.{}.{}"}}}}"#,
            n % 9,
            n / 250,
            n % 250
        )
    }

    #[test]
    fn every_object_reads_back_before_and_after_the_dictionary() {
        let codec = Codec::default();
        let bodies: Vec<_> = (0..2 * SAMPLES).map(|n| codec.encode(&pod(n)).unwrap()).collect();
        assert!(codec.dictionary.get().unwrap().is_some(), "a dictionary was trained");
        for (n, body) in bodies.iter().enumerate() {
            assert_eq!(body.decode().unwrap(), pod(n));
        }
    }

    #[test]
    fn the_dictionary_makes_objects_smaller() {
        let codec = Codec::default();
        let first = codec.encode(&pod(1)).unwrap().len();
        for n in 0..SAMPLES {
            codec.encode(&pod(n)).unwrap();
        }
        let later = codec.encode(&pod(1)).unwrap().len();
        assert!(later * 2 < first, "{later} against {first} bytes");
    }

    #[test]
    fn damaged_bytes_are_an_error() {
        let mut body = Codec::default().encode(&pod(1)).unwrap();
        body.bytes = body.bytes[..body.bytes.len() / 2].into();
        assert!(body.decode().is_err());
    }
}
