"""How the site is put together: links between files, public names, and the check of what was built."""

from __future__ import annotations

import re
import sys
from importlib import import_module
from pathlib import Path

import check_site
import pytest

import tinygrad_hess as tg

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "docs" / "_ext"))
import figure_links  # noqa: E402
import reference  # noqa: E402
import scripts  # noqa: E402
import sources  # noqa: E402

# ---- links --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("page", "written", "made"),
    [
        ("docs/start.md", "[a](../examples/lessons/07_x.py)", "[a](../examples/lessons/07_x.py)"),
        (
            "docs/start.md",
            "[a](../examples/lessons/07_backward_pass.py)",
            "[a](gallery/lessons/07_backward_pass.rst)",
        ),
        ("docs/guides/jit.md", "[a](../how_it_works.md#4-batches)", "[a](../how_it_works.md#4-batches)"),
        ("docs/numbers.md", "[a](../benchmarks/RESULTS.md)", "[a](copied/times.md)"),
        ("docs/start.md", "[a](../tinygrad_hess/core)", "a"),
        ("docs/start.md", "[a](../ops/random.py) [b](https://x.y)", "[a](../ops/random.py) [b](https://x.y)"),
    ],
)  # fmt: skip
def test_a_link_to_a_file_is_one_to_its_page(page: str, written: str, made: str) -> None:
    assert sources.relinked(written, ROOT / page, ROOT / page) == made


def test_a_picture_that_is_a_link_is_both() -> None:
    origin, page = ROOT / "examples/published/README.md", ROOT / "docs/copied/published.md"
    name = "docs/published/hessian_free.png"
    made = sources.relinked(f"[![x](../../{name})](../../{name})", origin, page)
    assert made == "[![x](../published/hessian_free.png)](../published/hessian_free.png)"


def test_files_that_are_pages_exist() -> None:
    for name in {*sources.ELSEWHERE, *sources.GALLERIES}:
        assert (ROOT / name).exists(), name


# ---- names --------------------------------------------------------------------------------------


def test_every_public_name_has_its_entry() -> None:
    made = reference.pages()
    entries = set(re.findall(r"^\.\. (?:auto\w+|py:data):: (\S+)$", "\n".join(made.values()), re.M))
    for name in ("hvp", "curvature.HessianOperator", "numpy.linalg.eigh", "nn.init.orthogonal"):
        assert f"tinygrad_hess.{name}" in entries
    for module in ("curvature", "numpy.linalg", "numpy.fft", "scipy.linalg"):
        found = import_module(f"tinygrad_hess.{module}")
        ours = [
            n for n in found.__all__ if getattr(found, n).__module__.startswith("tinygrad_hess")
        ]
        assert len(ours) > 10
        assert {f"tinygrad_hess.{module}.{n}" for n in ours} <= entries
    for name in dir(tg):
        if name[0] != "_" and callable(getattr(tg, name)):
            assert f"tinygrad_hess.{name}" in entries


def test_every_public_module_has_a_page() -> None:
    index = (ROOT / "docs" / "reference" / "index.rst").read_text(encoding="utf-8")
    listed = set(re.findall(r"^   (tinygrad_hess\S*)$", index, re.MULTILINE))
    assert listed == {*reference.pages()}


def test_marks_are_escaped_outside_of_code_alone() -> None:
    lines = [
        "log |x| of ``a | b``",
        ">>> a | b",
        "*so* is f(x, *args) of ``(*args)``, (*shape of y0, T)",
    ]
    reference.escape(None, "", "", None, None, lines)  # type: ignore[arg-type]
    assert lines == [
        r"log \|x\| of ``a | b``",
        ">>> a | b",
        r"*so* is f(x, \*args) of ``(*args)``, (\*shape of y0, T)",
    ]


# ---- figures ------------------------------------------------------------------------------------


def test_a_figure_leads_to_its_larger_version() -> None:
    sizes = 'src="../a.png" srcset="../a.png, ../a_2_00x.png 2.00x"'
    image = f'<img {sizes} alt="x" class="sphx-glr-single-img"/>'
    assert figure_links.linked(image) == f'<a class="figure" href="../a_2_00x.png">{image}</a>'
    image = '<img src="b.png" class="sphx-glr-single-img">'
    assert figure_links.linked(image) == f'<a class="figure" href="b.png">{image}</a>'
    assert figure_links.linked('<img src="b.png">') == '<img src="b.png">'


# ---- scripts ------------------------------------------------------------------------------------


def test_the_first_line_of_a_script_is_its_title() -> None:
    made = scripts.titled('"""What it shows.\n\nMore.\n"""\n\nx = """y"""\n')
    assert made == 'r"""\nWhat it shows\n=============\n\nMore.\n"""\n\nx = """y"""\n'
    for path in [*(ROOT / "examples").glob("*.py"), *(ROOT / "examples" / "autograd").glob("*.py")]:
        source = path.read_text(encoding="utf-8")
        made = scripts.titled(source)
        assert compile(made, path.name, "exec")
        assert made.splitlines()[-5:] == source.splitlines()[-5:]


# ---- what was built -----------------------------------------------------------------------------


def site(folder: Path, body: str) -> list[str]:
    (folder / "a.html").write_text(f"<p id='here'>{body}</p>", encoding="utf-8")
    (folder / "b.html").write_text("<h1 id='there'>B</h1>", encoding="utf-8")
    return check_site.problems(folder)


@pytest.mark.parametrize(
    "body",
    [
        '<a href="b.html#there">b</a><a href="#here">a</a>',
        '<a href="https://x.y/z">elsewhere</a>',
        '<img src="data:image/png;base64,x"><link rel="canonical" href="https://x.y">',
    ],
)
def test_good_links_pass(body: str, tmp_path: Path) -> None:
    assert not site(tmp_path, body)


@pytest.mark.parametrize(
    "body",
    [
        '<a href="c.html">c</a>',
        '<a href="b.html#here">b</a>',
        '<a href="#nowhere">a</a>',
        '<img src="c.png">',
        '<script src="https://x.y/z.js"></script>',
        '<link rel="stylesheet" href="//x.y/z.css">',
    ],
)
def test_bad_ones_are_found(body: str, tmp_path: Path) -> None:
    assert len(site(tmp_path, body)) == 1
