//! The page of `ssewire serve`, in a real browser.

#![allow(
    clippy::unwrap_used,
    reason = "what these tests need is there, or they fail"
)]

mod common;

use fantoccini::Locator;

use self::browser::{Window, driver};
use self::common::{Server, program};

#[path = "../../tests/peers/browser/mod.rs"]
mod browser;

#[tokio::test]
#[ignore = "needs chromium and chromedriver"]
async fn the_page_shows_topics_and_follows_one_through_a_restart() {
    let driver = driver();
    let server = Server::start(&["--subscribe-token", "s"]);
    let address = server.address.clone();
    server.publish("topic=news", "before");

    let window = Window::new(&driver.found, &address).await;
    window
        .wait_until("return document.body.innerText.includes('needs a token')")
        .await;
    let page = format!("http://{address}/?access_token=s");
    window.client.goto(&page).await.unwrap();
    window.wait_for("#state", "connected").await;
    window.wait_for("#topics td:nth-child(3)", "1").await;
    window.click("#topics button").await;
    window
        .wait_until("return document.querySelector('#tail').innerText.includes('before')")
        .await;

    let hostile = "<b>bold</b></script>\nsecond line é";
    server.publish("topic=news&type=%3Ci%3Ekind", hostile);
    let shown = "const line = document.querySelector('#tail div:last-child');
        return line.querySelector('b').textContent === '<i>kind '
            && line.querySelector('span').textContent === '<b>bold</b></script>\\nsecond line é '";
    window.wait_until(shown).await;
    window.wait_for("#topics td:nth-child(2)", "1").await;
    window.picture("serve").await;

    drop(server);
    window
        .wait_for("#state", "the server does not respond")
        .await;
    let mut again = program();
    again.args(["serve", "--listen", &address, "--subscribe-token", "s"]);
    let server = Server::launch(&mut again);
    server.publish("topic=news", "after");
    window.wait_for("#state", "connected").await;
    let followed = "const text = document.querySelector('#tail').innerText;
        return text.includes('gap') && text.includes('after')";
    window.wait_until(followed).await;
    // It does not know when the topic is closed until it asks again.
    let button = window
        .client
        .find(Locator::Css("#topics button"))
        .await
        .unwrap();
    assert_eq!(button.text().await.unwrap(), "news");
    window.client.close().await.unwrap();
}
