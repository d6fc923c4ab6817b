"""Optional libraries, and what only looks like one."""

import pytest

from lora_np.system.extras import has_extra, import_extra


def test_a_library_that_is_there():
    assert has_extra("numpy") and import_extra("numpy").__name__ == "numpy"


def test_a_part_of_a_library_that_is_not_there_names_its_package():
    assert not has_extra("nobodys_library.part")
    with pytest.raises(ImportError, match="needs the library `theirs`, .* pip install theirs"):
        import_extra("nobodys_library.part", "theirs")


def test_a_folder_of_its_name_is_not_the_library(tmp_path, monkeypatch):
    """As `tests/tokenizers` is, on a machine without the library `tokenizers`."""
    (tmp_path / "nobodys_library").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    import nobodys_library

    assert nobodys_library.__file__ is None
    assert not has_extra("nobodys_library")
    with pytest.raises(ImportError, match="pip install nobodys_library"):
        import_extra("nobodys_library")
