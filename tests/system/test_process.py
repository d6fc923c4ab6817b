"""What the process itself is asked for."""

from lora_np.system.process import reuse_memory


def test_reuse_memory_says_whether_it_worked():
    assert reuse_memory() in (True, False)
