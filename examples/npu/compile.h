/* The compiler of the example NPU. */
#ifndef COMPILE_H
#define COMPILE_H

#include "tachylite_delegate.h"

/* Compile a .tflite of int8 convolutions into a blob, whose data is to be freed. 0; or -1, and why not in `error`. */
int32_t npu_compile(const void *model, tl_blob *blob, tl_error *error);

#endif
