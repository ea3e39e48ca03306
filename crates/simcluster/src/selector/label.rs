//! `app in (a, b), tier != cache, !canary`: the grammar of `k8s.io/apimachinery/pkg/labels`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::error::ApiError;
use crate::validate::{label_key_problem, label_value_problem};

#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct LabelSelector {
    requirements: Vec<Requirement>,
}

#[derive(Debug, Clone, PartialEq)]
struct Requirement {
    key: String,
    operator: Operator,
    values: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Operator {
    In,
    NotIn,
    Equals,
    NotEquals,
    Exists,
    Missing,
    Greater,
    Less,
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    End,
    Word(String),
    /// One of `= == != ! ( ) , > < in notin`.
    Sign(&'static str),
}

impl Token {
    fn text(&self) -> &str {
        match self {
            Self::End => "",
            Self::Word(word) => word,
            Self::Sign(sign) => sign,
        }
    }
}

const SIGNS: [&str; 9] = ["==", "!=", "=", "!", "(", ")", ",", ">", "<"];

fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            tokens.push(Token::Sign(sign));
            rest = rest[sign.len()..].trim_start();
            continue;
        }
        let end = rest.find(|c: char| c.is_whitespace() || "=!(),><".contains(c)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        tokens.push(match word {
            "in" => Token::Sign("in"),
            "notin" => Token::Sign("notin"),
            _ => Token::Word(word.to_owned()),
        });
        rest = after.trim_start();
    }
    tokens
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
}

impl Parser {
    /// Where a value is expected, `in` and `notin` are words.
    fn peek(&self, values: bool) -> Token {
        match self.tokens.get(self.at) {
            None => Token::End,
            Some(Token::Sign(sign @ ("in" | "notin"))) if values => Token::Word((*sign).to_owned()),
            Some(token) => token.clone(),
        }
    }

    fn next(&mut self, values: bool) -> Token {
        let token = self.peek(values);
        self.at += 1;
        token
    }

    fn requirement(&mut self) -> Result<Requirement, String> {
        let mut token = self.next(true);
        let missing = token == Token::Sign("!");
        if missing {
            token = self.next(true);
        }
        let Token::Word(key) = token else {
            return Err(format!("found '{}', expected: identifier", token.text()));
        };
        if let Some(problem) = label_key_problem(&key) {
            return Err(format!("<nil>: Invalid value: \"{key}\": {problem}"));
        }
        if missing {
            return Ok(Requirement { key, operator: Operator::Missing, values: Vec::new() });
        }
        if matches!(self.peek(true), Token::End | Token::Sign(",")) {
            return Ok(Requirement { key, operator: Operator::Exists, values: Vec::new() });
        }
        let token = self.next(false);
        let operator = match token.text() {
            "in" => Operator::In,
            "notin" => Operator::NotIn,
            "=" | "==" => Operator::Equals,
            "!=" => Operator::NotEquals,
            ">" => Operator::Greater,
            "<" => Operator::Less,
            found => return Err(format!("found '{found}', expected: in, notin, =, ==, !=, gt, lt")),
        };
        let values = match operator {
            Operator::In | Operator::NotIn => self.values()?,
            _ => vec![self.exact()?],
        };
        for value in &values {
            if let Some(problem) = label_value_problem(value) {
                let field = if values.len() == 1 && !matches!(operator, Operator::In | Operator::NotIn)
                    || values.len() == 1
                {
                    "values[0]".to_owned()
                } else {
                    let index = values.iter().position(|v| v == value).unwrap_or_default();
                    format!("values[{index}]")
                };
                return Err(format!("{field}[{key}]: Invalid value: \"{value}\": {problem}"));
            }
        }
        if matches!(operator, Operator::Greater | Operator::Less) && values[0].parse::<i64>().is_err() {
            return Err(format!(
                "values[0]: Invalid value: \"{}\": for 'Gt', 'Lt' operators, the value must be an integer",
                values[0]
            ));
        }
        Ok(Requirement { key, operator, values })
    }

    fn exact(&mut self) -> Result<String, String> {
        if matches!(self.peek(true), Token::End | Token::Sign(",")) {
            return Ok(String::new());
        }
        match self.next(true) {
            Token::Word(word) => Ok(word),
            token => Err(format!("found '{}', expected: identifier", token.text())),
        }
    }

