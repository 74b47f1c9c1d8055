"""cluster.py HOST PORT: for each line N on stdin, N keys written and read in a Redis Cluster by redis-py; for each, the
key and whether it came back."""
import sys

from redis.cluster import RedisCluster

cluster = RedisCluster(host=sys.argv[1], port=int(sys.argv[2]))
for line in sys.stdin:
    for i in range(int(line)):
        key = "python-%d" % i
        cluster.set(key, i)
        print(key, "ok" if cluster.get(key) == str(i).encode() else "lost", flush=True)
