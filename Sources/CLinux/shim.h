#pragma once
// Parts of Linux that Swift's module of the C library leaves out. That module comes first, so that its types
// are the same here and there.
#pragma clang module import SwiftGlibc
#include <linux/inet_diag.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <malloc.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/// A question for one or more TCP sockets, as sock_diag(7) wants it: no padding in between.
struct weir_socket_request {
    struct nlmsghdr header;
    struct inet_diag_req_v2 body;
};

/// What SO_PEERCRED tells (unix(7)); the C library has it for GNU programs only.
struct weir_peer_credentials {
    int32_t pid;
    uint32_t uid;
    uint32_t gid;
};

/// The file handle of a directory of cgroup2, whose contents are the cgroup's id (<linux/exportfs.h>).
struct weir_cgroup_handle {
    uint32_t byte_count;
    int32_t type;
    uint64_t id;
};

enum { WEIR_FILEID_KERNFS = 0xfe };

// A GNU extension; the C library's own declaration wants a structure with an array without a length.
int open_by_handle_at(int mount, void *handle, int flags);

// GNU extensions that Swift's module of the C library hides.
int memfd_create(const char *name, unsigned int flags);
int pipe2(int ends[2], int flags);
ssize_t splice(int from, void *from_offset, int to, void *to_offset, size_t count, unsigned int flags);

// Macros that Swift cannot read, and functions that the C library has only since 2.36.
enum { WEIR_MFD_CLOEXEC = 1, WEIR_NLA_F_NESTED = NLA_F_NESTED, WEIR_POSIX_SPAWN_SETSID = 0x80 };
enum { WEIR_SPLICE_F_MOVE = 1, WEIR_SPLICE_F_NONBLOCK = 2, WEIR_F_SETPIPE_SZ = 1031 };
// Of x86 and Arm; a GNU extension.
enum { WEIR_O_PATH = 010000000 };

/// Swift hides fork(2), as it is unsafe with threads: to be called before there are any.
static inline int weir_fork(void) { return fork(); }

/// Names the calling thread; Swift does not see prctl(2), as it is variadic.
static inline void weir_name_thread(const char *name) { prctl(PR_SET_NAME, name, 0, 0, 0); }

static inline int weir_pidfd_open(int pid) { return (int)syscall(SYS_pidfd_open, pid, 0); }

static inline int weir_pidfd_send_signal(int descriptor, int number) {
    return (int)syscall(SYS_pidfd_send_signal, descriptor, number, (void *)0, 0);
}
