//! The module `hashlib`. A digest keeps what it was fed and hashes when it is asked: hashers hold buffers that must be
//! dropped, and nothing in the arena is.

use md5::{Digest, Md5};
use sha1::Sha1;
use sha2::{Sha224, Sha256, Sha384, Sha512};

use super::{
    Args, AttributeDef, Member, ModuleDef, NativeDef, TypeDef, at_least, exactly, function, method,
};
use crate::run::context::Context;
use crate::run::fault::{Class, Fault};
use crate::run::list::List;
use crate::run::object::Object;
use crate::run::value::Value;

/// Hashing 64 bytes takes as long as copying eight times as many.
const BYTES_FACTOR: usize = 8;

/// The algorithms there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// `md5`
    Md5,
    /// `sha1`
    Sha1,
    /// `sha224`
    Sha224,
    /// `sha256`
    Sha256,
    /// `sha384`
    Sha384,
    /// `sha512`
    Sha512,
}

/// A digest that is being made.
#[derive(Debug)]
pub struct Hasher<'a> {
    algorithm: Algorithm,
    parts: &'a List<'a>,
}

impl Algorithm {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "md5" => Self::Md5,
            "sha1" => Self::Sha1,
            "sha224" => Self::Sha224,
            "sha256" => Self::Sha256,
            "sha384" => Self::Sha384,
            "sha512" => Self::Sha512,
            _ => return None,
        })
    }

    /// Its name, its digest's size, its block's size.
    const fn facts(self) -> (&'static str, i64, i64) {
        match self {
            Self::Md5 => ("md5", 16, 64),
            Self::Sha1 => ("sha1", 20, 64),
            Self::Sha224 => ("sha224", 28, 64),
            Self::Sha256 => ("sha256", 32, 64),
            Self::Sha384 => ("sha384", 48, 128),
            Self::Sha512 => ("sha512", 64, 128),
        }
    }
}

impl Hasher<'_> {
    /// `md5`
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.algorithm.facts().0
    }
}

fn hashed<D: Digest>(parts: &List<'_>) -> Vec<u8> {
    let mut hasher = D::new();
    for part in parts.items() {
        if let Value::Bytes(bytes) = part.get() {
            hasher.update(bytes.as_slice());
        }
    }
    hasher.finalize().to_vec()
}

fn digest<'a>(context: &mut Context<'a>, args: Args<'a, '_>) -> Result<Vec<u8>, Fault<'a>> {
    let Hasher { algorithm, parts } = receiver(args.receiver)?;
    let bytes: usize = parts
        .items()
        .iter()
        .map(|part| match part.get() {
            Value::Bytes(bytes) => bytes.as_slice().len(),
            _ => 0,
        })
        .sum();
    context.charge(32 + parts.len())?;
    context.charge_bytes(bytes * BYTES_FACTOR)?;
    Ok(match algorithm {
        Algorithm::Md5 => hashed::<Md5>(parts),
        Algorithm::Sha1 => hashed::<Sha1>(parts),
        Algorithm::Sha224 => hashed::<Sha224>(parts),
        Algorithm::Sha256 => hashed::<Sha256>(parts),
        Algorithm::Sha384 => hashed::<Sha384>(parts),
        Algorithm::Sha512 => hashed::<Sha512>(parts),
    })
}

/// `hashlib`.
pub static MODULE: ModuleDef = ModuleDef {
    name: "hashlib",
    members: &[
        Member::Native(function("md5", at_least(0), |context, args| {
            make(context, args, "md5")
        })),
        Member::Native(function("sha1", at_least(0), |context, args| {
            make(context, args, "sha1")
        })),
        Member::Native(function("sha224", at_least(0), |context, args| {
            make(context, args, "sha224")
        })),
        Member::Native(function("sha256", at_least(0), |context, args| {
            make(context, args, "sha256")
        })),
        Member::Native(function("sha384", at_least(0), |context, args| {
            make(context, args, "sha384")
        })),
        Member::Native(function("sha512", at_least(0), |context, args| {
            make(context, args, "sha512")
        })),
        Member::Native(function("new", at_least(1), |context, args| {
            let name = args.text(context, 0, "new")?.as_str();
            let rest = Args {
                given: &args.given[1..],
                ..args
            };
            make(context, rest, &name.to_ascii_lowercase())
        })),
    ],
};

/// A digest's methods.
pub static TYPE: TypeDef = TypeDef {
    methods: METHODS,
    attributes: &[
        AttributeDef {
            name: "name",
            get: |context, value| context.text_over(receiver(value)?.name()),
        },
        AttributeDef {
            name: "digest_size",
            get: |_, value| Ok(Value::Int(receiver(value)?.algorithm.facts().1)),
        },
        AttributeDef {
            name: "block_size",
            get: |_, value| Ok(Value::Int(receiver(value)?.algorithm.facts().2)),
        },
    ],
    members: &[],
    construct: None,
};

static METHODS: &[NativeDef] = &[
    method("update", exactly(1), |context, args| {
        feed(context, receiver(args.receiver)?.parts, args.or_none(0))?;
        Ok(Value::None)
    }),
    method("digest", exactly(0), |context, args| {
        let digest = digest(context, args)?;
        context.bytes(&digest)
    }),
    method("hexdigest", exactly(0), |context, args| {
        let mut out = context.builder();
        for byte in digest(context, args)? {
            out.push_str(&format!("{byte:02x}"))?;
        }
        context.finish(out)
    }),
    method("copy", exactly(0), |context, args| {
        let hasher = receiver(args.receiver)?;
        let parts = context.collect(Value::List(hasher.parts))?;
        value(context, hasher.algorithm, parts)
    }),
];

fn receiver(value: Value<'_>) -> Result<&Hasher<'_>, Fault<'_>> {
    match value {
        Value::Object(Object::Hash(hasher)) => Ok(hasher),
        _ => Err(Fault::Internal("a digest's method without its receiver")),
    }
}

fn value<'a>(
    context: &mut Context<'a>,
    algorithm: Algorithm,
    parts: &'a List<'a>,
) -> Result<Value<'a>, Fault<'a>> {
    let hasher = Hasher { algorithm, parts };
    Ok(Value::Object(context.arena().alloc(Object::Hash(hasher))?))
}

fn feed<'a>(
    context: &mut Context<'a>,
    parts: &'a List<'a>,
    value: Value<'a>,
) -> Result<(), Fault<'a>> {
    match value {
        Value::Bytes(_) => context.push(parts, value),
        Value::Str(_) => {
            Err(context.raise(Class::TypeError, "Strings must be encoded before hashing"))
        }
        _ => Err(context.raise(
            Class::TypeError,
            "object supporting the buffer API required",
        )),
    }
}

fn make<'a>(
    context: &mut Context<'a>,
    args: Args<'a, '_>,
    name: &str,
) -> Result<Value<'a>, Fault<'a>> {
    let Some(algorithm) = Algorithm::named(name) else {
        return Err(context.raise(
            Class::ValueError,
            format_args!("unsupported hash type {name}"),
        ));
    };
    let parts = context.empty_list()?;
    if args.get(0).is_some() {
        feed(context, parts, args.or_none(0))?;
    }
    value(context, algorithm, parts)
}
