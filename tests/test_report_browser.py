"""The report in a real browser: nothing runs, nothing is fetched, everything can be found and read.

Needs Chromium or Chrome on the PATH; `.ci/run` installs it where it can.
"""

import re
import shutil
from pathlib import Path

import pytest
from fabricated import make_domain, make_experiment, make_run
from hostile_run import NEEDLE, attack, make_hostile_domain, make_hostile_run

from eval.analysis import analyse
from eval.report import write_report
from hybridtune.config import Experiment
from hybridtune.errors import ConfigError

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))),
                None)  # fmt: skip
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium, chromium-browser or google-chrome"),
]

FIELDS = (
    "domain", "counselor", "patient", "rubric", "question", "scenario id", "summary", "story",
    "persona", "persona key", "scenario key", "distortion", "theme", "user", "assistant", "ended",
    "failed", "session id", "judge", "judge model", "patient model", "missing", "quote of empathy",
    "pair judge", "pair missing", "manifest", "probed judge", "gate", "check", "meaning",
    "words", "disclosure", "safety reply", "category", "suite", "safety judge", "embedder model",
    "trained session",
)  # fmt: skip
# Main text, and what carries meaning beside it.
TEXT = (
    "h1, h2, h3, h4, p, li, td, th, dt, dd, caption, figcaption, summary, small, mark, label, a,"
    " code, q, output, button, .tag, .verdict, .chip, .muted, .speaker"
)
CONTRAST = """(selector) => {
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => {
    const part = (byte) => {
      const c = byte / 255;
      return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    };
    return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  };
  const ground = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const seen = new Map();
  for (const node of document.querySelectorAll(selector)) {
    if (!node.checkVisibility()) continue;
    const [a, b] = [light(parse(getComputedStyle(node).color)), light(ground(node))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const name = `${node.tagName}.${node.className}`;
    seen.set(name, Math.min(ratio, seen.get(name) ?? 99));
  }
  return [...seen];
}"""


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    path = tmp_path_factory.mktemp("hostile")
    domain = make_hostile_domain(path / "domain")
    run = make_hostile_run(path / "run", domain)
    analyse(run, domain)
    return write_report(run, domain)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The paper's size: 50 scenarios, 150 conversations."""
    path = tmp_path_factory.mktemp("whole")
    run = make_run(path / "run", scenarios=50, missing={"real": 1}, resamples=100)
    domain = make_domain(path / "domain")
    analyse(run, domain)
    return write_report(run, domain)


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        # Root, as in most containers, has no sandbox; the page is our own file.
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


class Visit:
    """A page, and what it did that it should not."""

    def __init__(self, browser, file: Path, *, width=1280, anchor="", **options):
        self.context = browser.new_context(viewport={"width": width, "height": 844}, **options)
        self.page = self.context.new_page()
        self.dialogs, self.errors, self.requests = [], [], []
        self.page.on("dialog", self.dialog)
        self.page.on("console", lambda message: self.errors.append(message.text))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.address = file.as_uri()
        self.page.goto(self.address + anchor)

    def dialog(self, dialog):
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.context.close()

    def open_everything(self):
        self.page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")

    def find(self, **fields):
        """Fill the form in, and return the line that says how much is shown."""
        self.page.locator("#find [type=reset]").click()
        for name, value in fields.items():
            field = self.page.locator(f"#find [name={name}]")
            if value is True:
                field.check()
            elif name in ("variant", "theme"):
                field.select_option(value)
            else:
                field.fill(value)
        self.page.wait_for_timeout(160)  # it waits for the typing to end
        return self.page.locator("#find output").text_content()


@pytest.mark.parametrize("bypass", [False, True], ids=["with its policy", "by escaping alone"])
def test_no_word_of_models_packs_or_people_runs(browser, hostile, bypass):
    with Visit(browser, hostile, bypass_csp=bypass) as visit:
        visit.open_everything()
        visit.find(words="[assistant]")
        for node in visit.page.locator("main .title").all()[:3]:
            node.hover()
        assert visit.page.evaluate("window.hits") is None
        assert visit.dialogs == visit.errors == []
        assert visit.page.locator("script").count() == 1
        assert visit.page.locator("main img, main textarea, main iframe").count() == 0
        attributes = visit.page.evaluate(
            "[...document.querySelectorAll('*')].flatMap(n => n.getAttributeNames())"
            ".filter(name => name.startsWith('on') || name === 'autofocus')"
        )
        assert attributes == []


def test_every_attack_is_there_as_text(browser, hostile):
    with Visit(browser, hostile) as visit:
        text = re.sub(r"\s+", " ", visit.page.locator("body").text_content())
    absent = [one for one in FIELDS if shown(one) not in text]
    assert absent == []


def shown(field):
    """As it should stand there; what becomes a label has its underscores replaced."""
    text = re.sub(r"\s+", " ", attack(field))
    labels = ("category", "check", "scenario key", "persona key")
    return text.replace("_", " ") if field in labels else text


def test_the_attack_would_run_where_it_is_not_escaped(browser, tmp_path):
    """Proves that the test above can fail."""
    file = tmp_path / "bare.html"
    file.write_text(f"<title>x</title><p>{attack('bare')}</p>", encoding="utf-8")
    with Visit(browser, file) as visit:
        visit.page.wait_for_timeout(200)
        assert "bare" in visit.page.evaluate("window.hits")
        assert "bare" in visit.dialogs


def test_a_variant_can_have_no_such_name():
    values = make_experiment().model_dump(mode="json")
    values["variants"][attack("variant")] = {"real": 1}
    with pytest.raises((ConfigError, ValueError), match="name it with letters"):
        Experiment.model_validate(values)


