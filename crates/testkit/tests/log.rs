//! The only test of its process: another one's subscriber would hide what it looks for.

use testkit::LogCapture;

#[test]
fn what_another_thread_came_to_first_without_a_subscriber_is_heard_all_the_same() {
    let say = || {
        let _inside = tracing::info_span!("a_span").entered();
        tracing::info!("an event");
    };
    let log = LogCapture::new();
    std::thread::spawn(say).join().expect("it does not panic");
    assert_eq!(log.text(), "", "nobody listened there");
    let listening = log.start();
    say();
    drop(listening);
    let text = log.text();
    assert!(text.contains("a_span") && text.contains("an event"), "{text}");
}
