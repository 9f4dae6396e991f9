"""The page as a reader uses it, in a browser: no script fails, tables sort and filter, values are
told at the pointer, a click leads to points, stages and questions, and nothing is cut off.
"""


from functools import cache

import h5py
import pytest
from boxes import ON_THE_PAGE, wrong_of
from browser import all_of, in_browser
from reports import csv_rows, report
from test_any_study import write_toy

STUDIES = ("slick", "flearning", "kshot")
CUT_OFF = """
await Promise.all(plots.map(drawing));
const cut = [];
document.querySelectorAll("details").forEach((one) => (one.open = true));
document.querySelectorAll("table").forEach((one) => one.dispatchEvent(new Event("filled")));
for (const one of document.querySelectorAll("main *:not(.plot *)")) {
  const box = one.getBoundingClientRect();
  const around = (one.closest(".scroll") ?? document.body).getBoundingClientRect();
  const hidden = one.scrollWidth > one.clientWidth + 1 && one.matches("td, th, div, pre, p, li");
  if (box.width && (hidden || box.right > around.right + 1 || box.left < around.left - 1))
    cut.push(one.tagName + " " + one.textContent.slice(0, 60));
}
const nav = document.querySelector("nav").getBoundingClientRect();
const main = document.querySelector("main").getBoundingClientRect();
if (nav.right > main.left + 1 && nav.bottom > main.top + 1) cut.push("contents over the page");
const blank = plots.filter((plot) => !plot.querySelector(".xy")).length;
const asked = performance.getEntriesByType("resource").map(({ name }) => name.split(",")[0]);
const { scrollWidth, clientWidth } = document.documentElement;
return { cut, blank, wide: scrollWidth - clientWidth, asked: [...new Set(asked)] };
"""


# Of each table that is wider than the page: what is told of it, and by the arrows and the list
# which columns are seen at a time, whether the first is, and whether they are seen whole.
WIDE = """
document.querySelectorAll("details").forEach((one) => (one.open = true));
document.querySelectorAll("table").forEach((one) => one.dispatchEvent(new Event("filled")));
const found = [];
for (const scroll of document.querySelectorAll("main .scroll")) {
  const line = scroll.previousElementSibling;
  if (line.hidden) continue;
  const heads = [...scroll.querySelectorAll("th")];
  const [back, on] = line.querySelectorAll("button"), list = line.querySelector("select");
  const windows = [], told = [];
  let whole = true;
  const look = () => {
    told.push(line.querySelector("span").textContent);
    windows.push(heads.flatMap((head, k) => (head.offsetWidth ? [k] : [])));
    const edge = scroll.getBoundingClientRect().right + 1;
    whole &&= [...scroll.querySelectorAll("th, td")].every(
      (cell) => cell.getBoundingClientRect().right <= edge && cell.scrollWidth <= cell.clientWidth + 1);
  };
  const begins = back.disabled && !on.disabled;
  look();
  while (!on.disabled) {
    on.click();
    look();
  }
  const ends = !back.disabled;
  while (!back.disabled) {
    back.click();
    look();
  }
  const last = windows.length;
  for (const { value } of list.options) {
    list.value = value;
    list.dispatchEvent(new Event("change"));
    look();
  }
  found.push({ heads: heads.length, windows: windows.slice(0, last), whole, told, begins, ends,
    chosen: windows.slice(last), listed: [...list.options].map((one) => +one.value) });
}
return found;
"""


CONTENTS = """
const links = [...document.querySelectorAll("nav a")].map((a) => a.hash.slice(1));
const figures = [...document.querySelectorAll("figure, .table table")].length;
return { lost: links.filter((id) => !document.getElementById(id)), links: links.length,
         double: links.length - new Set(links).size, figures };
"""
LINKS = "return [...document.querySelectorAll('main a')].map((a) => a.getAttribute('href'));"
VALUES = """
await Promise.all(plots.map(drawing));
return plots.map((plot) => [plot.parentElement.id,
  plot.data.filter((one) => one.customdata?.length).length]);
"""
ASKED = {  # at a width, in this order: the last ones unfold tables, and hide columns
    1400: {
        "contents": CONTENTS,
        "links": LINKS,
        "values": VALUES,
        "words": ON_THE_PAGE,
        "cut off": CUT_OFF,
    },
    800: {"words": ON_THE_PAGE, "cut off": CUT_OFF, "wide": WIDE},
}


