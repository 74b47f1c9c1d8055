"""rng_server.py ADDRESS: the random-number service of rng.proto on port 50051."""
import random
import sys
from concurrent import futures

import grpc
import rng_pb2
import rng_pb2_grpc


class Rng(rng_pb2_grpc.RngServicer):
    def __init__(self, address):
        self.address = address
        self.number = random.randrange(1, 2**32)

    def Number(self, request, context):
        return rng_pb2.Reply(number=self.number, address=self.address)


server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
rng_pb2_grpc.add_RngServicer_to_server(Rng(sys.argv[1]), server)
server.add_insecure_port(sys.argv[1] + ":50051")
server.start()
server.wait_for_termination()
