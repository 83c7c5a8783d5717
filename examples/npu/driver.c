/* The delegate: it compiles here, and lets the device, a process for each loaded blob, run what it compiled. */
#define _GNU_SOURCE /* dladdr */

#include "compile.h"
#include "npu.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* An instance: the path of the device's program. */
typedef struct {
    char device[4096];
} npu;

/* A loaded blob. */
typedef struct {
    pid_t process;
    int line; /* to the process */
    const npu_header *header;
} session;

/* Beside this library, unless the option `device` says where. */
static void *create(const tl_option *options, int32_t count, tl_error *error) {
    npu *self = malloc(sizeof *self);
    Dl_info about;
    if (!self || !dladdr((void *)tachylite_delegate, &about)) return free(self), NULL;
    const char *slash = strrchr(about.dli_fname, '/');
    const int folder = slash ? (int)(slash + 1 - about.dli_fname) : 0;
    snprintf(self->device, sizeof self->device, "%.*snpu_device", folder, about.dli_fname);
    for (int32_t i = 0; i < count; ++i) {
        if (strcmp(options[i].name, "device")) {
            snprintf(error->message, sizeof error->message, "there is no option %.60s, only device", options[i].name);
            return free(self), NULL;
        }
        snprintf(self->device, sizeof self->device, "%s", options[i].value);
    }
    return self;
}

static int32_t supports(void *self, const tl_operator *op, tl_error *reason) {
    tl_blob blob;
    (void)self;
    if (npu_compile(op->model, &blob, reason)) return 0;
    free(blob.data);
    return 1;
}

static int32_t compile(void *self, const void *model, size_t bytes, tl_blob *blob, tl_error *error) {
    (void)self, (void)bytes;
    return npu_compile(model, blob, error);
}

static void free_blob(void *self, tl_blob *blob) {
    (void)self;
    free(blob->data);
}

static bool put(int line, const void *data, size_t size) {
    for (ssize_t sent; size; size -= (size_t)sent, data = (const char *)data + sent)
        if ((sent = send(line, data, size, MSG_NOSIGNAL)) <= 0) return false;
    return true;
}

static bool get(int line, void *data, size_t size) {
    for (ssize_t got; size; size -= (size_t)got, data = (char *)data + got)
        if ((got = recv(line, data, size, 0)) <= 0) return false;
    return true;
}

/* Start the device with one end of a line as its input and output; the other end, or -1. */
static int start(const char *device, pid_t *process) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends)) return -1;
    for (int i = 0; i < 2; ++i) fcntl(ends[i], F_SETFD, FD_CLOEXEC); /* so that no other process holds the line */
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    const int failed = posix_spawn(process, device, &actions, NULL, (char *[]){(char *)device, NULL}, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    if (!failed) return ends[0];
    close(ends[0]);
    errno = failed;
    return -1;
}

static void release(void *loaded) {
    session *s = loaded;
    close(s->line);
    if (s->process) waitpid(s->process, NULL, 0);
    free(s);
}

static void *load(void *self, const void *blob, size_t bytes, tl_error *error) {
    const npu *device = self;
    const uint64_t size = bytes;
    char ready;
    session *s = malloc(sizeof *s);
    if (!s) return NULL;
    s->header = blob;
    s->line = start(device->device, &s->process);
    if (s->line < 0) {
        snprintf(error->message, sizeof error->message, "%.160s: %.60s", device->device, strerror(errno));
        return free(s), NULL;
    }
    if (put(s->line, &size, sizeof size) && put(s->line, blob, bytes) && get(s->line, &ready, 1)) return s;
    snprintf(error->message, sizeof error->message, "%.160s does not take the blob", device->device);
    return release(s), NULL;
}

static int32_t invoke(void *loaded, const void *const *inputs, void *const *outputs, tl_error *error) {
    session *s = loaded;
    const npu_header *h = s->header;
    const uint32_t *sizes = (const void *)(h + 1), *in = sizes + h->tensors, *out = in + h->inputs;
    bool good = true;
    for (uint32_t i = 0; good && i < h->inputs; ++i) good = put(s->line, inputs[i], sizes[in[i]]);
    for (uint32_t i = 0; good && i < h->outputs; ++i) good = get(s->line, outputs[i], sizes[out[i]]);
    if (good) return 0;
    snprintf(error->message, sizeof error->message, "the device's process %d has ended", (int)s->process);
    return -1;
}

const tl_delegate *tachylite_delegate(void) {
    static const tl_delegate table = {.abi = TL_DELEGATE_ABI,
                                      .name = "npu",
                                      .least_work = 100000,
                                      .create = create,
                                      .destroy = free,
                                      .supports = supports,
                                      .compile = compile,
                                      .free_blob = free_blob,
                                      .load = load,
                                      .invoke = invoke,
                                      .release = release};
    return &table;
}
