"""rng_client.py HOST each|pick_first|round_robin: for each line N on stdin N requests, and who answered on stdout.

each: a channel for every request. pick_first, round_robin: one channel for all. A request that fails because its
connection ends is made again, as gRPC says it should be.
"""
import sys

import grpc
import rng_pb2
import rng_pb2_grpc

target, policy = sys.argv[1] + ":50051", sys.argv[2]


def channel():
    options = [("grpc.use_local_subchannel_pool", 1)]
    if policy != "each":
        options.append(("grpc.service_config", '{"loadBalancingConfig": [{"%s": {}}]}' % policy))
    return grpc.insecure_channel(target, options)


def ask(on):
    while True:
        try:
            return rng_pb2_grpc.RngStub(on).Number(rng_pb2.Request(), timeout=30, wait_for_ready=True)
        except grpc.RpcError as error:
            if error.code() != grpc.StatusCode.UNAVAILABLE:
                raise


one = None if policy == "each" else channel()
for line in sys.stdin:
    for _ in range(int(line)):
        if one:
            reply = ask(one)
        else:
            with channel() as own:
                reply = ask(own)
        print(reply.number, reply.address, flush=True)
