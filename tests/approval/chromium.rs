//! The page of an evidence package in a real browser, as an inspector opens and prints it, and pictures.

use base64ct::{Base64, Encoding};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// How long Chromium may take for one answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// The window of a desk, of a tablet and of a phone, in pixels.
const WIDTHS: [u32; 3] = [1240, 800, 400];
const HEIGHT: u32 = 1754;

/// What the page says about itself, read in the browser.
const LOOK: &str = "JSON.stringify({
    signatures: Array.from(document.querySelectorAll('.signature'), one => one.innerText),
    running: document.querySelectorAll('script, iframe, object, embed').length,
    wide: document.documentElement.scrollWidth,
})";

/// Opens the page in a headless Chromium and asserts that a person can rely on what they see: it
/// asks the network for nothing, complains of nothing and runs nothing, shows one signature for
/// each printed name in this order, needs no sideways scrolling on any screen, and prints with
/// page numbers and every name.
///
/// Panics where Chromium or poppler's tools are not on the PATH.
pub fn assert_readable(html: &str, printed_names: &[&str]) {
    let mut browser = Browser::start();
    browser.show_on(WIDTHS[0]);
    let blank = browser.screenshot();
    let address = browser.open("evidence.html", html);

    let seen = browser.look();
    let signatures = seen["signatures"].as_array().unwrap();
    assert_eq!(signatures.len(), printed_names.len(), "signatures on the page");
    for (signature, name) in signatures.iter().zip(printed_names) {
        let shown = unspaced(signature.as_str().unwrap());
        assert!(shown.contains(&unspaced(name)), "{name} is not in the signature {signature}");
    }
    assert_eq!(seen["running"], 0, "something on the page could run");

    let shown = browser.screenshot();
    assert_eq!(width_of(&shown), WIDTHS[0]);
    assert!(shown.len() > 10 * blank.len(), "the page is blank");
    for width in WIDTHS {
        browser.show_on(width);
        let wide = browser.look()["wide"].as_u64().unwrap();
        assert!(wide <= u64::from(width), "{wide} pixels do not fit on a screen of {width}");
    }

    let printed = browser.print();
    let pages = printed.matches('\u{c}').count();
    assert!(pages >= 1, "nothing is printed");
    let text = unspaced(&printed);
    for name in printed_names {
        assert!(text.contains(&unspaced(name)), "{name} is not printed");
    }
    for page in 1..=pages {
        let number = format!("Page{page}of{pages}");
        assert!(text.contains(&number), "page {page} of {pages} has no number");
    }

    let requests = browser.told("Network.requestWillBeSent");
    let asked: Vec<&str> =
        requests.iter().filter_map(|event| event["request"]["url"].as_str()).collect();
    assert_eq!(asked, [address], "the page asks for more than itself");
    for complaint in ["Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown"] {
        let complaints = browser.told(complaint);
        assert!(complaints.is_empty(), "the browser complains: {complaints:?}");
    }
}

/// The texts of a picture that are cut or that cover one another, read in the browser. A pixel more or less is the
/// browser's rounding.
const FAULTS: &str = "(() => {
    const faults = [], texts = Array.from(document.querySelectorAll('text'));
    if (document.documentElement.localName !== 'svg' || texts.length === 0) return JSON.stringify(['no picture']);
    const box = one => one.getBoundingClientRect();
    const holds = (outer, inner) => outer.left <= inner.left + 1 && inner.right <= outer.right + 1
        && outer.top <= inner.top + 1 && inner.bottom <= outer.bottom + 1;
    const picture = box(document.documentElement), view = document.documentElement.viewBox.baseVal;
    if (view.width < 1 || view.height < 1) faults.push('no viewBox');
    const frames = Array.from(document.querySelectorAll('rect[stroke]'), box);
    texts.forEach((text, index) => {
        const here = box(text), words = text.textContent, own = text.getBBox();
        if (!holds({left: view.x, top: view.y, right: view.x + view.width, bottom: view.y + view.height},
            {left: own.x, top: own.y, right: own.x + own.width, bottom: own.y + own.height})
            || !holds(picture, here)) faults.push('cut: ' + words);
        const [x, y] = [(here.left + here.right) / 2, (here.top + here.bottom) / 2];
        for (const frame of frames) {
            const inside = frame.left < x && x < frame.right && frame.top < y && y < frame.bottom;
            if (inside && !holds(frame, here)) faults.push('wider than its box: ' + words);
        }
        for (const other of texts.slice(index + 1)) {
            const there = box(other);
            if (Math.min(here.right, there.right) - Math.max(here.left, there.left) > 1
                && Math.min(here.bottom, there.bottom) - Math.max(here.top, there.top) > 1)
                faults.push('covered: ' + words + ' / ' + other.textContent);
        }
    });
    return JSON.stringify(faults);
})()";

/// Opens a picture in a headless Chromium and asserts that it is one, that each of its texts lies inside the picture
/// and inside the box that it stands in, and that none covers another.
///
/// Panics where Chromium is not on the PATH.
#[track_caller]
pub fn assert_drawn(svg: &str) {
    let mut browser = Browser::start();
    browser.show_on(WIDTHS[0]);
    browser.open("picture.svg", svg);
    let faults = browser.ask(FAULTS);
    assert_eq!(faults, json!([]), "in {svg}");
}

