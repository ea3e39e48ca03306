use rustls::{AlertDescription, CertificateError, Error as Tls};
use tower::BoxError;

use super::*;

fn service(error: impl Into<BoxError>) -> kube::Error {
    kube::Error::Service(error.into())
}

/// As tokio-rustls hands it on.
fn handshake(error: Tls) -> kube::Error {
    service(io::Error::new(io::ErrorKind::InvalidData, error))
}

fn api(code: u16, message: &str) -> kube::Error {
    kube::Error::Api(Status::failure(message, "").with_code(code).boxed())
}

#[test]
fn every_known_failure_has_its_code_and_says_what_to_do() {
    let name = || "prod".to_owned();
    for (error, code, says) in [
        (
            service(io::Error::from(io::ErrorKind::ConnectionRefused)),
            ErrorCode::ClusterUnavailable,
            "check that it runs",
        ),
        (
            service(io::Error::from(io::ErrorKind::ConnectionReset)),
            ErrorCode::ClusterUnavailable,
            "restarting",
        ),
        (service(io::Error::from(io::ErrorKind::HostUnreachable)), ErrorCode::ClusterUnavailable, "no route"),
        (service(io::Error::from(io::ErrorKind::TimedOut)), ErrorCode::ClusterUnavailable, "firewalls"),
        (
            handshake(Tls::InvalidCertificate(CertificateError::UnknownIssuer)),
            ErrorCode::ClusterTls,
            "current CA",
        ),
        (
            handshake(Tls::InvalidCertificate(CertificateError::NotValidForName)),
            ErrorCode::ClusterTls,
            "host name",
        ),
        (handshake(Tls::InvalidCertificate(CertificateError::Expired)), ErrorCode::ClusterTls, "has expired"),
        (handshake(Tls::InvalidCertificate(CertificateError::NotValidYet)), ErrorCode::ClusterTls, "clock"),
        (
            handshake(Tls::AlertReceived(AlertDescription::CertificateExpired)),
            ErrorCode::ClusterTls,
            "client certificate",
        ),
        (
            handshake(Tls::InvalidMessage(rustls::InvalidMessage::InvalidContentType)),
            ErrorCode::ClusterTls,
            "does not speak TLS",
        ),
        (api(401, "Unauthorized"), ErrorCode::ClusterUnauthenticated, "renew it"),
        (api(403, "pods is forbidden: User \"x\" cannot list"), ErrorCode::ClusterForbidden, "cannot list"),
        (api(404, "the server could not find the requested resource"), ErrorCode::NotFound, "could not find"),
        (api(410, "too old resource version"), ErrorCode::ClusterGone, "new list"),
        (api(429, "slow down"), ErrorCode::ClusterRateLimited, "lower the cluster's qps"),
        (api(500, "etcdserver: leader changed"), ErrorCode::ClusterUnavailable, "leader changed"),
        (api(503, "no endpoints"), ErrorCode::ClusterUnavailable, "not serving"),
        (api(504, "timed out"), ErrorCode::ClusterTimeout, "load"),
        (api(422, "invalid"), ErrorCode::ClusterProtocol, "refused the request (422)"),
        (
            service(CallError::Unavailable { cluster: name(), reason: "x".into() }),
            ErrorCode::ClusterUnavailable,
            "by itself",
        ),
        (
            service(CallError::TimedOut { cluster: name(), after: Duration::from_secs(30) }),
            ErrorCode::ClusterTimeout,
            "within 30 s",
        ),
        (
            service(CallError::Throttled { cluster: name(), qps: 5.0, burst: 9 }),
            ErrorCode::ClusterRateLimited,
            "qps of 5",
        ),
        (service(CallError::TooLarge { cluster: name(), limit: 7 }), ErrorCode::ClusterProtocol, "7 bytes"),
        (
            service(CallError::NotKubernetes {
                cluster: name(),
                what: "an HTML page (HTTP 200)".into(),
                hint: "check the server URL",
            }),
            ErrorCode::ClusterProtocol,
            "HTML page",
        ),
        (service("a thing that nobody thought of"), ErrorCode::ClusterUnavailable, "nobody thought of"),
    ] {
        let told = classify(&error);
        assert_eq!(told.code, code, "{error}");
        assert!(told.message.contains(says), "{says:?} is not in {:?}", told.message);
    }
}

#[test]
fn a_connect_error_deep_in_a_body_error_is_found() {
    let inner = kube::Error::Service(Box::new(io::Error::from(io::ErrorKind::ConnectionReset)));
    let error = kube::Error::ReadEvents(io::Error::other(inner));
    assert!(classify(&watcher::Error::WatchFailed(error)).message.contains("restarting"));
}

#[test]
fn an_expired_watch_is_gone_though_it_has_no_code() {
    let status = Status { reason: "Expired".into(), message: "too old".into(), ..Status::default() };
    assert_eq!(classify(&watcher::Error::WatchError(status.boxed())).code, ErrorCode::ClusterGone);
}

#[test]
fn retry_after_is_passed_on() {
    let body = r#"{"code":429,"details":{"retryAfterSeconds":7}}"#;
    let told = classify(&kube::Error::Api(serde_json::from_str(body).unwrap()));
    assert_eq!(told.retry_after, Some(Duration::from_secs(7)));
    assert!(told.message.contains("7 s"), "{}", told.message);
}

#[test]
fn an_answer_that_is_not_json_and_an_object_of_the_wrong_shape_are_told_apart() {
    let html = serde_json::from_str::<u32>("<html>secret</html>").unwrap_err();
    let shape = serde_json::from_str::<u32>("\"secret\"").unwrap_err();
    let (html, shape) = (classify(&kube::Error::SerdeError(html)), classify(&kube::Error::SerdeError(shape)));
    assert_eq!(html.code, ErrorCode::ClusterProtocol);
    assert_eq!(shape.code, ErrorCode::MalformedObject);
    assert!(!html.message.contains("secret") && !shape.message.contains("secret"));
}

#[test]
fn a_plugins_output_never_reaches_a_message() {
    let output =
        std::process::Command::new("sh").args(["-c", "echo hush; echo hush >&2; exit 3"]).output().unwrap();
    let error = AuthError::AuthExecRun { cmd: "TOKEN=hush sh".into(), out: Box::new(output) };
    let told = classify(&service(error));
    assert_eq!(told.code, ErrorCode::ClusterUnauthenticated);
    assert!(told.message.contains('3') && !told.message.contains("hush"), "{}", told.message);
}

#[test]
fn a_long_or_many_lined_text_from_the_server_becomes_one_short_line() {
    let told = classify(&api(500, &format!("first\nsecond {}", "x".repeat(5_000))));
    assert!(told.message.contains("first second") && told.message.chars().count() < 400, "{}", told.message);
}

#[test]
fn an_error_that_is_its_own_source_ends() {
    #[derive(Debug)]
    struct Endless;
    impl std::fmt::Display for Endless {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("endless")
        }
    }
    impl StdError for Endless {
        fn source(&self) -> Option<&(dyn StdError + 'static)> {
            Some(&Endless)
        }
    }
    assert!(classify(&service(Endless)).message.contains("endless"));
}

#[test]
fn the_error_of_a_watch_names_its_kind() {
    let pods = KindMeta {
        group: "",
        version: "v1",
        kind: "Pod",
        plural: "pods",
        singular: "pod",
        namespaced: true,
        rules: &[],
    };
    let error = classify_watch(&watcher::Error::WatchStartFailed(api(403, "no")), &pods);
    assert_eq!(error.code, ErrorCode::ClusterForbidden);
    assert!(error.message.starts_with("watching pods: "), "{error}");
}
