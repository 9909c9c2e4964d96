//! What the query of a request says.

use percent_encoding::percent_decode;

/// The parameters of a query, decoded.
#[derive(Default)]
pub(super) struct Query {
    pub(super) topics: Vec<String>,
    pub(super) event_type: Option<String>,
    pub(super) key: Option<String>,
    pub(super) start: Option<String>,
    pub(super) access_token: Option<String>,
}

impl Query {
    /// Parses a query. Parameters that are not known are left out.
    pub(super) fn parse(query: &str) -> Result<Self, String> {
        let mut parsed = Self::default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = decoded(name)?;
            let single = match &*name {
                "topic" => {
                    let topic = decoded(value)?;
                    if topic.is_empty() {
                        return Err("a topic has no name".into());
                    }
                    parsed.topics.push(topic);
                    continue;
                }
                "type" => &mut parsed.event_type,
                "key" => &mut parsed.key,
                "start" => &mut parsed.start,
                "access_token" => &mut parsed.access_token,
                _ => continue,
            };
            if single.replace(decoded(value)?).is_some() {
                return Err(format!("the parameter {name} is there twice"));
            }
        }
        Ok(parsed)
    }

    /// Returns the topics, of which there has to be one.
    pub(super) fn topics(&self) -> Result<&[String], String> {
        match &*self.topics {
            [] => Err("the parameter topic is missing, as in ?topic=news".into()),
            topics => Ok(topics),
        }
    }
}

/// Decodes a part of a query (WHATWG URL, "application/x-www-form-urlencoded parsing").
fn decoded(text: &str) -> Result<String, String> {
    path_decoded(&text.replace('+', " "))
}

/// Decodes a part of a path.
pub(super) fn path_decoded(text: &str) -> Result<String, String> {
    let decoded = percent_decode(text.as_bytes()).decode_utf8();
    let decoded = decoded.map_err(|_| "the URL is not UTF-8 once it is decoded")?;
    Ok(decoded.into_owned())
}
