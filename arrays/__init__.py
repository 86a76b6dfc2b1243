"""Where arrays live: their namespace on host or GPU, kernels, and threads over blocks. Knows nothing of CT.

Public names: `Array`, `array_namespace`, `is_on_gpu`, `to_host`, `launch`, `Block`, `blocks`, `thread_map`.
"""

from .blocks import Block, blocks, thread_map
from .device import Array, array_namespace, is_on_gpu, to_host
from .kernels import launch

__all__ = ["Array", "Block", "array_namespace", "blocks", "is_on_gpu", "launch", "thread_map", "to_host"]
