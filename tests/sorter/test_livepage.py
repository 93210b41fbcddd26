"""The lane's page: what it shows, that it follows, and that it loads nothing from elsewhere."""

import json
import re
from collections.abc import Iterator
from urllib.error import HTTPError
from urllib.request import urlopen

import numpy as np
import pytest

from service.web import served
from sorter.lane import Lane
from sorter.livepage import MOST_STOPPED, live_page
from sorter.stoplist import Cloned, as_rows
from sorter.trust import Trust
from tests.sorter.mail import METER, facts, register, verifier
from tests.sorter.scanning import scan

BLANK = np.full((100, 200), 220, np.uint8)


@pytest.fixture
def site() -> Iterator[tuple[Lane, str]]:
    with Lane(verifier(), threads=1, deadline_s=None) as lane:
        about = {"register": "USPS test 1", "mode": "rehearsal"}
        with served(live_page(lane, lambda: about, metrics=lambda: "pieces_total 2\n")) as url:
            yield lane, url


def get(url: str) -> str:
    with urlopen(url, timeout=10) as answer:
        text: str = answer.read().decode()
        return text


def test_the_page_tells_the_last_pieces_and_why(site: tuple[Lane, str]) -> None:
    lane, url = site
    list(lane.run([(METER.indicium(mills=290), facts(image_id="<b>short</b>"))]))
    page = get(url)
    assert "SHORTPAID" in page
    assert "less than is due: $0.29 of $0.78, $0.49 short" in page
    assert "&lt;b&gt;short" in page
    assert "<b>short" not in page
    assert "REHEARSAL" in page
    [row] = json.loads(get(url + "/pieces.json"))
    assert (row["code"], row["difference_mills"]) == ("SHORTPAID", -490)
    assert get(url + "/metrics") == "pieces_total 2\n"


def test_the_page_has_the_stop_list_where_there_is_one() -> None:
    found: list[Cloned] = []
    with (
        Lane(verifier(), threads=1, deadline_s=None) as lane,
        served(live_page(lane, dict, stop_list=lambda: as_rows(found, register()))) as url,
    ):
        assert "stop list" not in get(url)
        assert json.loads(get(url + "/stoplist.json")) == []
        for serial in range(7, 7 + MOST_STOPPED + 2):
            one = scan(serial=serial, site="<SFO>")
            found.append(Cloned(one, scan(serial=serial, digest=b"another."), counts=3))
        page = get(url)
        assert "<td>TPB1-00000007</td><td>PB</td><td>active</td><td>3</td>" in page
        assert "1970-01-01T00:00:01+00:00, site &lt;SFO&gt;, lane 1, piece piece 1" in page
        assert "and 2 more" in page
        assert page.count("<td>TPB1-") == MOST_STOPPED
        assert len(json.loads(get(url + "/stoplist.json"))) == MOST_STOPPED + 2


def test_the_page_names_the_register_that_is_in_force_now() -> None:
    trust = Trust(register())
    with (
        Lane(verifier(), threads=1, deadline_s=None) as lane,
        served(live_page(lane, lambda: {"register": trust.register.name})) as url,
    ):
        assert "register USPS test 1" in get(url)
        trust.replace(register(number=2))
        assert "register USPS test 2" in get(url)


def test_the_page_follows_without_being_asked(site: tuple[Lane, str]) -> None:
    lane, url = site
    with urlopen(url + "/live/pieces", timeout=10) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        first = _event(stream)
        assert "No piece yet" in first
        list(lane.run([(METER.indicium(), facts())]))
        assert "VALID" in _event(stream)


def _event(stream: Iterator[bytes]) -> str:
    lines = []
    for line in stream:
        if not line.strip():
            return "".join(lines)
        lines.append(line.decode().removeprefix("data: "))
    raise AssertionError("the stream ended")


def test_pictures_are_those_of_the_last_pieces(site: tuple[Lane, str]) -> None:
    lane, url = site
    [one] = lane.run([(BLANK, facts())])
    with urlopen(f"{url}/pieces/{one.number}.png", timeout=10) as answer:
        assert answer.read(4) == b"\x89PNG"
    for missing in (f"/crops/{one.number}.png", "/pieces/999.png", "/pieces/-1.png"):
        with pytest.raises(HTTPError, match="404"):
            urlopen(url + missing, timeout=10)
    with pytest.raises(HTTPError, match="422"):
        urlopen(url + "/pieces/x.png", timeout=10)


def test_nothing_is_loaded_from_elsewhere(site: tuple[Lane, str]) -> None:
    """The policy header would stop it; the page must not even ask."""
    _, url = site
    with urlopen(url, timeout=10) as answer:
        assert "default-src 'self'" in answer.headers["content-security-policy"]
        page = answer.read().decode()
    sources = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert sources
    assert all(source.startswith("/") for source in sources)
    for source in sources:
        get(url + source)