def test_nothing_is_asked_of_any_network(browser, whole):
    with Visit(browser, whole) as visit:
        visit.open_everything()
        visit.find(words="heavy")
        assert visit.requests == [visit.address]
        assert visit.errors == []


def test_search_and_filters(browser, hostile):
    with Visit(browser, hostile) as visit:
        everything = "6 of 6 scenarios, 18 of 18 conversations"
        assert visit.find() == everything
        assert visit.find(words=NEEDLE.upper()) == "1 of 6 scenarios, 3 of 18 conversations"
        assert visit.find(words="no such words") == "0 of 6 scenarios, 0 of 18 conversations"
        assert visit.find(variant="hybrid") == "6 of 6 scenarios, 6 of 18 conversations"
        hidden = visit.page.locator(".transcript[data-variant=base][hidden]")
        assert hidden.count() == 6
        assert visit.find(theme="plain theme") == "3 of 6 scenarios, 9 of 18 conversations"
        assert visit.find(trouble=True) == "2 of 6 scenarios, 2 of 18 conversations"
        # The needle is said to one variant only: asking another finds nothing.
        assert visit.find(words=NEEDLE, variant="base").startswith("0 of 6")
        assert visit.find(words=NEEDLE, variant="real").startswith("1 of 6 scenarios, 1 of 18")
        scores = visit.page.locator(".transcript").evaluate_all(
            "nodes => nodes.map(node => node.dataset.score)"
        )
        low = sum(score != "" and float(score) <= 5 for score in scores)
        assert 0 < low < 18
        assert visit.find(most="5").endswith(f" {low} of 18 conversations")
        assert visit.find() == everything
        assert visit.errors == []


def test_what_is_found_is_coloured_and_everything_opens(browser, whole):
    with Visit(browser, whole) as visit:
        visit.find(words="what was that move")
        visit.page.locator("#find [name=open]").click()
        assert visit.page.locator("#browser details.scenario[open]").count() == 50
        visit.page.wait_for_timeout(300)
        assert visit.page.evaluate("CSS.highlights.get('found').size") == 150
        visit.page.locator("#find [name=close]").click()
        assert visit.page.locator("#browser details[open]").count() == 0


def test_a_link_to_a_conversation_opens_it(browser, whole):
    with Visit(browser, whole, anchor="#talk-5") as visit:
        visit.page.wait_for_timeout(200)
        assert visit.page.locator("#talk-5").is_visible()
        visit.find(variant="base")
        visit.page.evaluate("location.hash = ''")
        visit.page.locator("#conversations > p a").last.click()
        visit.page.wait_for_timeout(300)
        target = visit.page.evaluate("location.hash")
        assert visit.page.locator(target).is_visible()
        assert visit.page.locator(f"{target}[data-variant=hybrid]").count() == 1


def test_150_conversations_stay_quick(browser, whole):
    """Limits for a busy machine; it takes a tenth of them on an idle one."""
    with Visit(browser, whole) as visit:
        loading = visit.page.evaluate(
            "performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd"
        )
        assert loading < 5000
        took = visit.page.evaluate(
            """() => {
              const field = document.querySelector('#find [name=words]');
              field.value = 'since that move';
              const start = performance.now();
              field.form.dispatchEvent(new Event('reset'));
              field.dispatchEvent(new Event('input', {bubbles: true}));
              return new Promise(done => setTimeout(() => done(performance.now() - start), 140));
            }"""
        )
        assert took < 2000


@pytest.mark.parametrize("name", ["whole", "hostile"])
def test_no_sideways_scrolling_on_a_phone(browser, name, request):
    file = request.getfixturevalue(name)
    with Visit(browser, file, width=390) as visit:
        for _ in range(2):
            assert visit.page.evaluate("document.documentElement.scrollWidth") <= 390
            visit.open_everything()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_enough_contrast(browser, hostile, scheme):
    with Visit(browser, hostile, color_scheme=scheme) as visit:
        visit.open_everything()
        found = dict(visit.page.evaluate(CONTRAST, TEXT))
        page = visit.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert len(found) > 25
    assert {name: ratio for name, ratio in found.items() if ratio < 4.5} == {}
    dark = sum(map(int, re.findall(r"\d+", page)[:3])) < 200
    assert dark == (scheme == "dark")


def test_without_javascript_all_can_still_be_read(browser, whole):
    with Visit(browser, whole, java_script_enabled=False) as visit:
        assert not visit.page.locator("#find").is_visible()
        assert visit.page.locator("#browser .transcript").count() == 150
        visit.page.locator("#browser > details > summary").first.click()
        assert visit.page.locator("#talk-0 .turn").first.is_visible()


def test_paper_gets_no_form_and_no_dark_page(browser, whole):
    with Visit(browser, whole, color_scheme="dark") as visit:
        visit.page.emulate_media(media="print", color_scheme="dark")
        assert not visit.page.locator("#find").is_visible()
        assert not visit.page.locator("nav").is_visible()
        ink, page = (visit.page.evaluate(f"getComputedStyle(document.body).{name}")
                     for name in ("color", "backgroundColor"))  # fmt: skip
        assert page == "rgb(255, 255, 255)"
        assert sum(map(int, re.findall(r"\d+", ink))) < 200


def test_the_answer_stands_on_the_first_screen(browser, whole):
    with Visit(browser, whole) as visit:
        box = visit.page.locator("#answer .answer").bounding_box()
        assert box["y"] + box["height"] < 844
        assert visit.page.locator("#answer .answer li").count() == 3
        rests = visit.page.locator("#answer .grounds").text_content()
        assert "not calibrated" in rests
        assert "scripted" in rests
        mark = "getComputedStyle(document.querySelector('main'), '::after').backgroundImage"
        assert "NO%20EVIDENCE" in visit.page.evaluate(mark).replace(" ", "%20")
