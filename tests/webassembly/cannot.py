"""What cannot hold in WebAssembly, by cause: {cause: the beginnings of tests' names}.

Each of these tests is run there all the same and has to fail, or the list is wrong; but for those
after which Python itself would be gone.
"""

CANNOT = {
    "no processes": (
        "checkpoint/test_gpt2.py::test_a_save_killed_half_way",
        "checkpoint/test_peft.py::test_a_save_killed_half_way",
        "cli/test_command_line.py::test_worked_example_on_an_ascii_console",
        "cli/test_command_line.py::test_a_wrong_command_exits_2",
        "cli/test_command_line.py::test_help_lists_the_commands",
        "cli/test_ctrl_c.py::test_a_sweep_ends_soon_and_keeps_whole_runs",
        "cli/test_streams.py::test_no_command_breaks_on_a_closed_stream",
        "cli/test_streams.py::test_help_may_be_cut_short",
        "course/classroom/test_apart.py::test_a_patched_law_judges_as_before",
        "course/classroom/test_apart.py::test_solutions_are_right_apart",
        "course/classroom/test_grade.py::test_there_are_thirty",
        "course/classroom/test_grade.py::test_one_answer",
        "course/classroom/test_grade.py::test_what_is_no_submission",
        "course/classroom/test_grade.py::test_two_of_one_name",
        "course/classroom/test_grade.py::test_cells_are_found",
        "course/classroom/test_grade.py::test_a_check_cell",
        "course/classroom/test_command.py::test_the_command_writes",
        "course/classroom/test_command.py::test_exit_status",
        "course/classroom/test_command.py::test_without_hypothesis",
        "course/classroom/test_handed_in.py::test_a_right_answer",
        "course/classroom/test_handed_in.py::test_what_only_a_notebook",
        "docs/test_import.py::test_importing_loads_nothing",
        "docs/test_import.py::test_a_module_never_hides",
        "docs/test_import.py::test_no_command_waits",
        "test_nano.py::test_it_runs_as_a_module",
        "test_nano.py::test_a_lone_copy",
        "worked_example/test_broken_on_purpose.py::test_closed_ends",
    ),
    "no threads": (
        "recipes/test_sweep.py::test_any_executor",
        "recipes/test_sweep.py::test_a_run_that_fails",
        "recipes/test_sweep.py::test_what_json_cannot_hold",
        "recipes/test_sweep.py::test_progress_is_visible",
        "recipes/test_sweep.py::test_numpys_numbers",
        "recipes/test_sweep.py::test_a_result_that_json_cannot_hold",
        "system/test_files.py::test_many_threads_write_one_file",
    ),
    "no locks": (
        "system/test_files.py::test_a_folder_in_use_stays",
        "system/test_files.py::test_a_process_that_has_the_same_number",
    ),
    "no flags: NumPy is not told that a number is infinite or none": (
        "robustness/test_edges.py::test_a_row_without_shares",
        "robustness/test_edges.py::test_scores_whose_difference",
    ),
    "NumPy's own integer has 32 bits, and so what is held is less": (
        "memory/test_formulas.py::test_a_long_text_holds_no_proportions",
        "memory/test_memory.py::test_what_is_held_is_what_is_predicted",
    ),
    "no array, were it a view, past 2³¹ bytes": (
        "robustness/test_past_32_bits.py::test_places_in_a_weight",
    ),
    "Python's own library is no folder of sources": (
        "docs/test_projects.py::test_a_small_run_gives_what_the_claims_read[a_own_text",
    ),
    "another matplotlib draws the letters a little wider": (
        "docs/test_cheat_sheet.py::test_the_page_that_is_kept",
        "docs/test_cheat_sheet.py::test_it_can_be_read_when_printed",
    ),
    "Python is no file": ("system/test_hints.py::test_python_is_the_one_that_runs",),
    "no Jupyter kernel": (
        "course/classroom/test_exercises.py::test_unedited_it_runs_in_a_kernel",
        "docs/test_notebooks.py::test_lesson_runs",
        "docs/test_notebooks.py::test_lesson_without_its_model",
    ),
}

ENDS_PYTHON = {
    "no processes: the test's own would be killed": (
        "recipes/test_sweep.py::test_a_killed_process",
        "recipes/test_sweep.py::test_a_cell_that_always_kills",
    ),
    "no sockets": (
        "cli/test_site_command.py::test_each_file",
        "cli/test_site_command.py::test_it_listens",
        "cli/test_site_command.py::test_nothing_but",
        "cli/test_site_command.py::test_a_port",
        "cli/test_site_command.py::test_it_prints",
    ),
    "no sockets: a pipe between processes is one": (
        "course/classroom/test_apart.py::test_what_comes_back",
        "course/classroom/test_apart.py::test_arrays_and_generators",
        "course/classroom/test_apart.py::test_its_errors",
        "course/classroom/test_apart.py::test_odd_results",
        "course/classroom/test_apart.py::test_a_function_is_called",
        "course/classroom/test_apart.py::test_an_answer_that_is_gone",
    ),
    "no threads: the test would wait for ever": (
        "system/test_progress.py::test_waiting_says_what_for",
        "system/test_progress.py::test_a_bars_clock_goes_on",
    ),
}

NOT_COLLECTED = {
    "no processes: a kernel's tests are one": ("robustness/test_kernels.py",),
    "no nbconvert, nor babel: tools of those who write lessons": (
        "docs/test_cards.py",
        "docs/test_questions.py",
        "docs/test_slides.py",
        "docs/test_translations.py",
    ),
}
