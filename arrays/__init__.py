"""Where arrays live: their namespace on host or GPU, and threads over blocks. Knows nothing of CT.

Public names: `Array`, `array_namespace`, `to_host`, `Block`, `blocks`, `thread_map`.
"""

from .blocks import Block, blocks, thread_map
from .device import Array, array_namespace, to_host

__all__ = ["Array", "Block", "array_namespace", "blocks", "thread_map", "to_host"]
