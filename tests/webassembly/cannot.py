"""What cannot hold in WebAssembly, by cause: {cause: the beginnings of tests' names}."""

CANNOT = {
    "no processes": (
        "checkpoint/test_gpt2.py::test_a_save_killed_half_way_leaves_the_old_file",
        "checkpoint/test_peft.py::test_a_save_killed_half_way_leaves_the_old_files",
        "docs/test_import.py",
    )
}

ENDS_PYTHON = {  # not run: whatever comes after them would not be
    "no sockets: listening ends Python": ("course/classroom/test_apart.py",)
}
