//! The only test of its process: the subscriber of another test would hide the fault that this one looks for.

use testkit::LogCapture;

#[test]
fn event_that_a_thread_without_subscriber_reached_first_is_captured() {
    let log_once = || {
        let _inside = tracing::info_span!("a_span").entered();
        tracing::info!("an event");
    };
    let log = LogCapture::new();
    std::thread::spawn(log_once).join().expect("it does not panic");
    assert_eq!(log.text(), "", "that thread has no subscriber");
    let capturing = log.start();
    log_once();
    drop(capturing);
    let text = log.text();
    assert!(text.contains("a_span") && text.contains("an event"), "{text}");
}
