//! The reader of frames against a small server in the same process.

use futures_util::SinkExt;
use tokio::net::TcpListener;
use tokio_tungstenite::accept_async;
use tokio_tungstenite::tungstenite::protocol::Message;

use super::*;
use crate::schema::Timestamp;

const LIMITS: Frames = Frames {
    most: 100,
    most_bytes: 100_000,
    until_quiet: Duration::from_millis(200),
    longest: Duration::from_secs(20),
};

/// What the server does after its messages.
#[derive(Clone, Copy)]
enum Then {
    Silence,
    Farewell,
    /// Drops the connection without a word.
    Vanish,
}

/// A server for one caller.
async fn serve(messages: Vec<Message>, then: Then) -> Url {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut socket = accept_async(stream).await.unwrap();
        for message in messages {
            if socket.send(message).await.is_err() {
                return;
            }
        }
        match then {
            Then::Silence => while let Some(Ok(_)) = socket.next().await {},
            Then::Farewell => {
                let _ = socket.close(None).await;
                while let Some(Ok(_)) = socket.next().await {}
            }
            Then::Vanish => {}
        }
    });
    Url::parse(&format!("ws://{address}/subscribe?wanted=posts")).unwrap()
}

fn texts(count: usize) -> Vec<Message> {
    (0..count).map(|number| Message::text(format!("{{\"n\":{number}}}"))).collect()
}

async fn heard(messages: Vec<Message>, then: Then, limits: Frames) -> Result<Heard, Failure> {
    read(&serve(messages, then).await, &[("x-test", "yes".to_owned())], limits, false).await
}

fn lines(heard: &Heard) -> Vec<&str> {
    std::str::from_utf8(&heard.body).unwrap().lines().collect()
}

#[tokio::test]
async fn a_silent_socket_has_told_all_it_knows() {
    let heard = heard(texts(3), Then::Silence, LIMITS).await.unwrap();
    assert_eq!(lines(&heard), [r#"{"n":0}"#, r#"{"n":1}"#, r#"{"n":2}"#]);
    assert_eq!((heard.frames, heard.status), (3, 200));
}

#[tokio::test]
async fn nothing_said_is_an_empty_answer() {
    let heard = heard(Vec::new(), Then::Silence, LIMITS).await.unwrap();
    assert!(heard.body.is_empty());
}

#[tokio::test]
async fn no_more_frames_or_bytes_than_wanted() {
    let few = heard(texts(50), Then::Silence, Frames { most: 7, ..LIMITS }).await.unwrap();
    assert_eq!(few.frames, 7);
    let small = heard(texts(50), Then::Silence, Frames { most_bytes: 20, ..LIMITS }).await.unwrap();
    assert_eq!(small.frames, 3, "the frame that passes the limit is the last");
}

#[tokio::test]
async fn time_ends_a_socket_that_never_stops() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("ws://{}/", listener.local_addr().unwrap())).unwrap();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut socket = accept_async(stream).await.unwrap();
        while socket.send(Message::text("{}")).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    let started = Instant::now();
    let limits = Frames { longest: Duration::from_millis(300), most: 1_000_000, ..LIMITS };
    let heard = read(&url, &[], limits, false).await.unwrap();
    assert!(heard.frames > 1 && started.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn pings_are_no_frames_and_do_not_break_the_silence() {
    let mut messages = texts(1);
    messages.push(Message::Ping("are you there".into()));
    let heard = heard(messages, Then::Silence, LIMITS).await.unwrap();
    assert_eq!(heard.frames, 1);
}

#[tokio::test]
async fn what_came_before_the_end_is_an_answer() {
    for then in [Then::Farewell, Then::Vanish] {
        let heard = heard(texts(4), then, LIMITS).await.unwrap();
        assert_eq!(heard.frames, 4);
    }
}

#[tokio::test]
async fn a_line_that_breaks_at_once_is_a_failure() {
    assert!(matches!(heard(Vec::new(), Then::Vanish, LIMITS).await, Err(Failure::Line(_))));
}

#[tokio::test]
async fn nobody_there_is_a_failure() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("ws://{}/", listener.local_addr().unwrap())).unwrap();
    drop(listener);
    assert!(matches!(read(&url, &[], LIMITS, false).await, Err(Failure::Line(_))));
}

#[tokio::test]
async fn a_secure_socket_opens_where_two_tls_libraries_are_linked() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("wss://{}/", listener.local_addr().unwrap())).unwrap();
    // Whoever answers speaks no TLS; the point is that the question is asked at all.
    let answering = async { drop(listener.accept().await) };
    let (heard, ()) = tokio::join!(read(&url, &[], LIMITS, false), answering);
    assert!(matches!(heard, Err(Failure::Line(_))), "{heard:?}");
}

#[tokio::test]
async fn addresses_of_nobody_on_the_internet_are_not_called() {
    let url = Url::parse("wss://127.0.0.1:9/").unwrap();
    let Err(Failure::Line(why)) = read(&url, &[], LIMITS, true).await else { panic!("called") };
    assert!(why.contains("no public address"), "{why}");
}

#[tokio::test]
async fn a_refused_handshake_keeps_its_status_and_body() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("ws://{}/", listener.local_addr().unwrap())).unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.read(&mut [0; 4096]).await;
        let answer =
            "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\nContent-Length: 2\r\n\r\n{}";
        stream.write_all(answer.as_bytes()).await.unwrap();
    });
    let Err(Failure::Refused { status, headers, start }) = read(&url, &[], LIMITS, false).await
    else {
        panic!("accepted")
    };
    assert_eq!((status, &start[..]), (429, &b"{}"[..]));
    assert_eq!(headers["retry-after"], "7");
}

#[tokio::test]
async fn binary_frames_are_not_understood() {
    let messages = vec![Message::binary(vec![1, 2, 3])];
    assert!(matches!(heard(messages, Then::Silence, LIMITS).await, Err(Failure::Binary)));
}

#[tokio::test]
async fn a_frame_of_several_lines_becomes_one() {
    let messages = vec![Message::text("{\n \"n\": 1\n}")];
    let heard = heard(messages, Then::Silence, LIMITS).await.unwrap();
    assert_eq!(lines(&heard), [r#"{  "n": 1 }"#]);
}

fn sifted(body: &'static str, request: &Request) -> String {
    let received_at = Timestamp::UNIX_EPOCH;
    let response =
        Response { status: 200, headers: HeaderMap::new(), body: body.into(), received_at };
    let kept = sift(response, request, |frame| frame == b"yes");
    String::from_utf8(kept.body.to_vec()).unwrap()
}

#[test]
fn the_first_the_last_and_what_is_wanted_stay() {
    let request = Request::subscribe("/", LIMITS);
    assert_eq!(sifted("no1\nno2\nyes\nno3\nno4\n", &request), "no1\nyes\nno4\n");
    assert_eq!(sifted("no1\n", &request), "no1\n");
    assert_eq!(sifted("", &request), "");
    let page = Request::get("/");
    assert_eq!(sifted("no1\nno2\nno3\n", &page), "no1\nno2\nno3\n", "an HTTP answer stays whole");
}
