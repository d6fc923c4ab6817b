"""Which tests judge the mutants of which folder: those that mirror it, and the contract suites."""

import json
from pathlib import Path

ROOT = Path(__file__).parents[2]
CONTRACTS = (
    "tests/contracts/test_contract.py",
    "tests/contracts/test_method_contract.py",
    "tests/contracts/test_any_by_any.py",
)
PEFT = (
    "tests/checkpoint/test_peft.py",
    "tests/checkpoint/test_peft_as_found.py",
    "tests/checkpoint/test_peft_configurations.py",
)
TESTS = {
    "nn": (
        "tests/nn",
        *CONTRACTS,
        "tests/checkpoint/test_gpt2.py",
        "tests/train/test_recompute.py",
    ),
    "quant": ("tests/quant", "tests/contracts/test_contract.py"),
    "methods": ("tests/methods", *CONTRACTS, *PEFT, "tests/robustness/test_numpy_settings.py"),
    "objectives": ("tests/objectives", "tests/contracts/test_any_by_any.py"),
    "train": ("tests/train",),
    "tokenizers": (
        "tests/tokenizers",
        "tests/checkpoint/test_gguf_tokenizers.py",
        "tests/checkpoint/test_sentencepiece.py",
        "tests/checkpoint/test_special_tokens.py",
    ),
    "checkpoint": (
        "tests/checkpoint",
        "tests/contracts/test_loaders.py",
        "tests/robustness/test_untrusted.py",
    ),
    "tasks": ("tests/tasks",),
    "generation": ("tests/generation",),
    "memory": ("tests/memory",),
    "conformance": ("tests/conformance",),
    "system": ("tests/system", "tests/cli/test_site_command.py"),
    "analysis": ("tests/analysis",),
    "recipes": ("tests/recipes", "tests/memory", "tests/system/test_platform.py"),
    "worked_example": ("tests/worked_example",),
    "cli": (
        "tests/cli",
        "tests/analysis/test_doctor.py",
        "tests/conformance/test_check.py",
        "tests/contracts/test_settings.py",
        "tests/course/classroom/test_command.py",
        "tests/course/experiments/test_real.py",
        "tests/course/test_predictions.py",
        "tests/generation/test_chat.py",
    ),
    "course/classroom": ("tests/course/classroom",),
    "course/interactive": ("tests/course/test_interactive.py",),
}
READ = ("notebooks", "benchmarks", "README.md")  # by tests, at the root that they are copied to
NOT = (
    # mutants of their own; a list of all members, mutmut's among them; what runs in processes of
    # its own, to be killed or side by side
    "tests/quant/test_nf4_mutants.py",
    "tests/contracts/test_contract.py::test_the_guide_names_every_member_of_a_layer",
    "tests/checkpoint/test_peft.py::test_a_save_killed_half_way_leaves_the_old_files",
    "tests/checkpoint/test_gpt2.py::test_a_save_killed_half_way_leaves_the_old_file",
    "tests/cli/test_ctrl_c.py::test_a_sweep_ends_soon_and_keeps_whole_runs",
    "tests/cli/test_sweep_command.py::test_a_grid_its_runs_and_its_table",
    "tests/course/experiments/test_real.py::test_the_real_model_learns",
    "tests/course/classroom/test_exercises.py::test_unedited_it_runs_in_a_kernel_and_leaves_no_file",
)
LONG = ("course/classroom",)  # whose laws of answers and of grading are long, and yet not slow
CONFIGURATION = """
[tool.mutmut]
source_paths = ["lora_np"]
only_mutate = ["lora_np/{folder}/*"]
pytest_add_cli_args_test_selection = {tests}
pytest_add_cli_args = ["--hypothesis-profile=mutation", "-pno:cacheprovider"]
timeout_multiplier = 5.0
timeout_constant = 5.0
track_dependencies = false
"""


def workplace(folder):
    """mutants/FOLDER: the project as mutmut shall see it, with this folder's configuration."""
    place = ROOT / "mutants" / folder
    place.mkdir(parents=True, exist_ok=True)
    (place / "mutants").mkdir(exist_ok=True)
    links = {place / name: ROOT / name for name in ("lora_np", "tests")}
    for link, target in (links | {place / "mutants" / name: ROOT / name for name in READ}).items():
        if not link.exists():
            link.symlink_to(target)
    marks = [] if folder in LONG else ["-mnot long"]
    tests = json.dumps([*TESTS[folder], *marks, *(f"--deselect={test}" for test in NOT)])
    ours = (ROOT / "pyproject.toml").read_text()
    (place / "pyproject.toml").write_text(ours + CONFIGURATION.format(folder=folder, tests=tests))
    return place
