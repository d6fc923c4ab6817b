"""The 3×2 example, pinned to numbers computed by hand, the right ones and the document's."""

import json

import numpy as np
import pytest

from lora_np import worked_example
from lora_np.worked_example.__main__ import main
from lora_np.worked_example.screen import screens


@pytest.fixture
def numbers():
    return worked_example.run()


def test_the_terms_and_their_sums(numbers):
    """0.02 + 0.06 + 0.35 and 0.08 − 0.09 − 0.25, added by hand."""
    np.testing.assert_allclose(numbers["terms"], [[0.02, 0.08], [0.06, -0.09], [0.35, -0.25]])
    np.testing.assert_allclose(numbers["y"], [[0.43, -0.26]])
    np.testing.assert_allclose(numbers["terms"].sum(axis=0), [0.43, -0.26])


def test_the_document_prints_something_else(numbers):
    np.testing.assert_array_equal(numbers["document_y"], [[0.54, -0.19]])
    assert np.abs(numbers["document_y"] - numbers["y"]).min() > 0.06


def test_gradients_at_init_by_hand(numbers):
    """u = 0.1 + 0.12 + 0.15 = 0.37, s = 2, dy = [−0.11, −0.07]: dB = 2 · 0.37 · dy, dA = 0."""
    at = numbers["at_init"]
    np.testing.assert_allclose(at["u"], [[0.37]])
    np.testing.assert_allclose(at["dB"]["backward"], [[-0.0814, -0.0518]])
    np.testing.assert_array_equal(at["dA"]["backward"], np.zeros((3, 1)))


def test_gradients_after_one_step_by_hand(numbers):
    """B = [0.0407, 0.0259]; y₁ = 0.43 + 0.74 · 0.0407, y₂ = −0.26 + 0.74 · 0.0259."""
    dy = np.array([0.43 + 0.74 * 0.0407 - 0.54, -0.26 + 0.74 * 0.0259 + 0.19])
    along_b = dy @ [0.0407, 0.0259]
    at = numbers["after_one_step"]
    np.testing.assert_allclose(at["dB"]["backward"], [0.74 * dy])
    dA = 2 * along_b * np.array([0.2, -0.3, 0.5])
    np.testing.assert_allclose(at["dA"]["backward"].ravel(), dA)
    for moment in ("at_init", "after_one_step"):
        for name in ("dA", "dB"):
            assert numbers[moment][name]["gap_by_hand"] < 1e-15
            assert numbers[moment][name]["gap_differences"] < 1e-10


def test_it_learns_the_misprint_and_leaves_W_alone(numbers):
    losses = [record["loss"] for record in numbers["steps"]]
    np.testing.assert_allclose(losses[0], 0.5 * (0.11**2 + 0.07**2))
    assert losses[-1] < losses[0] / 1000
    np.testing.assert_allclose(numbers["y_adapter"], numbers["document_y"], atol=0.004)
    np.testing.assert_allclose(numbers["y_adapter"], numbers["y_merged"], atol=1e-15)
    assert numbers["W_unchanged"] and numbers["W_bytes"] == 48
    np.testing.assert_array_equal(numbers["W"], [[0.1, 0.4], [-0.2, 0.3], [0.7, -0.5]])


def test_delta_W_is_six_products(numbers):
    A, B = numbers["A"], numbers["B"]
    for i in range(3):
        for j in range(2):
            np.testing.assert_allclose(numbers["delta_W"][i, j], A[i, 0] * B[0, j])
    np.testing.assert_allclose(numbers["W_new"], numbers["W"] + 2 * numbers["delta_W"])


def test_both_zero_never_learns(numbers):
    zero = numbers["both_zero"]
    assert zero["loss_first"] == zero["loss_last"]
    assert not zero["dA"].any() and not zero["dB"].any()


def test_rank_wall(numbers):
    """The two moves have equal singular values, so rank 1 stops at exactly half the loss."""
    wall = numbers["rank_wall"]
    np.testing.assert_allclose(wall["rank_1"][0], 0.017)
    np.testing.assert_allclose(wall["rank_1"][-1], 0.0085, rtol=1e-6)
    np.testing.assert_allclose(wall["floor"], 0.0085)
    assert wall["rank_2"][-1] < 1e-9


