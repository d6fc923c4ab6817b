"""What the notebooks show: the slider lives without a kernel, a network, or chance."""

import re

from IPython.core.interactiveshell import InteractiveShell

from lora_np.course import notebook
from lora_np.course.notebook import Slider


def test_slider_is_small_alone_and_the_same_twice():
    def draw(figure, setting):
        figure.subplots().bar([0], [setting])

    slider = Slider(draw, range(1, 6), "rank r", "A bar that is as high as the setting of r.")
    page = slider._repr_html_()
    assert page == slider._repr_html_()
    assert not re.search("https?://", page), "nothing comes from the net"
    assert page.count("frames[") >= 5 and len(set(re.findall(r"frames\[(\d)\] = ", page))) == 5
    assert re.search('<img alt="A bar[^>]*src="data:image/png', page), "a still without a script"
    assert re.search('<input aria-label="rank r"[^>]*type="range"', page)
    assert page.count("<div") == page.count("</div>") and page.count("<label>") == 1
    assert len(page) < 400_000
    assert "rank r" in repr(slider)


def test_a_lesson_without_what_it_needs_ends_early(monkeypatch, capsys):
    shell = InteractiveShell()
    monkeypatch.setattr(notebook, "get_ipython", lambda: shell)
    shell.run_cell("a = 1")
    notebook.end_here("This needs a model.")
    assert shell.run_cell("a = 2\n1 / 0").success and shell.user_ns["a"] == 1
    assert "needs a model" in capsys.readouterr().out
