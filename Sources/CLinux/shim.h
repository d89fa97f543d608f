#pragma once
// Parts of Linux that Swift's module of the C library leaves out. That module comes first, so that its types
// are the same here and there.
#pragma clang module import SwiftGlibc
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <stdint.h>

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
