"""The report: complete, self-contained, safe with hostile words, the same at every writing."""

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest
from fabricated import make_domain, make_experiment, make_run

from eval.analysis import analyse
from eval.figures import FIGURES
from eval.report import TEMPLATES, configuration, write_report
from eval.transcripts import marked
from hybridtune.records import write_json
from hybridtune.runs import Run

VOID = {"meta", "link", "br", "hr", "img", "input"}
SECTIONS = (
    "answer", "summary", "scores", "differences", "spread", "length", "judge", "data", "missing",
    "conversations", "reading", "limits", "configuration",
)  # fmt: skip


class Page(HTMLParser):
    """Collects ids, tags and resources, and checks that every element is closed."""

    def __init__(self, text):
        super().__init__()
        self.ids, self.tags, self.resources, self.open = [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)
        self.note(attrs)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.note(attrs)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def note(self, attrs):
        for name, value in attrs:
            if name == "id":
                self.ids.append(value)
            if name in ("src", "href", "xlink:href", "action", "srcset", "data"):
                self.resources.append(value)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    path = tmp_path_factory.mktemp("report")
    run = make_run(path / "run", missing={"real": 1})
    domain = make_domain(path / "domain")
    analyse(run, domain)
    write_json(
        run.path / "manifest.json",
        {"versions": {"python": "3.11 <i>"}, "steps": {"eval": {"seconds": 12.345}}},
    )
    return run, domain, write_report(run, domain).read_text(encoding="utf-8")


def test_all_sections_and_figures_are_there(written):
    run, _, text = written
    page = Page(text)
    assert not page.open
    assert set(SECTIONS) <= set(page.ids)
    assert page.tags.count("figure") == page.tags.count("svg") == len(FIGURES)
    for name in FIGURES:
        for suffix in (".svg", ".png"):
            assert (run.eval / "figures" / (name + suffix)).stat().st_size > 1000
    assert 'class="banner"' in text
    assert "the verdict is not JSON (1)" in text
    assert "3.11 &lt;i&gt;" in text
    assert "12.345" not in text


def test_ids_are_unique_and_every_reference_stays_inside(written):
    page = Page(written[2])
    assert len(page.ids) == len(set(page.ids))
    assert page.resources
    for reference in page.resources:
        assert reference.startswith("#")
        assert reference[1:] in page.ids


def test_nothing_is_fetched(written):
    text = written[2]
    assert not re.search(r"(src|href)\s*=\s*[\"']?\s*(https?:)?//", text)
    assert not re.search(r"url\(\s*[\"']?(https?:)?//|@import", text)
    tags = Page(text).tags
    assert not {"link", "iframe", "object", "img"} & set(tags)
    assert tags.count("script") == 1


def test_the_one_script_is_ours_and_the_policy_names_it(written):
    (script,) = re.findall(r"<script>(.*?)</script>", written[2], flags=re.DOTALL)
    assert script == (TEMPLATES / "browser.js").read_text(encoding="utf-8")
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', written[2]).group(1)
    assert "default-src 'none'" in policy
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy


def test_hostile_words_are_escaped(written):
    text = written[2]
    assert text.count("<script") == 1
    assert "&lt;script&gt;alert(&#39;patient&#39;)&lt;/script&gt;" in text
    assert "&lt;b&gt;tell&lt;/b&gt;" in text


def test_quotes_of_the_judge_are_marked(written):
    assert '<mark title="quoted for empathy, relevance">That sounds heavy.</mark>' in written[2]


def test_overlapping_quotes_are_both_marked():
    quotes = [("empathy", "IT  sounds heavy"), ("relevance", "heavy, truly"), ("other", "absent")]
    assert marked("It sounds heavy, truly.", quotes) == [
        ("It sounds ", "empathy"),
        ("heavy", "empathy, relevance"),
        (", truly", "relevance"),
        (".", ""),
    ]
    assert marked("", quotes) == []


def test_the_same_run_gives_the_same_report_and_figures(written):
    run, domain, text = written
    before = {path.name: path.read_bytes() for path in (run.eval / "figures").iterdir()}
    assert write_report(run, domain).read_text(encoding="utf-8") == text
    after = {path.name: path.read_bytes() for path in (run.eval / "figures").iterdir()}
    assert after == before


def test_environment_values_stay_out_of_the_report(tmp_path):
    experiment = make_experiment()
    server = experiment.servers["local"].model_copy(update={"env": {"TOKEN": "hush-hush"}})
    servers = {**experiment.servers, "local": server}
    text = configuration(Run(tmp_path, experiment.model_copy(update={"servers": servers})))
    assert "TOKEN: (not shown)" in text
    assert "hush-hush" not in text


def test_a_single_scenario_or_constant_scores_still_make_a_report(tmp_path):
    domain = make_domain(tmp_path / "domain")
    for name, scenarios, means in (
        ("one", 1, None),
        ("flat", 6, dict.fromkeys(("base", "real", "hybrid"), (99.0, 99.0))),
    ):
        run = make_run(tmp_path / name, scenarios=scenarios, means=means)
        analyse(run, domain)
        text = write_report(run, domain).read_text(encoding="utf-8")
        assert "None" not in re.sub(r"<svg.*?</svg>|<pre>.*?</pre>", "", text, flags=re.DOTALL)
        assert "nan" not in re.findall(r">\s*([a-z]+)\s*<", text)