def test_side_effect_on_an_orthogonal_token(numbers):
    side = numbers["side_effect"]
    np.testing.assert_allclose(side["x2"] @ numbers["x"].T, 0, atol=1e-17)
    np.testing.assert_allclose(side["dense"], side["before"], atol=1e-15)
    assert np.abs(side["lora"] - side["before"]).max() > 0.01


def test_counts(numbers):
    small, large = numbers["counts"]
    assert (small["lora"], small["full"]) == (5, 6)
    assert (large["lora"], large["full"]) == (16_384, 786_432)
    assert small["break_even_rank"] == pytest.approx(1.2) and large["break_even_rank"] == 384


def test_the_same_weight_in_four_bits(numbers):
    """Six codes, three bytes and one scale; LoRA learns on top and the codes stay."""
    q = numbers["nf4"]
    assert q["codes"].tolist() == [9, 13, 4, 12, 15, 1]
    assert q["packed"].tobytes().hex() == "9d4cf1"
    assert q["absmax"] == np.float32(0.7) and q["bytes"] == 7 and q["bytes_float32"] == 24
    np.testing.assert_allclose(q["y"], [[0.43226, -0.25745]], atol=5e-6)
    np.testing.assert_allclose(np.abs(q["error"]).max(), 0.01267, atol=5e-6)
    assert q["steps"][-1]["loss"] < q["steps"][0]["loss"] / 1000 and q["codes_unchanged"]
    np.testing.assert_array_equal(q["steps"][0]["y"], q["y"])


def test_alpha_alone_is_not_the_scale():
    """At r = 2 the two rules part: α/r = 3.5 for α = 7."""
    numbers = worked_example.run(alpha=7.0, rank=2)
    assert numbers["scale"] == 3.5
    np.testing.assert_allclose(
        numbers["W_new"], numbers["W"] + 3.5 * (numbers["A"] @ numbers["B"]), atol=1e-15
    )


@pytest.mark.parametrize("settings", [{}, {"rank": 2, "alpha": 7.0}, {"target": (1.0, 2.0)}])
def test_screen_is_ascii_and_fits(settings):
    text = "\n".join(screens(worked_example.run(**settings)))
    assert text.isascii()
    assert max(map(len, text.splitlines())) <= 79
    assert "slip" in text and "[0.43 -0.26]" in text and "[0.54, -0.19]" in text


def test_json_prints_every_number(capsys):
    main(["--json"])
    printed = json.loads(capsys.readouterr().out)
    assert printed["y"] == [pytest.approx([0.43, -0.26])]
    assert len(printed["steps"]) == 11


def test_plot_writes_a_picture(tmp_path, capsys):
    main(["--plot", str(tmp_path / "figure.png")])
    assert (tmp_path / "figure.png").read_bytes()[:4] == b"\x89PNG"
    assert [path.name for path in tmp_path.iterdir()] == ["figure.png"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--rank", "3"], "rank from 1 to min(in, out) = 2"),
        (["--rank", "0"], "rank from 1, a whole number, got 0"),
        (["--alpha", "nan"], "alpha, finite in float32, got nan"),
        (
            ["--lr", "1e38", "--target", "1e120", "0"],
            "loss overflows at step 1: expected a smaller lr",
        ),
        (["--lr", "-1"], "lr from 0, finite in float32, got -1.0"),
        (["--target", "nan", "1"], "two finite numbers, got [nan, 1.0]"),
        (["--target", "inf", "1"], "two finite numbers, got [inf, 1.0]"),
        (["--plot", "figure.nonsense"], "unknown image format 'nonsense'"),
        (["--plot", "no/such/folder/figure.png"], "cannot write no/such/folder/figure.png"),
    ],
)
def test_bad_arguments_exit_2_and_say_why(arguments, message, capsys):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert message in capsys.readouterr().err
