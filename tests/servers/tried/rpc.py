"""A gRPC server: one method, no health service. At the stop it takes no more calls and gives those under way two seconds."""
import signal
import sys
import threading
import time
from concurrent import futures

import grpc


def say(request, context):
    time.sleep(0.02)
    return request


class Handlers(grpc.GenericRpcHandler):
    def service(self, call):
        return grpc.unary_unary_rpc_method_handler(say) if call.method == "/small.Echo/Say" else None


server = grpc.server(futures.ThreadPoolExecutor(8))
server.add_generic_rpc_handlers((Handlers(),))
server.add_insecure_port(f"127.0.0.1:{sys.argv[1]}")
told = threading.Event()
for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, lambda *_: told.set())
server.start()
told.wait()
server.stop(2).wait()
