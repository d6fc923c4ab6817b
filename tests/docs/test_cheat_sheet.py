"""The cheat sheet is one page that prints well, and what it says is what the package does."""

import re
import sys
from itertools import combinations
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "notebooks" / "tools"))

import make_cheat_sheet  # noqa: E402
import sheet_layout  # noqa: E402
import sheet_numbers  # noqa: E402

from lora_np import Linear, LoRA, LoRALinear  # noqa: E402
from lora_np.memory import formulas  # noqa: E402
from lora_np.methods import METHODS  # noqa: E402
from lora_np.quant import CODEBOOK, quantize_nf4  # noqa: E402


@pytest.fixture(scope="module")
def page():
    return make_cheat_sheet.sheet()


@pytest.fixture(scope="module")
def words(page):
    """All that the page says, in the order in which it was written."""
    return " ".join(text.get_text() for text in page.axes.texts)


@pytest.mark.long
def test_the_page_that_is_kept_is_the_one_that_is_made(page, tmp_path):
    kept = make_cheat_sheet.SHEET.read_bytes()
    assert make_cheat_sheet.digest(page).encode() in kept, "run notebooks/tools/make_cheat_sheet.py"
    make_cheat_sheet.save(tmp_path / "made.pdf")
    again = kept
    if f"v{matplotlib.__version__}".encode() not in kept:  # another writes the same page otherwise
        make_cheat_sheet.save(tmp_path / "again.pdf")
        again = (tmp_path / "again.pdf").read_bytes()
    assert (tmp_path / "made.pdf").read_bytes() == again


def test_it_is_one_page_of_a4_in_vectors():
    kept = make_cheat_sheet.SHEET.read_bytes()
    assert len(re.findall(rb"/Type /Page\b", kept)) == 1
    sides = re.search(rb"/MediaBox \[ 0 0 ([\d.]+) ([\d.]+) \]", kept).groups()
    np.testing.assert_allclose([float(side) / 72 * 25.4 for side in sides], [210, 297], atol=0.1)
    assert b"/Subtype /Image" not in kept and len(kept) < 200_000


def test_it_can_be_read_when_printed(page):
    """No letter below 7 points, nothing outside the margins, no text on another."""
    figure, boxes = page.figure, []
    FigureCanvasAgg(figure)
    figure.set_dpi(72)  # a pixel is a point
    with matplotlib.rc_context(sheet_layout.STYLE):
        for text in page.axes.texts:
            assert text.get_fontsize() >= 7, text.get_text()
            if text.get_text().strip():
                boxes.append((text.get_text(), text.get_window_extent()))
    edge, (width, height) = make_cheat_sheet.MARGIN - 2, sheet_layout.A4
    for said, box in boxes:
        assert box.x0 > edge and box.x1 < width - edge, said
        assert box.y0 > edge and box.y1 < height - edge, said
    for (one, a), (other, b) in combinations(boxes, 2):
        over = min(a.x1, b.x1) - max(a.x0, b.x0), min(a.y1, b.y1) - max(a.y0, b.y0)
        assert min(over) < 2, f"{one!r} lies on {other!r}"


def test_its_sixteen_numbers_and_its_bits_are_the_packages(words):
    for value in CODEBOOK:
        assert sheet_numbers.minus(f"{value:.4f}") in words
    weights = np.zeros((1024, 1024), np.float32)
    for bits, double in zip(sheet_numbers.bits(), (False, True)):
        held = 8 * quantize_nf4(weights, double_quant=double).nbytes / weights.size
        assert bits == pytest.approx(held, abs=1e-4)
        assert f"{bits:.4g}" in words
    assert sheet_numbers.bits()[0] == 8 * formulas.NF4


def test_its_rates_and_settings_are_the_packages(words):
    rates = {method.name: method.rate for method in METHODS}
    for name in ("lora", "full"):
        assert f"${rates[name]:g} \\cdot 128/" in words
    assert f"r {LoRA().rank}, α {LoRA().alpha:g}, every linear layer" in words
    kept = (ROOT / "notebooks" / "WHICH_METHOD.md").read_text("utf-8")
    rows = sheet_numbers.measured()
    assert len(rows) == 6
    for name, trained, rate, between, gain, forgotten in rows:
        ending = r".*" + re.escape(gain.removesuffix(" %")) + r" ± .*" + re.escape(forgotten)
        row = rf"\| {name}\D* \| {trained} \| {rate} \({between}\)" + ending
        assert re.search(row, kept), name
        assert rate in words and between in words


def test_its_bytes_are_those_of_a_layer_in_training(words):
    """12.6, 3.4 and 0.7 MB: what lesson 4 adds up from arrays."""
    rng = np.random.default_rng(0)
    layer = LoRALinear(Linear(np.zeros((512, 1536), np.float32)), 8, 16.0, rng)
    learns = sum(p.size for p in layer.trainable_parameters())
    rows = {row[0]: row[1:] for row in sheet_numbers.bytes_rows()}
    trained, full, lora, _ = rows["a layer 512 × 1536"]
    assert trained == sheet_numbers.percent(learns / layer.base.weight.size)
    assert full == sheet_numbers.size(16 * layer.base.weight.size)
    assert lora == sheet_numbers.size(4 * layer.base.weight.size + 16 * learns)
    assert all(cell in words for row in rows.values() for cell in row)


def test_its_names_are_the_glossarys_and_are_there(words):
    """Whatever the table of symbols names stands on the page; the package has what it names."""
    glossary = {row[0]: row for row in sheet_numbers.rows_of("README.md", "symbol")}
    for symbol in make_cheat_sheet.SYMBOLS:
        for name in re.findall(r"`([^`]+)`", " ".join(glossary[symbol])):
            assert name in words, name
    layer = LoRALinear(Linear(np.ones((3, 2))), 1, 2.0, np.random.default_rng(0))
    for name in ("A", "B", "scale", "effective_weight"):
        assert hasattr(layer, name) and name in words
    quantized = quantize_nf4(np.ones((3, 2), np.float32))
    for name in ("codes", "absmax", "dequantize"):
        assert hasattr(quantized, name) and f"NF4Tensor.{name}" in words