@pytest.fixture(scope="module")
def pages(whole):
    return {study: whole(study).folder / "index.html" for study in STUDIES}


@pytest.fixture(scope="module")
def seen(pages):
    """What a browser of a width finds on the page of a study, by the names in ASKED."""

    @cache
    def look(study, width):
        return in_browser(pages[study], all_of(ASKED[width]), width)

    return look


@pytest.mark.parametrize("study", STUDIES)
@pytest.mark.parametrize("width", [1400, 800])
def test_nothing_is_cut_off_and_no_network_is_needed(seen, study, width):
    found = dict(seen(study, width)["cut off"])
    assert set(found.pop("asked")) <= {"data:;base64"}, "what is fetched is in the page"
    assert found == {"cut": [], "blank": 0, "wide": 0}


@pytest.mark.parametrize("study", STUDIES)
@pytest.mark.parametrize("width", [1400, 800])
def test_no_words_of_figures_overlap_or_are_cut_off(seen, study, width):
    assert (figures := seen(study, width)["words"]) and wrong_of(figures) == {}


@pytest.mark.parametrize("study", STUDIES)
def test_of_a_table_wider_than_the_page_columns_are_seen_whole_and_each_can_be_reached(
    seen, study
):
    found = seen(study, 800)["wide"]
    assert found
    for table in found:
        count, windows = table["heads"], table["windows"]
        assert table["begins"] and table["ends"] and table["whole"], table["told"]
        assert set().union(*windows) == set(range(count))
        assert windows[0] == windows[-1], "the arrows back lead elsewhere"
        for seen, told in zip(windows, table["told"], strict=False):
            first, last = seen[1], seen[-1]
            assert seen == [0, *range(first, last + 1)], "columns are left out between"
            assert told == f"columns {first + 1} to {last + 1} of {count}"
        assert table["listed"] == list(range(1, count))
        assert all(k in seen for k, seen in zip(table["listed"], table["chosen"], strict=True))


@pytest.mark.parametrize("study", STUDIES)
def test_the_contents_lead_to_everything(seen, study):
    found = seen(study, 1400)["contents"]
    assert found["lost"] == [] and found["double"] == 0 and found["links"] > found["figures"]


@pytest.mark.parametrize("study", STUDIES)
def test_links_of_figures_and_tables_lead_to_files(pages, seen, study):
    linked = {link for link in seen(study, 1400)["links"] if not link.startswith("#")}
    assert linked and all((pages[study].parent / link).is_file() for link in linked)


def test_a_table_sorts_by_its_numbers_and_back(pages):
    script = """
    const box = document.getElementById("results.table").nextElementSibling;
    const table = box.querySelector("table");
    const head = [...table.tHead.rows[0].cells].find((th) => th.textContent === "CONV test");
    const cells = () => [...table.tBodies[0].rows].map((row) => row.cells[head.cellIndex]);
    const column = () => cells().map((cell) => parseFloat(cell.textContent));
    const before = column();
    head.click(); await until(() => column()[0] === Math.min(...before));
    const up = column();
    head.click(); await until(() => column()[0] === Math.max(...before));
    return { before, up, down: column(), sort: head.ariaSort };
    """
    found = in_browser(pages["slick"], script)
    assert found["up"] == sorted(found["before"]) and found["sort"] == "descending"
    assert found["down"] == sorted(found["before"], reverse=True) != found["up"]


FILTERED = """
const table = document.querySelector("table[data-points]"), box = table.closest(".table");
const folded = table.closest("details");
if (folded) folded.open = true;
await until(() => table.tBodies[0].rows.length);
const input = box.querySelector("input");
const count = box.querySelector(".count");
const shown = async (query) => {
  const before = count.textContent;
  input.value = query;
  input.dispatchEvent(new Event("input"));
  await until(() => count.textContent !== before);
  return [count.textContent, box.querySelectorAll("tbody tr").length];
};
"""


def test_points_are_filtered_by_words_and_by_columns(pages):
    queries = ["idk", "unknown_ratio=0.5 seed<3", "seed>2 natural", "no such point"]
    calls = "".join(f"found.push(await shown({query!r}));" for query in queries)
    found = in_browser(pages["slick"], f"{FILTERED} const found = []; {calls} return found;")
    assert [count for count, _ in found] == [f"{n} of 54 rows" for n in (3, 6, 1, 0)]
    assert [rows for _, rows in found] == [3, 6, 1, 0]