/// The text without white space: browsers and printers break lines where they like.
fn unspaced(text: &str) -> String {
    text.split_whitespace().collect()
}

/// The width of a PNG, which stands in its header.
fn width_of(picture: &[u8]) -> u32 {
    assert!(picture.starts_with(b"\x89PNG\r\n\x1a\n"), "no PNG");
    u32::from_be_bytes(picture[16..20].try_into().unwrap())
}

/// A program on the PATH.
fn found(names: &[&str]) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .flat_map(|folder| names.iter().map(move |name| folder.join(name)))
        .find(|program| program.is_file())
        .unwrap_or_else(|| panic!("{} is not on the PATH: run .ci/packages test", names[0]))
}

/// A Chromium with one page, spoken to through a pipe by the DevTools protocol.
struct Browser {
    process: Child,
    /// Open as long as the browser is.
    to: Option<ChildStdin>,
    from: Receiver<Value>,
    /// What the browser told without being asked.
    events: Vec<Value>,
    calls: u64,
    session: Option<String>,
    folder: PathBuf,
}

impl Browser {
    fn start() -> Self {
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let chromium = found(&["chromium", "chromium-browser", "google-chrome"]);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let folder =
            std::env::temp_dir().join(format!("wo-browser-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        // The browser reads commands from descriptor 3 and answers on 4.
        let mut process = Command::new("sh")
            .args(["-c", "exec \"$@\" 3<&0 4>&1 </dev/null >/dev/null 2>&1", "sh"])
            .arg(chromium)
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-extensions",
                "--hide-scrollbars",
                "--no-first-run",
                "--remote-debugging-pipe",
            ])
            .arg(format!("--user-data-dir={}", folder.join("profile").display()))
            .env("HOME", &folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let to = process.stdin.take();
        let mut answers = BufReader::new(process.stdout.take().unwrap());
        let (sender, from) = channel();
        std::thread::spawn(move || {
            let mut message = Vec::new();
            while answers.read_until(0, &mut message).is_ok_and(|length| length > 0) {
                let ended = message.strip_suffix(b"\0").unwrap_or(&message);
                let Ok(value) = serde_json::from_slice(ended) else { break };
                if sender.send(value).is_err() {
                    break;
                }
                message.clear();
            }
        });
        let (events, calls, session) = (Vec::new(), 0, None);
        let mut browser = Self { process, to, from, events, calls, session, folder };
        let target = browser.call("Target.createTarget", json!({"url": "about:blank"}));
        let page = json!({"targetId": target["targetId"], "flatten": true});
        let attached = browser.call("Target.attachToTarget", page);
        browser.session = attached["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.call(&format!("{domain}.enable"), json!({}));
        }
        browser.call("Page.setLifecycleEventsEnabled", json!({"enabled": true}));
        browser
    }

    /// What the browser says next, be it an answer or not.
    fn next(&mut self) -> Value {
        self.from.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("Chromium does not answer"))
    }

    fn call(&mut self, method: &str, parameters: Value) -> Value {
        self.calls += 1;
        let mut message = json!({"id": self.calls, "method": method, "params": parameters});
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        self.to.as_mut().unwrap().write_all(&bytes).unwrap();
        loop {
            let mut told = self.next();
            if told["id"] == self.calls {
                assert!(told["error"].is_null(), "{method}: {}", told["error"]);
                return told["result"].take();
            }
            self.events.push(told);
        }
    }

    /// The parameters of the events of that name so far.
    fn told(&self, name: &str) -> Vec<&Value> {
        let named = self.events.iter().filter(|event| event["method"] == name);
        named.map(|event| &event["params"]).collect()
    }

    /// Opens the page and waits until it asks the network for nothing more; gives its address.
    fn open(&mut self, name: &str, content: &str) -> String {
        let file = self.folder.join(name);
        std::fs::write(&file, content).unwrap();
        let address = format!("file://{}", file.display());
        let opened = self.call("Page.navigate", json!({"url": address}));
        assert!(opened["errorText"].is_null(), "{opened}");
        let idle = |event: &Value| {
            event["method"] == "Page.lifecycleEvent"
                && event["params"]["name"] == "networkIdle"
                && event["params"]["loaderId"] == opened["loaderId"]
        };
        while !self.events.iter().any(idle) {
            let told = self.next();
            self.events.push(told);
        }
        address
    }

