"""WebGPU as a delegate: one shader language for Vulkan, Metal, D3D12 and browsers (extra `webgpu`)."""

from .delegate import WebGpu

__all__ = ["WebGpu"]