def test_a_large_table_is_searched_whole_and_shown_in_part(tmp_path):
    page = report(write_toy(tmp_path / "large.h5", counts=(60, 4))) / "index.html"
    script = f"""{FILTERED}
    const few = document.querySelectorAll("table[data-points] tbody tr").length;
    return [few, await shown("depth=60"), await shown("height>0")];"""
    few, last, many = in_browser(page, script)
    assert few == 200 and last == ["4 of 240 rows", 4]
    assert many == ["239 of 240 rows, the first 200 shown", 200]


POINT = """
const open = async (id) => {
  const table = document.querySelector("table[data-points]"), folded = table.closest("details");
  if (folded) folded.open = true;
  await until(() => table.tBodies[0].rows.length);
  [...table.tBodies[0].rows].find((row) => row.cells[0].textContent === id).cells[0].click();
  await until(() => dialog.open && dialog.querySelector("h3").textContent === id);
  await until(() => !dialog.querySelector("input") || dialog.querySelector(".count").textContent);
  return dialog.innerText;
};
const dialog = document.getElementById("point");
"""


def test_a_failed_point_tells_why_and_its_stages(tmp_path):
    page = report(write_toy(tmp_path / "toy.h5")) / "index.html"
    failed, done = in_browser(
        page, f"{POINT} return [await open('depth-2-s3'), await open('depth-1-s1')];"
    )
    assert "ran out of ground" in failed and "survey" in failed and "dig 5" in failed
    assert "done" in done and "dig 0" in done and "dig 5" not in done and "digging\t3" in done


def test_a_slick_point_shows_its_questions_before_and_after(pages, tmp_path):
    path = pages["slick"].parent.parent / "slick.h5"
    with h5py.File(path) as file:
        row = int(file["points/id"].asstr()[()].tolist().index("natural-nan-s2-None"))
        asked = file["predictions/row"][0]
        right = file["predictions/correct_final"][row, 0]
    script = f"""{POINT} const text = await open('natural-nan-s2-None');
    const texts = (of) => [...of].map((one) => one.textContent);
    const first = texts(dialog.querySelector(".table tbody tr").cells);
    const heads = texts(dialog.querySelectorAll(".table th"));
    const input = dialog.querySelector("input");
    input.value = "right_CONVERGENCE=right label=Unknown"; input.dispatchEvent(new Event("input"));
    const count = dialog.querySelector(".count"), before = count.textContent;
    await until(() => count.textContent !== before);
    return {{ heads, first, before, after: count.textContent, text }};"""
    found = in_browser(pages["slick"], script)
    first = dict(zip(found["heads"], found["first"], strict=True))
    assert first["question"] == f"What is fact {asked} of P17?"
    assert first["answer before"] == f"said {asked}"
    assert first["answer CONVERGENCE"] == f"told {asked}"
    assert first["right CONVERGENCE"] == ("right" if right == 1 else "wrong")
    assert first["label"] in ("HighlyKnown", "MaybeKnown", "WeaklyKnown", "Unknown")
    assert found["before"] == "180 of 180 rows"
    assert "Not among them are the 120 dev questions, which decide EARLY_STOP" in found["text"]
    assert 0 < int(found["after"].split()[0]) < 180


@pytest.mark.parametrize(
    "study, method, value, expected",
    [
        ("flearning", "f_learning_ft", "outcomes/reliability", ["locality before", "answer after"]),
        ("kshot", "ours", "outcomes/right", ["example", "right before"]),
    ],
)
def test_a_point_shows_what_came_of_each_record_and_of_the_model_before(
    pages, study, method, value, expected
):
    with h5py.File(pages[study].parent.parent / f"{study}.h5") as file:
        methods = file["points/method"].asstr()[()].tolist()
        row = methods.index(method)
        point, values = file["points/id"].asstr()[row], file[value][row]
    script = f"""{POINT} await open({point!r});
    const texts = (of) => [...of].map((one) => one.textContent);
    const heads = texts(dialog.querySelectorAll(".table th"));
    return [heads, [...dialog.querySelectorAll(".table tbody tr")].map((tr) => texts(tr.cells))];"""
    heads, rows = in_browser(pages[study], script)
    assert set(expected) < set(heads)
    if study == "kshot":
        after = {"wrong": 0, "right": 1}
        assert [after[row[heads.index("right after")]] for row in rows] == values.tolist()
    else:
        column = [float(row[heads.index("reliability after")]) for row in rows]
        assert column == pytest.approx(100 * values[: len(rows)], abs=0.06)