    fn values(&mut self) -> Result<Vec<String>, String> {
        let token = self.next(true);
        if token != Token::Sign("(") {
            return Err(format!("found '{}' expected: '('", token.text()));
        }
        let mut values = Vec::new();
        loop {
            match self.peek(true) {
                Token::Word(word) => {
                    self.at += 1;
                    values.push(word);
                    match self.next(true) {
                        Token::Sign(",") => {
                            if self.peek(true) == Token::Sign(")") {
                                values.push(String::new());
                            }
                        }
                        Token::Sign(")") => break,
                        token => return Err(format!("found '{}', expected: ',' or ')'", token.text())),
                    }
                }
                Token::Sign(",") => {
                    self.at += 1;
                    values.push(String::new());
                }
                Token::Sign(")") => {
                    self.at += 1;
                    if values.is_empty() {
                        values.push(String::new());
                    }
                    break;
                }
                token => return Err(format!("found '{}', expected: ',', ')' or identifier", token.text())),
            }
        }
        values.sort();
        values.dedup();
        Ok(values)
    }
}

impl LabelSelector {
    pub fn parse(text: &str) -> Result<Self, ApiError> {
        let mut parser = Parser { tokens: tokens(text), at: 0 };
        let mut requirements = Vec::new();
        loop {
            match parser.peek(true) {
                Token::Word(_) | Token::Sign("!") => {
                    let requirement = parser.requirement();
                    requirements.push(
                        requirement.map_err(|e| {
                            ApiError::bad_request(format!("unable to parse requirement: {e}"))
                        })?,
                    );
                    match parser.next(true) {
                        Token::End => break,
                        Token::Sign(",") => {
                            let next = parser.peek(true);
                            if !matches!(next, Token::Word(_) | Token::Sign("!")) {
                                return Err(ApiError::bad_request(format!(
                                    "found '{}', expected: identifier after ','",
                                    next.text()
                                )));
                            }
                        }
                        token => {
                            return Err(ApiError::bad_request(format!(
                                "found '{}', expected: ',' or 'end of string'",
                                token.text()
                            )));
                        }
                    }
                }
                Token::End => break,
                token => {
                    return Err(ApiError::bad_request(format!(
                        "found '{}', expected: !, identifier, or 'end of string'",
                        token.text()
                    )));
                }
            }
        }
        Ok(Self { requirements })
    }

    pub fn is_empty(&self) -> bool {
        self.requirements.is_empty()
    }

    pub fn matches(&self, labels: &BTreeMap<Cow<'_, str>, Cow<'_, str>>) -> bool {
        self.requirements.iter().all(|requirement| {
            let value = labels.get(requirement.key.as_str()).map(Cow::as_ref);
            let among = value.is_some_and(|value| requirement.values.iter().any(|v| v == value));
            let number = || {
                value.and_then(|v| v.parse::<i64>().ok()).zip(requirement.values.first()?.parse::<i64>().ok())
            };
            match requirement.operator {
                Operator::In | Operator::Equals => among,
                Operator::NotIn | Operator::NotEquals => !among,
                Operator::Exists => value.is_some(),
                Operator::Missing => value.is_none(),
                Operator::Greater => number().is_some_and(|(value, bound)| value > bound),
                Operator::Less => number().is_some_and(|(value, bound)| value < bound),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selects(selector: &str, labels: &[(&str, &str)]) -> bool {
        let labels =
            labels.iter().map(|(k, v)| (Cow::Owned((*k).to_owned()), Cow::Owned((*v).to_owned()))).collect();
        LabelSelector::parse(selector).unwrap().matches(&labels)
    }

    #[test]
    fn selectors_select_as_the_server_does() {
        let labels = [("app", "shop"), ("n", "5")];
        for yes in [
            "",
            "app",
            "app=shop",
            "app==shop",
            "app!=x",
            "app in (a,shop)",
            "x notin (a)",
            "!x",
            "n>4,n<6",
            "x!=1",
            "x notin (in)",
        ] {
            assert!(selects(yes, &labels), "{yes}");
        }
        for no in ["app=x", "!app", "x", "app notin (shop)", "n>5", "x=", "app in ()"] {
            assert!(!selects(no, &labels), "{no}");
        }
    }
}
