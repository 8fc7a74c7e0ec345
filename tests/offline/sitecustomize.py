"""Put on PYTHONPATH, it keeps a Python process and its children off every network but loopback.

What they tried to reach is appended to the file that BLOCKED_LOG names, one host a line.
"""

import os
import socket
from ipaddress import ip_address

real_connect, real_connect_ex = socket.socket.connect, socket.socket.connect_ex
real_sendto, real_getaddrinfo = socket.socket.sendto, socket.getaddrinfo


def refuse(host):
    if "BLOCKED_LOG" in os.environ:
        with open(os.environ["BLOCKED_LOG"], "a", encoding="utf-8") as log:
            log.write(f"{host}\n")
    raise OSError(f"blocked by the test: {host}")


def check(address):
    """Unix sockets have no tuple; everything else must be this machine."""
    if isinstance(address, tuple):
        check_host(address[0])


def check_host(host):
    host = host.decode() if isinstance(host, bytes) else host
    if host in (None, "", "localhost", socket.gethostname()):
        return
    try:
        local = ip_address(host).is_loopback or ip_address(host).is_unspecified
    except ValueError:
        local = False
    if not local:
        refuse(host)


def connect(self, address):
    check(address)
    return real_connect(self, address)


def connect_ex(self, address):
    check(address)
    return real_connect_ex(self, address)


def sendto(self, data, *more):
    check(more[-1])
    return real_sendto(self, data, *more)


def getaddrinfo(host, *more, **options):
    check_host(host)
    return real_getaddrinfo(host, *more, **options)


socket.socket.connect, socket.socket.connect_ex = connect, connect_ex
socket.socket.sendto, socket.getaddrinfo = sendto, getaddrinfo
