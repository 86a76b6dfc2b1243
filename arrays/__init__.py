"""Where arrays live: their namespace on host or GPU, kernels, and blocks on threads and devices. Knows nothing of CT.

Public names: `Array`, `array_namespace`, `is_on_gpu`, `to_host`, `launch`, `Device`, `open_device`, `Block`, `blocks`,
`thread_map`.
"""

from .blocks import Block, blocks, thread_map
from .device import Array, array_namespace, is_on_gpu, to_host
from .gpu import Device, open_device
from .kernels import launch

__all__ = [
    "Array",
    "Block",
    "Device",
    "array_namespace",
    "blocks",
    "is_on_gpu",
    "launch",
    "open_device",
    "thread_map",
    "to_host",
]
