"""Sends through the vendor's Python SDK for some seconds and prints what it took.

Arguments: the simulator's URL, concurrency (threads), seconds, seconds of warm-up.
"""

import json
import sys
import threading
import time

from karaden.config import Config
from karaden.model.message import Message
from karaden.param.message_create_params import MessageCreateParams

_, url, concurrency, seconds, warm_up = sys.argv
Config.api_base = url + "/api"
Config.api_key = "demo-token"
Config.tenant_id = "159bfd33-b9b7-f424-4755-c119b324591d"


def sender(until, counts):
    sent = 0
    while time.perf_counter() < until:
        params = (
            MessageCreateParams.new_builder()
            .with_service_id(1)
            .with_to("09012345678")
            .with_body("認証コード 123456")
            .with_tags([f"t-{sent}"])
            .build()
        )
        Message.create(params)
        sent += 1
    counts.append(sent)


def phase(length):
    counts = []
    cpu, began = time.process_time(), time.perf_counter()
    threads = [
        threading.Thread(target=sender, args=(began + length, counts)) for _ in range(int(concurrency))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wall = time.perf_counter() - began
    return {"sent": sum(counts), "seconds": wall, "cpu_seconds": time.process_time() - cpu}


phase(float(warm_up))
print(json.dumps(phase(float(seconds))))
