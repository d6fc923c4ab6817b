"""LoRA and QLoRA from scratch in plain NumPy.

`__init__.pyi` says which names there are. Each is imported when it is first used, so that
`import lora_np` takes no longer than `import numpy`.
"""

import lazy_loader

__version__ = "0.2.0"
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
