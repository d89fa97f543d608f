#pragma once
// Swift's own module of the C library comes first: so its types are the same here and there, and libevent's
// configuration, which switches _GNU_SOURCE on, comes too late to change them.
#pragma clang module import SwiftGlibc
#include <event2/event.h>
#include <event2/event_struct.h>
#include <event2/util.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

// For the same reason three functions of the C library that are GNU extensions are declared here.
int accept4(int descriptor, struct sockaddr *address, socklen_t *length, int flags);
const char *strerrorname_np(int code);
const char *strerrordesc_np(int code);

/// The stable head of the kernel's `struct tcp_info` (<linux/tcp.h>). The C library's own copy in
/// <netinet/tcp.h> ends before `notsent_bytes`, and both headers cannot be included together.
struct weir_tcp_info {
    uint8_t state, congestion_state, retransmits, probes, backoff, options, window_scales, flags;
    uint32_t retransmission_timeout, acknowledgement_timeout, send_segment, receive_segment;
    uint32_t unacknowledged, selectively_acknowledged, lost, retransmitted, forward_acknowledged;
    uint32_t since_data_sent, since_ack_sent, since_data_received, since_ack_received;
    uint32_t path_mtu, receive_threshold, round_trip, round_trip_variance;
    uint32_t send_threshold, congestion_window, advertised_segment, reordering;
    uint32_t receive_round_trip, receive_space, total_retransmissions;
    uint64_t pacing_rate, max_pacing_rate, bytes_acknowledged, bytes_received;
    uint32_t segments_out, segments_in;
    uint32_t unsent_bytes;
    uint32_t min_round_trip, data_segments_in, data_segments_out;
};
