//! Which media type an answer gets, from the `Accept` header (RFC 9110, 12.5.1; GraphQL over HTTP, 6).

use http::{HeaderMap, HeaderValue, header};

/// The media types of single answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Media {
    /// `application/json`: old clients, for whom a well-formed request always has status 200.
    Json,
    /// `application/graphql-response+json`: the status says whether the request was executed.
    GraphqlResponse,
}

const JSON: &str = "application/json";
const GRAPHQL_RESPONSE: &str = "application/graphql-response+json";
const EVENT_STREAM: &str = "text/event-stream";

impl Media {
    pub fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Json => "application/json; charset=utf-8",
            Self::GraphqlResponse => "application/graphql-response+json; charset=utf-8",
        })
    }
}

/// What a client accepts, as far as it can be produced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Accepted {
    /// The best type for a single answer.
    pub single: Option<Media>,
    /// Whether an event stream would do.
    pub stream: bool,
    /// Whether an event stream is liked better than a single answer.
    pub prefers_stream: bool,
}

impl Accepted {
    /// Reads the header. Without one, anything is accepted, and `application/json` is what old clients expect.
    pub fn of(headers: &HeaderMap) -> Self {
        let values: Vec<&str> =
            headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
        let ranges: Vec<Range> = values.iter().copied().flat_map(ranges_of).collect();
        if values.iter().all(|value| value.trim().is_empty()) {
            return Self { single: Some(Media::Json), stream: true, prefers_stream: false };
        }
        let json = best(&ranges, JSON);
        let graphql = best(&ranges, GRAPHQL_RESPONSE);
        let stream = best(&ranges, EVENT_STREAM);
        // On a tie, the newer type goes to a client that names it; a mere wildcard gets what is most widely known.
        let single = if graphql.quality > json.quality || (graphql == json && graphql.specificity == EXACT) {
            Some(Media::GraphqlResponse).filter(|_| graphql.quality > 0)
        } else {
            Some(Media::Json).filter(|_| json.quality > 0)
        };
        let prefers_stream =
            stream.quality > 0 && (single.is_none() || stream.quality > json.quality.max(graphql.quality));
        Self { single, stream: stream.quality > 0, prefers_stream }
    }

    /// The type of an error that comes before any negotiation could matter.
    pub fn for_failure(self) -> Media {
        self.single.unwrap_or(Media::Json)
    }
}

const EXACT: u8 = 2;

struct Range {
    kind: String,
    quality: u16,
}

/// How well a type is accepted: in thousandths, and by how specific a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Match {
    quality: u16,
    specificity: u8,
}

fn ranges_of(value: &str) -> impl Iterator<Item = Range> {
    value.split(',').filter_map(|part| {
        let mut pieces = part.split(';').map(str::trim);
        let kind = pieces.next().filter(|kind| kind.contains('/'))?.to_ascii_lowercase();
        let mut quality = 1000;
        for parameter in pieces {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            match name.trim().to_ascii_lowercase().as_str() {
                "q" => quality = thousandths(value.trim()),
                // Answers are always UTF-8, so a range for another encoding can't be met.
                "charset" if !is_utf8(value) => return None,
                _ => {}
            }
        }
        Some(Range { kind, quality })
    })
}

/// A quality such as `0.85`; one that can't be read counts as 1, as most servers have it.
fn thousandths(text: &str) -> u16 {
    let weight = text.parse::<f32>().ok().filter(|q| (0.0..=1.0).contains(q)).unwrap_or(1.0);
    // In range by the filter above.
    (weight * 1000.0).round() as u16
}

pub(crate) fn is_utf8(charset: &str) -> bool {
    let name = charset.trim().trim_matches('"');
    name.eq_ignore_ascii_case("utf-8") || name.eq_ignore_ascii_case("utf8")
}

/// The most specific range that covers the type decides, so `*/*, application/json;q=0` excludes JSON.
fn best(ranges: &[Range], kind: &str) -> Match {
    let family = kind.split_once('/').map_or(kind, |(family, _)| family);
    let mut found = Match::default();
    let mut covered = false;
    for range in ranges {
        let specificity = match range.kind.as_str() {
            exact if exact == kind => EXACT,
            "*/*" => 0,
            wild if wild.strip_suffix("/*") == Some(family) => 1,
            _ => continue,
        };
        if !covered || specificity >= found.specificity {
            let quality = if covered && specificity == found.specificity {
                found.quality.max(range.quality)
            } else {
                range.quality
            };
            found = Match { quality, specificity };
            covered = true;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accept(value: &str) -> Accepted {
        Accepted::of(&HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_str(value).unwrap())]))
    }

    #[test]
    fn the_newer_type_goes_only_to_clients_that_name_it() {
        assert_eq!(accept("application/graphql-response+json").single, Some(Media::GraphqlResponse));
        let both = "application/graphql-response+json, application/json";
        assert_eq!(accept(both).single, Some(Media::GraphqlResponse));
        assert_eq!(accept("*/*").single, Some(Media::Json));
        assert_eq!(accept("application/*").single, Some(Media::Json));
        assert_eq!(Accepted::of(&HeaderMap::new()).single, Some(Media::Json));
    }

    #[test]
    fn quality_decides_before_anything_else() {
        let json_first = "application/graphql-response+json;q=0.5, application/json;q=0.9";
        assert_eq!(accept(json_first).single, Some(Media::Json));
        assert_eq!(accept("*/*, application/json;q=0").single, Some(Media::GraphqlResponse));
        assert_eq!(accept("application/json;q=0").single, None);
    }

    #[test]
    fn a_type_that_cannot_be_produced_is_no_match() {
        assert_eq!(accept("text/html"), Accepted { single: None, stream: false, prefers_stream: false });
        assert_eq!(accept("application/json; charset=utf-16").single, None);
        assert_eq!(accept("application/json; charset=UTF-8").single, Some(Media::Json));
    }

    #[test]
    fn an_event_stream_is_preferred_when_nothing_else_will_do_or_it_weighs_more() {
        assert!(accept("text/event-stream").prefers_stream);
        assert!(accept("text/event-stream, application/json;q=0.5").prefers_stream);
        let tie = accept("text/event-stream, application/json");
        assert!(tie.stream && !tie.prefers_stream);
        let wild = accept("*/*");
        assert!(wild.stream && !wild.prefers_stream);
    }

    proptest::proptest! {
        #[test]
        fn any_header_is_read_without_a_panic(value in "[ -~]{0,60}") {
            let _ = accept(&value);
        }
    }
}
