//! The module `json`.

use super::dumps::{Layout, write};
use super::{Args, Member, ModuleDef, at_least, function, keyword, named, required};
use crate::json::read;
use crate::run::context::Context;
use crate::run::fault::{Class, Fault};
use crate::run::kind::Type;
use crate::run::value::Value;

/// `json`.
pub static MODULE: ModuleDef = ModuleDef {
    name: "json",
    members: &[
        Member::Native(function("loads", at_least(1), loads)),
        Member::Native(function(
            "dumps",
            named(&[
                required("obj"),
                keyword("skipkeys"),
                keyword("ensure_ascii"),
                keyword("check_circular"),
                keyword("allow_nan"),
                keyword("cls"),
                keyword("indent"),
                keyword("separators"),
                keyword("default"),
                keyword("sort_keys"),
            ]),
            dumps,
        )),
        Member::Type("JSONDecodeError", Type::Exception(Class::JsonDecodeError)),
    ],
};

fn loads<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    match args.or_none(0) {
        Value::Str(text) => {
            if text.as_str().starts_with('\u{feff}') {
                return Err(context.raise(
                    Class::JsonDecodeError,
                    "Unexpected UTF-8 BOM (decode using utf-8-sig): line 1 column 1 (char 0)",
                ));
            }
            read(context, text.as_str())
        }
        Value::Bytes(bytes) => match std::str::from_utf8(bytes.as_slice()) {
            Ok(text) => read(context, text.trim_start_matches('\u{feff}')),
            Err(error) => {
                let at = error.valid_up_to();
                let byte = bytes.as_slice().get(at).copied().unwrap_or(0);
                Err(context.raise(
                    Class::UnicodeDecodeError,
                    format_args!(
                        "'utf-8' codec can't decode byte 0x{byte:02x} in position {at}: \
                         invalid start byte"
                    ),
                ))
            }
        },
        other => {
            let kind = other.type_of().name();
            Err(context.raise(
                Class::TypeError,
                format_args!("the JSON object must be str, bytes or bytearray, not {kind}"),
            ))
        }
    }
}

fn dumps<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Value<'a>, Fault<'a>> {
    if args.or_none(5).is_none() && args.or_none(8).is_none() {
        let mut out = context.builder();
        let layout = Layout::of(context, &args)?;
        write(context, &mut out, args.or_none(0), &layout)?;
        return context.finish(out);
    }
    Err(context.raise(
        Class::TypeError,
        "json.dumps() here takes neither cls nor default",
    ))
}