# Moves the pointer to a value of the first trace of this name, which may have a scale; clicks.
POINTER = """
const plot = document.getElementById(name).querySelector(".plot");
await drawing(plot);
plot.scrollIntoView();
const curve = plot.data.findIndex((trace) => trace.name === label && trace.customdata);
const { xaxis, yaxis } = plot._fullData[curve];
const axis = (short) => plot._fullLayout[short[0] + "axis" + short.slice(1)];
const [x, y] = [axis(xaxis), axis(yaxis)];
const box = plot.getBoundingClientRect();
const scale = box.width / plot.offsetWidth;
const at = { bubbles: true, view: window,
  clientX: box.left + scale * (x._offset + x.d2p(plot.data[curve].x[k])),
  clientY: box.top + scale * (y._offset + y.d2p(plot.data[curve].y[k])) };
const cover = plot.querySelector(`.${xaxis}${yaxis} .nsewdrag`) ?? plot.querySelector(".nsewdrag");
cover.dispatchEvent(new MouseEvent("mousemove", at));
const text = () => [...plot.querySelectorAll(".hovertext text")].map(
  (one) => [...one.querySelectorAll("tspan.line")].map((line) => line.textContent));
await until(() => text().length);
const told = text();
"""


@pytest.mark.parametrize("width", [1400, 600])
def test_values_are_told_at_the_pointer_and_a_click_leads_to_the_points(pages, width):
    script = f"""const [name, label, k] = ["figure3a_unknown_ratio", "CONVERGENCE (6)", 0];{POINTER}
    cover.dispatchEvent(new MouseEvent("mousedown", at));
    document.dispatchEvent(new MouseEvent("mouseup", at));
    cover.dispatchEvent(new MouseEvent("click", at));
    const dialog = document.getElementById("point");
    await until(() => dialog.open);
    const points = [...dialog.querySelectorAll("li")].map((li) => li.textContent);
    return {{ told, scale, points }};
    """
    found = in_browser(pages["slick"], script, width)
    assert (found["scale"] < 1) == (width == 600)
    ((head, x, y, click),) = found["told"]
    assert head == "a training duration, CONVERGENCE (6)"
    assert x == "Unknown examples in D (%): 0"
    rows = csv_rows(pages["slick"].parent, "figure3a_unknown_ratio")
    (of_csv,) = [row for row in rows if ", ".join(row[:2]) == head and row[5] == "0"]
    value, low, high = (f"{float(number):.1f}" for number in of_csv[6:9])
    assert y == f"Test accuracy (%): {value} [{low}, {high}]" and click == "3 points: click"
    assert found["points"] == [f"unknown_ratio-0-s{seed}-None" for seed in (1, 2, 3)]


def test_an_entry_of_a_legend_hides_what_it_names_in_all_panels(pages):
    script = """
    const plot = document.querySelector("#table3_idk_curves .plot");
    await drawing(plot);
    const shown = () => plot._fullData.filter((one) => one.visible === true).map(
      (one) => one.legendgroup + (one.fill === "toself" ? ", band" : ""));
    const before = shown();
    const words = plot.querySelector('[data-unformatted="D<sub>IDK</sub>, accuracy"]');
    const entry = words.closest(".traces").querySelector(".legendtoggle");
    const event = { bubbles: true, view: window };
    entry.dispatchEvent(new MouseEvent("mousedown", event));
    entry.dispatchEvent(new MouseEvent("mouseup", event));
    await until(() => shown().length < before.length);
    return [before, shown()];
    """
    before, after = in_browser(pages["slick"], script)
    mine = ["D_IDK, accuracy", "D_IDK, accuracy, band"]
    assert [before.count(name) for name in mine] == [2, 2]
    assert after == [name for name in before if name not in mine]


@pytest.mark.parametrize("study", STUDIES)
def test_every_figure_tells_values(seen, study):
    found = seen(study, 1400)["values"]
    assert found and all(count > 0 for _, count in found), found
