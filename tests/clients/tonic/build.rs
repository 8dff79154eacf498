//! Makes the messages of both wire forms from `proto/`. They share their names, so each gets a module of its own.

use std::env;
use std::error::Error;
use std::fs;
use std::path::PathBuf;

const PROTO: &str = "../../../proto";

fn main() -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(env::var("OUT_DIR")?);
    for (form, file) in [("standard", "avap.proto"), ("lite", "avap_lite.proto")] {
        println!("cargo::rerun-if-changed={PROTO}/{file}");
        let folder = out.join(form);
        fs::create_dir_all(&folder)?;
        let files = protox::compile([file], [PROTO])?;
        prost_build::Config::new()
            .out_dir(folder)
            .compile_fds(files)?;
    }
    Ok(())
}
