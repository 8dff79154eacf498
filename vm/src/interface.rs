//! A command's interface: the names of its arguments, from the record's JSON.

/// Names of the interface's items in order: `item`, else `name`, else the index. What is no list of objects has none.
#[must_use]
pub fn items(json: &str) -> Vec<Box<str>> {
    let mut arena = crate::run::arena::Arena::new(crate::limits::DEFINITION_BYTES_MAX * 16);
    let items = {
        let mut budget = crate::run::budget::Budget::new(crate::limits::FUEL_MAX);
        let _ = budget.grant(crate::limits::SLICE_UNITS);
        let mut context = crate::run::context::Context::new(
            &arena,
            budget,
            0,
            crate::run::random::Random::new(0),
        );
        match crate::run::builtins::read_json(&mut context, json) {
            Ok(crate::run::value::Value::List(list)) => list
                .items()
                .iter()
                .enumerate()
                .map(|(index, entry)| match entry.get() {
                    crate::run::value::Value::Dict(dict) => ["item", "name"]
                        .iter()
                        .find_map(|key| {
                            dict.get_str(key).and_then(crate::run::value::Value::as_str)
                        })
                        .map_or_else(|| index.to_string().into(), Into::into),
                    _ => index.to_string().into(),
                })
                .collect(),
            _ => Vec::new(),
        }
    };
    arena.reset(0);
    items
}
