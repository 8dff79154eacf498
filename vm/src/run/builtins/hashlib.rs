//! The module `hashlib`: digests that are fed in parts.

use std::cell::RefCell;
use std::mem::ManuallyDrop;

use md5::{Digest, Md5};
use sha1::Sha1;
use sha2::{Sha224, Sha256, Sha384, Sha512};

use super::{
    Args, AttributeDef, Member, ModuleDef, NativeDef, TypeDef, at_least, exactly, function, method,
};
use crate::run::context::Context;
use crate::run::fault::{Class, Fault};
use crate::run::object::Object;
use crate::run::value::Value;

/// Units of fuel for a byte that is hashed: 64 bytes of copying cost one, hashing them takes eight times as long.
const BYTES_FACTOR: usize = 8;

/// A digest that is being made.
#[derive(Clone, Debug)]
pub enum Hasher {
    /// `md5`
    Md5(Md5),
    /// `sha1`
    Sha1(Sha1),
    /// `sha224`
    Sha224(Sha224),
    /// `sha256`
    Sha256(Sha256),
    /// `sha384`
    Sha384(Sha384),
    /// `sha512`
    Sha512(Sha512),
}

impl Hasher {
    fn new(name: &str) -> Option<Self> {
        Some(match name {
            "md5" => Self::Md5(Md5::new()),
            "sha1" => Self::Sha1(Sha1::new()),
            "sha224" => Self::Sha224(Sha224::new()),
            "sha256" => Self::Sha256(Sha256::new()),
            "sha384" => Self::Sha384(Sha384::new()),
            "sha512" => Self::Sha512(Sha512::new()),
            _ => return None,
        })
    }

    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Md5(hasher) => hasher.update(bytes),
            Self::Sha1(hasher) => hasher.update(bytes),
            Self::Sha224(hasher) => hasher.update(bytes),
            Self::Sha256(hasher) => hasher.update(bytes),
            Self::Sha384(hasher) => hasher.update(bytes),
            Self::Sha512(hasher) => hasher.update(bytes),
        }
    }

    fn digest(&self) -> Vec<u8> {
        match self.clone() {
            Self::Md5(hasher) => hasher.finalize().to_vec(),
            Self::Sha1(hasher) => hasher.finalize().to_vec(),
            Self::Sha224(hasher) => hasher.finalize().to_vec(),
            Self::Sha256(hasher) => hasher.finalize().to_vec(),
            Self::Sha384(hasher) => hasher.finalize().to_vec(),
            Self::Sha512(hasher) => hasher.finalize().to_vec(),
        }
    }

    /// Its name, its digest's size, its block's size.
    #[must_use]
    pub const fn facts(&self) -> (&'static str, i64, i64) {
        match self {
            Self::Md5(_) => ("md5", 16, 64),
            Self::Sha1(_) => ("sha1", 20, 64),
            Self::Sha224(_) => ("sha224", 28, 64),
            Self::Sha256(_) => ("sha256", 32, 64),
            Self::Sha384(_) => ("sha384", 48, 128),
            Self::Sha512(_) => ("sha512", 64, 128),
        }
    }
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
            get: |context, value| {
                let name = receiver(value)?.borrow().facts().0;
                context.text_over(name)
            },
        },
        AttributeDef {
            name: "digest_size",
            get: |_, value| Ok(Value::Int(receiver(value)?.borrow().facts().1)),
        },
        AttributeDef {
            name: "block_size",
            get: |_, value| Ok(Value::Int(receiver(value)?.borrow().facts().2)),
        },
    ],
    members: &[],
    construct: None,
};

static METHODS: &[NativeDef] = &[
    method("update", exactly(1), |context, args| {
        let bytes = bytes(context, args.or_none(0))?;
        receiver(args.receiver)?.borrow_mut().update(bytes);
        Ok(Value::None)
    }),
    method("digest", exactly(0), |context, args| {
        context.charge(64)?;
        let digest = receiver(args.receiver)?.borrow().digest();
        context.bytes(&digest)
    }),
    method("hexdigest", exactly(0), |context, args| {
        context.charge(64)?;
        let digest = receiver(args.receiver)?.borrow().digest();
        let mut out = context.builder().with_room(digest.len() * 2);
        for byte in digest {
            for digit in [byte >> 4, byte & 0xf] {
                out.push(char::from(b"0123456789abcdef"[usize::from(digit)]))?;
            }
        }
        context.finish(out)
    }),
    method("copy", exactly(0), |context, args| {
        let copy = Hasher::clone(&receiver(args.receiver)?.borrow());
        Ok(Value::Object(made(context, copy)?))
    }),
];

/// A digest in the arena. What its destructor would do, wiping its block, need not happen: it owns nothing.
fn made<'a>(context: &mut Context<'a>, hasher: Hasher) -> Result<&'a Object<'a>, Fault<'a>> {
    let hasher = context
        .arena()
        .alloc(RefCell::new(ManuallyDrop::new(hasher)))?;
    Ok(context.arena().alloc(Object::Hash(hasher))?)
}

fn receiver(value: Value<'_>) -> Result<&RefCell<ManuallyDrop<Hasher>>, Fault<'_>> {
    match value {
        Value::Object(Object::Hash(hasher)) => Ok(hasher),
        _ => Err(Fault::Internal("a digest's method without its receiver")),
    }
}

fn bytes<'a>(context: &mut Context<'a>, value: Value<'a>) -> Result<&'a [u8], Fault<'a>> {
    match value {
        Value::Bytes(bytes) => {
            context.charge_bytes(bytes.as_slice().len() * BYTES_FACTOR)?;
            Ok(bytes.as_slice())
        }
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
    let Some(mut hasher) = Hasher::new(name) else {
        return Err(context.raise(
            Class::ValueError,
            format_args!("unsupported hash type {name}"),
        ));
    };
    if args.get(0).is_some() {
        hasher.update(bytes(context, args.or_none(0))?);
    }
    Ok(Value::Object(made(context, hasher)?))
}
