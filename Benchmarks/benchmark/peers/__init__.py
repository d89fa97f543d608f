"""The proxies under test: how each is configured and started so that all do the same work, one module each."""

from . import apache, haproxy, nginx, squid, tinyproxy, trafficserver, weir

# Order of the columns.
PEERS = [weir.PEER, haproxy.PEER, nginx.PEER, squid.PEER, trafficserver.PEER, apache.PEER, tinyproxy.PEER]
