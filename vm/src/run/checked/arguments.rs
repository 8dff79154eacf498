//! Arguments to the parameters of functions, and CPython's words for wrong ones.

use super::{Evaluator, Step};
use crate::bytecode::Parameters;
use crate::run::fault::{Class, Fault};
use crate::run::function::Function;
use crate::run::text::Text;
use crate::run::value::Value;

impl<'a> Evaluator<'a> {
    /// The values of a function's parameters, in the order of registers.
    pub(super) fn placed(
        &mut self,
        function: &'a Function<'a>,
        given: &[Value<'a>],
        named: &[(&'a Text<'a>, Value<'a>)],
    ) -> Step<'a, Vec<Value<'a>>> {
        let parameters = &function.code.code().parameters;
        let name = function.code.name();
        let positional = usize::from(parameters.positional);
        let mut placed: Vec<Option<Value<'a>>> = vec![None; parameters.names.len()];
        for (place, value) in placed.iter_mut().take(positional).zip(given) {
            // A value that is none counts as not given, here and below: changed code can pass it.
            *place = value.bound();
        }
        let others = self.context.dict()?;
        for (key, value) in named {
            let place = parameters
                .names
                .iter()
                .position(|known| **known == *key.as_str());
            let by_position_only =
                place.is_some_and(|place| place < parameters.positional_only.into());
            let text = match place {
                Some(place) if !by_position_only => {
                    if placed[place].is_none() {
                        placed[place] = value.bound();
                        continue;
                    }
                    format!(
                        "{name}() got multiple values for argument '{}'",
                        key.as_str()
                    )
                }
                _ if parameters.named_rest => {
                    self.context.insert(others, Value::Str(key), *value)?;
                    continue;
                }
                Some(_) => format!(
                    "{name}() got some positional-only arguments passed as keyword arguments: '{}'",
                    key.as_str()
                ),
                None => format!(
                    "{name}() got an unexpected keyword argument '{}'",
                    key.as_str()
                ),
            };
            return Err(self.context.raise(Class::TypeError, text).into());
        }
        if given.len() > positional && !parameters.rest {
            let named = placed[positional..].iter().flatten().count();
            let text = format!(
                "{name}() takes {}",
                too_many(parameters, given.len(), named)
            );
            return Err(self.context.raise(Class::TypeError, text).into());
        }
        fill(parameters, function.defaults, &mut placed)?;
        for (range, kind) in [
            (0..positional, "positional"),
            (positional..placed.len(), "keyword-only"),
        ] {
            let missing: Vec<String> = range
                .filter(|place| placed[*place].is_none())
                .map(|place| format!("'{}'", parameters.names[place]))
                .collect();
            if !missing.is_empty() {
                let plural = if missing.len() == 1 { "" } else { "s" };
                let (count, list) = (missing.len(), in_words(&missing));
                let text =
                    format!("{name}() missing {count} required {kind} argument{plural}: {list}");
                return Err(self.context.raise(Class::TypeError, text).into());
            }
        }
        let mut values: Vec<Value<'a>> = placed.into_iter().flatten().collect();
        if parameters.rest {
            let rest = given.get(positional..).unwrap_or_default();
            values.push(self.context.tuple(rest)?);
        }
        if parameters.named_rest {
            values.push(Value::Dict(others));
        }
        Ok(values)
    }
}

/// Defaults for what was not given: those of the last positional parameters, then those of the named ones.
fn fill<'a>(
    parameters: &Parameters,
    defaults: &[Value<'a>],
    placed: &mut [Option<Value<'a>>],
) -> Result<(), Fault<'a>> {
    let mut defaults = defaults.iter();
    let positional = usize::from(parameters.positional);
    let first = positional - usize::from(parameters.defaults);
    for (place, value) in placed.iter_mut().enumerate().skip(first) {
        let has_default = match place.checked_sub(positional) {
            None => true,
            Some(named) => parameters.keyword_defaults[named],
        };
        if has_default {
            let Some(default) = defaults.next() else {
                return Err(Fault::Internal("a default is missing"));
            };
            *value = value.or(default.bound());
        }
    }
    Ok(())
}

fn too_many(parameters: &Parameters, count: usize, named: usize) -> String {
    let (most, defaults) = (parameters.positional, parameters.defaults);
    let s = |count: usize| if count == 1 { "" } else { "s" };
    let takes = match defaults {
        0 => format!("{most} positional argument{}", s(most.into())),
        _ => format!("from {} to {most} positional arguments", most - defaults),
    };
    let given = match (count, named) {
        (1, 0) => "1 was".to_owned(),
        (_, 0) => format!("{count} were"),
        _ => format!(
            "{count} positional argument{} (and {named} keyword-only argument{}) were",
            s(count),
            s(named)
        ),
    };
    format!("{takes} but {given} given")
}

/// `'a', 'b', and 'c'`
fn in_words(names: &[String]) -> String {
    match names {
        [only] => only.clone(),
        [first, second] => format!("{first} and {second}"),
        [first @ .., last] => format!("{}, and {last}", first.join(", ")),
        [] => String::new(),
    }
}
