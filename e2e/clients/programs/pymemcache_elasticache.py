"""
pymemcache as AWS's configuration endpoint is used with it: what its ElastiCacheHashClient asks, from the same connection class, and its
HashClient for the nodes that are told. Prints the nodes, and each write that is read back.
"""
import json
import re
import ssl
import sys
import time

from pymemcache.client.base import Client
from pymemcache.client.hash import HashClient
from pymemcache.exceptions import MemcacheError

wanted = json.loads(sys.argv[1])
endpoint = f"{wanted['host']}:{wanted['port']}"
context = ssl.create_default_context(cafile=wanted["ca"]) if wanted["kind"] == "tls" else None
# The shape of an endpoint that the client takes: labels with a dot between them, a last one of up to six characters, a port.
assert re.fullmatch(r"([\w-]{1,62}\.)+\w{1,6}:\d{1,5}", endpoint), endpoint


def tell(**said):
    print(json.dumps({**said, "at": time.time() * 1000}), flush=True)


def discover():
    asking = Client((wanted["host"], str(wanted["port"])), tls_context=context)
    try:
        *_, line = asking.raw_command(b"config get cluster", end_tokens=b"\n\r\nEND\r\n").splitlines()
    finally:
        asking.close()
    nodes = [node.split("|") for node in line.decode().split(" ")]
    return [(ip, port) for _name, ip, port in nodes]


def connect(nodes):
    tell(nodes=[f"{host}:{port}" for host, port in nodes])
    return HashClient(nodes, tls_context=context)


nodes = discover()
client = connect(nodes)
asked = time.monotonic()
number = 0
while True:
    try:
        if time.monotonic() - asked > 0.5:
            asked = time.monotonic()
            told = discover()
            if told != nodes:
                nodes = told
                client.close()
                client = connect(nodes)
        key = f"key-{number % 64}"
        client.set(key, str(number), noreply=False)
        found = client.get(key)
        if found is not None and int(found) == number:
            tell(ok=number)
        else:
            tell(stale=number)
        number += 1
    except (MemcacheError, OSError) as error:
        tell(error=f"{type(error).__name__}: {error}")
        time.sleep(0.01)
    time.sleep(0.005)
