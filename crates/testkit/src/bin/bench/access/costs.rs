//! What one question costs each caller, in time and in processor time of the server.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use serde_json::{Value, json};

use super::callers::{Caller, Callers};
use super::questions::{Asked, Question};
use crate::figure::Times;
use crate::processor;
use crate::server::{self, Server};

pub struct Costs {
    pub what: &'static str,
    pub bound: bool,
    by: BTreeMap<Caller, Cost>,
}

struct Cost {
    /// Until the last byte is there.
    times: Times,
    /// Of the server's processor.
    used: Times,
}

/// What was measured of one caller so far.
#[derive(Default)]
struct Measured {
    times: Vec<Duration>,
    used: Vec<Duration>,
}

pub async fn measure(
    question: &Question,
    callers: &mut Callers<'_>,
    known: &Server,
    anybody: &Server,
) -> Result<Costs> {
    let mut order = Caller::ALL;
    let random = &mut StdRng::seed_from_u64(6);
    let mut measured: BTreeMap<Caller, Measured> = BTreeMap::new();
    // The first round warms up.
    let warm_up = question.asked.first().context("there are rounds")?;
    for (number, asked) in [warm_up].into_iter().chain(&question.asked).enumerate() {
        order.shuffle(random);
        let mut whole = None;
        for caller in order {
            let (took, used, answer) = match caller {
                Caller::Anybody => ask(anybody, None, asked, caller).await?,
                _ => ask(known, Some(callers.token(caller)?), asked, caller).await?,
            };
            check(question, caller, &mut whole, answer)?;
            if number > 0 {
                let of_caller = measured.entry(caller).or_default();
                of_caller.times.push(took);
                of_caller.used.push(used);
            }
        }
    }
    let cost = |Measured { times, used }| Cost { times: Times::from(times), used: Times::from(used) };
    let by = measured.into_iter().map(|(caller, measured)| (caller, cost(measured))).collect();
    Ok(Costs { what: question.what, bound: question.bound, by })
}

async fn ask(
    server: &Server,
    token: Option<String>,
    asked: &Asked,
    caller: Caller,
) -> Result<(Duration, Duration, Vec<u8>)> {
    let document = if caller.sees_everything() { &asked.all } else { &asked.few };
    let before = processor::at_rest(server.pid()).await?;
    let answer = server.ask_by(token.as_deref(), document).await?;
    let used = processor::at_rest(server.pid()).await?.saturating_sub(before);
    Ok((answer.took, used, answer.bytes()))
}

/// An answer has as many rows as there are for the caller. Of those for whom there is everything, the first of a round
/// is read, and the others must be the same.
fn check(question: &Question, caller: Caller, whole: &mut Option<Vec<u8>>, answer: Vec<u8>) -> Result<()> {
    let Question { what, rows, .. } = question;
    if let Some(whole) = whole.as_ref().filter(|_| caller.sees_everything()) {
        ensure!(*whole == answer, "{what}: {caller:?} gets another answer than the others");
        return Ok(());
    }
    let expected = if caller.sees_everything() { question.all } else { question.few };
    let shown = rows(&server::data(what, &answer)?)?;
    ensure!(shown == expected, "{what}: {caller:?} is shown {shown} of {expected}");
    if caller.sees_everything() {
        *whole = Some(answer);
    }
    Ok(())
}

impl Costs {
    /// How many times the reference's time a caller's is, by the medians; not a number if there is none.
    pub fn ratio(&self, caller: Caller) -> f64 {
        self.ratio_of(caller, |cost| &cost.times)
    }

    fn ratio_of(&self, caller: Caller, times: impl Fn(&Cost) -> &Times) -> f64 {
        let median = |caller| self.by.get(&caller).map_or(f64::NAN, |cost| times(cost).median());
        median(caller) / median(Caller::Everywhere)
    }

    pub fn json(&self) -> Value {
        let cost = |(caller, cost): (&Caller, &Cost)| {
            json!({
                "caller": caller.what(),
                "milliseconds": cost.times.json(),
                "processor_milliseconds": cost.used.json(),
                "times_everywhere": self.ratio(*caller),
            })
        };
        json!({ "what": self.what, "callers": self.by.iter().map(cost).collect::<Vec<_>>() })
    }
}

pub fn table(out: &mut impl Write, all: &[Costs]) -> Result<()> {
    writeln!(
        out,
        "{:<64}{:>6}{:>10}{:>10}{:>8}{:>14}{:>8}",
        "costs", "n", "p50 ms", "p99 ms", "times", "processor ms", "times"
    )?;
    for costs in all {
        writeln!(out, "{}", costs.what)?;
        for (caller, cost) in &costs.by {
            let (median, high, used) = (cost.times.median(), cost.times.quantile(0.99), cost.used.median());
            writeln!(
                out,
                "    {:<60}{:>6}{median:>10.2}{high:>10.2}{:>8.3}{used:>14.2}{:>8.3}",
                caller.what(),
                cost.times.count(),
                costs.ratio(*caller),
                costs.ratio_of(*caller, |cost| &cost.used),
            )?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question() -> Question {
        Question {
            what: "pods",
            bound: true,
            asked: Vec::new(),
            rows: |data| Ok(data["pods"].as_array().map_or(0, Vec::len)),
            all: 2,
            few: 1,
        }
    }

    fn answer(pods: &[u8]) -> Vec<u8> {
        json!({ "data": { "pods": pods } }).to_string().into_bytes()
    }

    #[test]
    fn whoever_sees_everything_must_get_the_same_and_whoever_sees_less_as_much_as_there_is() {
        let (mut whole, question) = (None, question());
        let mut check = |caller, answer| check(&question, caller, &mut whole, answer);
        assert!(check(Caller::OneNamespace, answer(&[1])).is_ok());
        assert!(check(Caller::OneNamespace, answer(&[1, 2])).is_err());
        assert!(check(Caller::Bound, answer(&[1])).is_err(), "a row lacks");
        assert!(check(Caller::Bound, answer(&[1, 2])).is_ok());
        assert!(check(Caller::Everywhere, answer(&[1, 2])).is_ok());
        assert!(check(Caller::Everywhere, answer(&[2, 1])).is_err(), "as many, but others");
        assert!(check(Caller::Everywhere, br#"{"errors":[{}],"data":{"pods":[1,2]}}"#.to_vec()).is_err());
    }

    #[test]
    fn a_cost_is_said_against_the_one_for_everything_by_the_medians() {
        let cost = |millis: &[f64]| Cost {
            times: Times::of_millis(millis.to_vec()),
            used: Times::of_millis(vec![1.0]),
        };
        let by = [(Caller::Everywhere, cost(&[1.0, 2.0, 90.0])), (Caller::Bound, cost(&[2.0, 3.0, 4.0]))];
        let costs = Costs { what: "pods", bound: true, by: by.into_iter().collect() };
        assert_eq!(costs.ratio(Caller::Bound), 1.5);
        assert!(costs.ratio(Caller::Overlapping).is_nan());
    }
}
