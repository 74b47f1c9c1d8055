"""sentinel.py HOST: what sentinel.js does, by redis-py."""
import sys

import redis.sentinel

for line in sys.stdin:
    for i in range(int(line)):
        sentinel = redis.sentinel.Sentinel([(sys.argv[1], 26379)])
        try:
            sentinel.master_for("m").set(f"python-{i}", 1)
            print(f"python-{i} ok", flush=True)
        except redis.RedisError as error:
            print(f"python-{i} {error}", flush=True)
