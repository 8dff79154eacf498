//! The standard health probe.

use std::collections::BTreeMap;
use std::time::Duration;

use tonic::Status;
use tonic::transport::Channel;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

/// Asks about the server, the service, and once over a stream. An answer is `SERVING` or what went wrong.
pub async fn probe(channel: Channel, timeout: Duration) -> BTreeMap<&'static str, String> {
    let mut client = HealthClient::new(channel);
    let mut answers = BTreeMap::new();
    for service in ["", "avap.DefinitionEngine"] {
        let request = HealthCheckRequest {
            service: service.to_owned(),
        };
        let checked = tokio::time::timeout(timeout, client.check(request)).await;
        let status = checked
            .unwrap_or_else(|_| Err(late()))
            .map(|reply| reply.get_ref().status);
        answers.insert(service, text(status));
    }
    let watched = tokio::time::timeout(timeout, first_of_watch(&mut client)).await;
    answers.insert("watch", text(watched.unwrap_or_else(|_| Err(late()))));
    answers
}

async fn first_of_watch(client: &mut HealthClient<Channel>) -> Result<i32, Status> {
    let request = HealthCheckRequest {
        service: String::new(),
    };
    let mut stream = client.watch(request).await?.into_inner();
    match stream.message().await? {
        Some(reply) => Ok(reply.status),
        None => Err(Status::unknown("the watch ended without a word")),
    }
}

fn late() -> Status {
    Status::deadline_exceeded("no answer in time")
}

fn text(status: Result<i32, Status>) -> String {
    match status {
        Ok(status) => ServingStatus::try_from(status).map_or_else(
            |_| format!("status {status}"),
            |known| known.as_str_name().to_owned(),
        ),
        Err(status) => status.message().to_owned(),
    }
}
