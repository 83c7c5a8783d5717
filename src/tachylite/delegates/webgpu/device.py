"""The device: buffers, pipelines by the text of their shaders, and runs."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from tachylite.model.errors import TachyliteError
from tachylite.model.extras import extra

LIMITS = (
    "max-buffer-size",
    "max-storage-buffer-binding-size",
    "max-storage-buffers-per-shader-stage",
    "max-compute-workgroups-per-dimension",
)
"""What is asked of an adapter as far as it goes, because the defaults are those of small phones."""


class Device:
    """An adapter's device. Raises TachyliteError where there is none."""

    def __init__(self, preference: str):
        with extra("webgpu", "wgpu"):
            import wgpu
        self._usage: Any = wgpu.BufferUsage
        try:
            adapter = wgpu.gpu.request_adapter_sync(power_preference=preference)
            self._device: Any = adapter.request_device_sync(required_limits={name: adapter.limits[name] for name in LIMITS})
        except RuntimeError as problem:
            raise TachyliteError(f"there is no WebGPU adapter ({problem}); install a driver for Vulkan, such as Mesa's") from problem
        self.limits: Mapping[str, int] = self._device.limits
        self.name = str(adapter.summary)
        self._pipelines: dict[str, Any] = {}

    def empty(self, size: int) -> Any:
        """A buffer of at least `size` bytes."""
        usage = self._usage.STORAGE | self._usage.COPY_SRC | self._usage.COPY_DST
        return self._device.create_buffer(size=max(4, -(-size // 4) * 4), usage=usage)

    def upload(self, array: np.ndarray) -> Any:
        """A buffer with these elements, of four bytes each."""
        content = np.ascontiguousarray(array) if array.size else np.zeros(1, array.dtype)
        return self._device.create_buffer_with_data(data=content, usage=self._usage.STORAGE)

    def write(self, buffer: Any, array: np.ndarray) -> None:
        """Set a buffer's elements."""
        if array.size:
            self._device.queue.write_buffer(buffer, 0, np.ascontiguousarray(array))

    def read(self, buffer: Any, size: int) -> memoryview:
        """Wait for all that was submitted, and copy from a buffer."""
        return memoryview(self._device.queue.read_buffer(buffer, 0, size))

    def bind(self, code: str, buffers: list[Any]) -> tuple[Any, Any]:
        """The pipeline of a shader, and these buffers as its bindings."""
        if code not in self._pipelines:
            module = self._device.create_shader_module(code=code)
            self._pipelines[code] = self._device.create_compute_pipeline(layout="auto", compute={"module": module, "entry_point": "main"})
        pipeline = self._pipelines[code]
        entries = [{"binding": n, "resource": {"buffer": b, "offset": 0, "size": b.size}} for n, b in enumerate(buffers)]
        return pipeline, self._device.create_bind_group(layout=pipeline.get_bind_group_layout(0), entries=entries)

    def submit(self, steps: list[tuple[Any, Any, int, int]]) -> None:
        """Run pipelines with their bindings on x times y workgroups, one after another, as one command buffer."""
        encoder = self._device.create_command_encoder()
        run = encoder.begin_compute_pass()
        for pipeline, bindings, x, y in steps:
            run.set_pipeline(pipeline)
            run.set_bind_group(0, bindings)
            run.dispatch_workgroups(x, y)
        run.end()
        self._device.queue.submit([encoder.finish()])

    def destroy(self) -> None:
        """Let go of the device; whatever runs on it fails from now on."""
        self._device.destroy()
