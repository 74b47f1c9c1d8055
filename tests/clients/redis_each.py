"""For each line N on stdin: N connections of redis-py, one after another; what each server says of itself, on stdout."""
import sys

import redis

for line in sys.stdin:
    for _ in range(int(line)):
        client = redis.Redis(host=sys.argv[1])
        print(client.config_get("bind")["bind"], flush=True)
        client.close()
