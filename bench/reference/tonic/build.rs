//! Generates `avap.DefinitionEngine.rs`: the service with replies that are encoded already.

use tonic_build::manual::{Builder, Method, Service};

fn main() {
    let method = |name: &str, route: &str| {
        Method::builder()
            .name(name)
            .route_name(route)
            .input_type("crate::CommandRequest")
            .output_type("bytes::Bytes")
            .codec_path("crate::EncodedCodec")
            .build()
    };
    let service = Service::builder()
        .name("DefinitionEngine")
        .package("avap")
        .method(method("get_command", "GetCommand"))
        .method(method("sync_catalog", "SyncCatalog"))
        .build();
    Builder::new().build_client(false).compile(&[service]);
}
