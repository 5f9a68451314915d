"""redis-py: writes to hashes without an end, and prints what it sees."""
import json
import sys
import time

import redis
from redis.backoff import ConstantBackoff
from redis.cluster import RedisCluster
from redis.retry import Retry

wanted = json.loads(sys.argv[1])
place = {"host": wanted["host"], "port": wanted["port"]}
if sys.argv[2:] == ["tuned"]:
    place["retry"] = Retry(ConstantBackoff(0.01), 100)


def connect():
    if wanted["kind"] == "cme":
        return RedisCluster(**place)
    if wanted["kind"] == "tls":
        return redis.Redis(**place, password=wanted["password"], ssl=True, ssl_ca_certs=wanted["ca"])
    return redis.Redis(**place)


def tell(**said):
    print(json.dumps({**said, "at": time.time() * 1000}), flush=True)


client = connect()
number = 0
while True:
    try:
        client.hset(f"{wanted['key']}:{number % 8}", str(number), "1")
        tell(ok=number)
        number += 1
    except redis.RedisError as error:
        tell(error=f"{type(error).__name__}: {error}")
        time.sleep(0.01)
    time.sleep(0.005)