    fn show_on(&mut self, width: u32) {
        let screen =
            json!({"width": width, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": false});
        self.call("Emulation.setDeviceMetricsOverride", screen);
    }

    fn look(&mut self) -> Value {
        self.ask(LOOK)
    }

    /// What an expression gives, which is the text of JSON.
    fn ask(&mut self, expression: &str) -> Value {
        let seen = self.call("Runtime.evaluate", json!({"expression": expression}));
        serde_json::from_str(seen["result"]["value"].as_str().unwrap()).unwrap()
    }

    fn screenshot(&mut self) -> Vec<u8> {
        let taken = self.call("Page.captureScreenshot", json!({"format": "png"}));
        Base64::decode_vec(taken["data"].as_str().unwrap()).unwrap()
    }

    /// The text of the page as it is printed, each sheet ended by a form feed.
    fn print(&mut self) -> String {
        let how = json!({"preferCSSPageSize": true, "printBackground": false});
        let printed = self.call("Page.printToPDF", how);
        let file = self.folder.join("evidence.pdf");
        let document = Base64::decode_vec(printed["data"].as_str().unwrap()).unwrap();
        std::fs::write(&file, document).unwrap();
        text_of(&file)
    }
}

fn text_of(document: &Path) -> String {
    let read =
        Command::new(found(&["pdftotext"])).arg("-raw").arg(document).arg("-").output().unwrap();
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
    String::from_utf8(read.stdout).unwrap()
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Without its pipe the browser ends, and so do the processes that it started.
        self.to = None;
        while self.from.recv_timeout(PATIENCE).is_ok() {}
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// A page that prints as it should, with this in it.
fn a_page_with(content: &str) -> String {
    format!(
        "<!DOCTYPE html><html lang=en><meta charset=utf-8><title>x</title><style>@page {{ size: A4;
         @bottom-right {{ content: 'Page ' counter(page) ' of ' counter(pages) }} }}</style>
         <article class=signature>Ana Example</article>{content}"
    )
}

/// Enough to look at for a picture that is not blank.
fn paragraphs() -> String {
    "<p>The quick brown fox jumps over the lazy dog, and the dog does not mind.</p>".repeat(40)
}

#[test]
fn a_page_that_keeps_the_rules_is_readable() {
    assert_readable(&a_page_with(&paragraphs()), &["Ana Example"]);
}

#[test]
#[should_panic(expected = "asks for more than itself")]
fn a_page_that_loads_a_picture_is_caught() {
    let picture = "<img src=http://192.0.2.1/x.png alt=x>";
    assert_readable(&a_page_with(&format!("{picture}{}", paragraphs())), &["Ana Example"]);
}

#[test]
#[should_panic(expected = "could run")]
fn a_page_that_runs_a_script_is_caught() {
    let script = "<script>console.error('x')</script>";
    assert_readable(&a_page_with(&format!("{script}{}", paragraphs())), &["Ana Example"]);
}

#[test]
#[should_panic(expected = "complains")]
fn a_page_that_the_browser_complains_about_is_caught() {
    let refused = "<meta http-equiv=Content-Security-Policy content=\"style-src 'none'\">\
                   <p style='color: red'>x</p>";
    assert_readable(&a_page_with(&format!("{refused}{}", paragraphs())), &["Ana Example"]);
}

#[test]
#[should_panic(expected = "do not fit on a screen of 400")]
fn a_page_that_is_too_wide_is_caught() {
    let wide = "<div style='width: 700px'>x</div>";
    assert_readable(&a_page_with(&format!("{wide}{}", paragraphs())), &["Ana Example"]);
}

#[test]
#[should_panic(expected = "is not in the signature")]
fn a_page_without_a_signers_name_is_caught() {
    assert_readable(&a_page_with(&paragraphs()), &["Bob Example"]);
}

#[test]
#[should_panic(expected = "the page is blank")]
fn a_blank_page_is_caught() {
    let page = a_page_with("").replace("<style>", "<style>.signature { visibility: hidden }");
    assert_readable(&page.replace("Ana Example", ""), &[""]);
}

fn a_picture_with(content: &str) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"200\" height=\"100\" viewBox=\"0 0 200 100\" font-size=\"12\">
         <rect x=\"10\" y=\"10\" width=\"80\" height=\"30\" fill=\"none\" stroke=\"#000000\"/>{content}</svg>"
    )
}

#[test]
fn a_picture_that_keeps_the_rules_is_drawn() {
    assert_drawn(&a_picture_with(
        "<text x=\"15\" y=\"30\">pending</text><text x=\"15\" y=\"60\">x</text>",
    ));
}

#[test]
#[should_panic(expected = "cut: pending")]
fn a_text_that_is_cut_is_caught() {
    assert_drawn(&a_picture_with("<text x=\"180\" y=\"60\">pending</text>"));
}

#[test]
#[should_panic(expected = "wider than its box: in_progress")]
fn a_text_that_is_wider_than_its_box_is_caught() {
    assert_drawn(&a_picture_with("<text x=\"40\" y=\"30\">in_progress</text>"));
}

#[test]
#[should_panic(expected = "covered: pending / blocked")]
fn a_text_that_covers_another_is_caught() {
    let texts = "<text x=\"15\" y=\"60\">pending</text><text x=\"30\" y=\"64\">blocked</text>";
    assert_drawn(&a_picture_with(texts));
}

#[test]
#[should_panic(expected = "no picture")]
fn a_picture_that_is_no_xml_is_caught() {
    assert_drawn(&a_picture_with("<text x=\"15\" y=\"30\">a < b</text>"));
}
