"""A worker that puts the same bytes on the wire, at the same moments, as the library of the Python system does.

It is written from the description of that library's behaviour, with nothing but the standard library, and shares no code with the
product. The handlers at the end are for the tests. Its environment is the library's: ORCHESTRATOR_URL, WORKER_ID and so on.
"""

import asyncio
import base64
import json
import os
import signal
import sys
import time
from urllib.parse import urlsplit


def env(name, default):
    return os.environ.get(name) or default


WORKER_ID = env("WORKER_ID", "python-worker")
WORKER_TYPE = env("WORKER_TYPE", "generic-worker")
ORCHESTRATOR_URL = env("ORCHESTRATOR_URL", "http://localhost:8080")
TOKEN = env("WORKER_INDIVIDUAL_TOKEN", env("WORKER_TOKEN", "your-secret-worker-token"))
MAX_CONCURRENT_TASKS = int(env("MAX_CONCURRENT_TASKS", "10"))
HEARTBEAT_INTERVAL = float(env("HEARTBEAT_INTERVAL", "15"))
RESULT_MAX_RETRIES = int(env("RESULT_MAX_RETRIES", "5"))
RESULT_RETRY_INITIAL_DELAY = float(env("RESULT_RETRY_INITIAL_DELAY", "1.0"))
HEARTBEAT_DEBOUNCE_DELAY = float(env("WORKER_HEARTBEAT_DEBOUNCE_DELAY", "0.1"))
TASK_POLL_TIMEOUT = float(env("TASK_POLL_TIMEOUT", "30"))
TASK_POLL_ERROR_DELAY = float(env("TASK_POLL_ERROR_DELAY", "5.0"))
IDLE_POLL_DELAY = float(env("IDLE_POLL_DELAY", "0.01"))
ENABLE_WEBSOCKETS = env("WORKER_ENABLE_WEBSOCKETS", "false") == "true"
LOCAL_ADDRESS = env("LOCAL_ADDRESS", "")
USER_AGENT = "Python/3.11 aiohttp/3.8.4"


class ClientError(Exception):
    """What the library's HTTP client raises when a request cannot be made or answered."""


class Http:
    """Requests as aiohttp writes them, over connections that are kept for the next one."""

    def __init__(self, url):
        # Several addresses stand for one name, and each new connection goes to the next of them.
        self.urls = [urlsplit(one) for one in url.split(",")]
        self.url = self.urls[0]
        self.idle = []

    async def request(self, method, path, timeout, body=None):
        return await asyncio.wait_for(self._request(method, path, body), timeout)

    async def _request(self, method, path, body):
        payload = b"" if body is None else json.dumps(body).encode()
        lines = [
            f"{method} {path} HTTP/1.1",
            f"Host: {self.url.netloc}",
            f"X-Worker-Token: {TOKEN}",
            "Accept: */*",
            "Accept-Encoding: gzip, deflate",
            f"User-Agent: {USER_AGENT}",
        ]
        if body is not None:
            lines += [f"Content-Length: {len(payload)}", "Content-Type: application/json"]
        text = "\r\n".join(lines) + "\r\n\r\n"
        reused = bool(self.idle)
        try:
            reader, writer = self.idle.pop() if reused else await self._connect()
        except OSError as error:
            raise ClientError(str(error)) from error
        done = False
        try:
            writer.write(text.encode() + payload)
            await writer.drain()
            answer = await self._answer(reader)
            done = True
        except (OSError, asyncio.IncompleteReadError, ValueError) as error:
            raise ClientError(str(error)) from error
        finally:
            # A request that is cancelled or breaks takes its connection with it.
            if not done:
                writer.close()
        status, headers, content = answer
        if headers.get("connection") == "close" or len(self.urls) > 1:
            writer.close()
        else:
            self.idle.append((reader, writer))
        return status, content

    async def _connect(self):
        self.urls.append(self.urls.pop(0))
        local = (LOCAL_ADDRESS, 0) if LOCAL_ADDRESS else None
        return await asyncio.open_connection(self.urls[-1].hostname, self.urls[-1].port, local_addr=local)

    async def _answer(self, reader):
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        status = int(head[0].split(" ")[1])
        headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
        if status == 204:
            return status, headers, b""
        if headers.get("transfer-encoding") == "chunked":
            content = b""
            while size := int(await reader.readuntil(b"\r\n"), 16):
                content += await reader.readexactly(size)
                await reader.readexactly(2)
            await reader.readexactly(2)
            return status, headers, content
        return status, headers, await reader.readexactly(int(headers.get("content-length", "0")))


class Socket:
    """A WebSocket client: text messages, and answers to pings and closes."""

    def __init__(self, reader, writer):
        self.reader = reader
        self.writer = writer

    @classmethod
    async def open(cls, url, path):
        parts = urlsplit(url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        lines = [
            f"GET {path} HTTP/1.1",
            f"Host: {parts.netloc}",
            f"X-Worker-Token: {TOKEN}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
            "Accept: */*",
            "Accept-Encoding: gzip, deflate",
            f"User-Agent: {USER_AGENT}",
        ]
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        if " 101 " not in head.split("\r\n")[0]:
            writer.close()
            raise ClientError(head.split("\r\n")[0])
        return cls(reader, writer)

    def send(self, opcode, payload):
        size = len(payload)
        head = bytes([0x80 | opcode])
        if size < 126:
            head += bytes([0x80 | size])
        elif size < 65536:
            head += bytes([0x80 | 126]) + size.to_bytes(2, "big")
        else:
            head += bytes([0x80 | 127]) + size.to_bytes(8, "big")
        mask = os.urandom(4)
        self.writer.write(head + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(payload)))

    async def messages(self):
        while True:
            first, second = await self.reader.readexactly(2)
            size = second & 0x7F
            if size == 126:
                size = int.from_bytes(await self.reader.readexactly(2), "big")
            elif size == 127:
                size = int.from_bytes(await self.reader.readexactly(8), "big")
            payload = await self.reader.readexactly(size)
            opcode = first & 0x0F
            if opcode == 1:
                yield json.loads(payload)
            elif opcode == 8:
                self.send(8, payload[:2])
                return
            elif opcode == 9:
                self.send(10, payload)


class Worker:
    def __init__(self, handlers):
        self.handlers = handlers
        self.http = Http(ORCHESTRATOR_URL)
        self.load = 0
        self.active = {}
        self.socket = None
        self.debounce = None

    async def main(self):
        await self.register()
        loops = [self.heartbeats(), self.polls()]
        if ENABLE_WEBSOCKETS:
            loops.append(self.sockets())
        await asyncio.gather(*loops)

    async def register(self):
        # Once in its life; a failure is logged and nothing more.
        body = {
            "worker_id": WORKER_ID,
            "worker_type": WORKER_TYPE,
            "supported_tasks": list(self.handlers),
            "max_concurrent_tasks": MAX_CONCURRENT_TASKS,
            "installed_models": [],
            "hostname": "host",
            "ip_address": "127.0.0.1",
            "resources": {"cpu_cores": 4, "gpu_info": None},
        }
        try:
            status, _ = await self.http.request("POST", "/_worker/workers/register", 300, body)
            log(f"registration answered with {status}")
        except (ClientError, asyncio.TimeoutError) as error:
            log(f"registration failed: {error}")

    async def heartbeats(self):
        while True:
            await self.heartbeat()
            await asyncio.sleep(HEARTBEAT_INTERVAL)

    async def heartbeat(self):
        full = self.load >= MAX_CONCURRENT_TASKS
        body = {
            "load": self.load,
            "status": "busy" if full else "idle",
            "supported_tasks": [] if full else list(self.handlers),
            "hot_cache": [],
        }
        try:
            await self.http.request("PATCH", f"/_worker/workers/{WORKER_ID}", 300, body)
        except (ClientError, asyncio.TimeoutError) as error:
            log(f"heartbeat failed: {error}")

    def announce(self):
        if self.debounce:
            self.debounce.cancel()
        self.debounce = asyncio.ensure_future(self.later())

    async def later(self):
        await asyncio.sleep(HEARTBEAT_DEBOUNCE_DELAY)
        await self.heartbeat()

    async def polls(self):
        while True:
            if self.load >= MAX_CONCURRENT_TASKS:
                await asyncio.sleep(IDLE_POLL_DELAY)
                continue
            await self.poll()
            if self.load == 0:
                await asyncio.sleep(IDLE_POLL_DELAY)

    async def poll(self):
        path = f"/_worker/workers/{WORKER_ID}/tasks/next"
        try:
            status, content = await self.http.request("GET", path, TASK_POLL_TIMEOUT + 5)
        except (ClientError, asyncio.TimeoutError) as error:
            log(f"poll failed: {error}")
            await asyncio.sleep(TASK_POLL_ERROR_DELAY)
            return
        if status == 200:
            # What is not JSON ends this loop for good, as it does in the library.
            task = json.loads(content)
            self.load += 1
            self.active[task["task_id"]] = asyncio.ensure_future(self.process(task))
            log(f"took {task['task_id']}")
            self.announce()
        elif status != 204:
            log(f"poll answered with {status}")
            await asyncio.sleep(TASK_POLL_ERROR_DELAY)

    async def process(self, task):
        task_id, job_id = task["task_id"], task["job_id"]
        handler = self.handlers.get(task["type"])
        try:
            if handler is None:
                message = f"Unsupported task: {task['type']}"
                result = {"status": "failure", "error_message": message}
            else:
                result = await handler(
                    task.get("params", {}),
                    task_id=task_id,
                    job_id=job_id,
                    priority=task.get("priority", 0),
                    send_progress=self.send_progress,
                )
        except asyncio.CancelledError:
            result = {"status": "cancelled"}
        except Exception as error:  # noqa: BLE001
            result = {
                "status": "failure",
                "error": {"code": "TRANSIENT_ERROR", "message": str(error)},
            }
        body = {"job_id": job_id, "task_id": task_id, "worker_id": WORKER_ID, "result": result}
        await self.send_result(body)
        self.load -= 1
        self.active.pop(task_id, None)
        self.announce()

    async def send_result(self, body):
        delay = RESULT_RETRY_INITIAL_DELAY
        for _ in range(RESULT_MAX_RETRIES):
            try:
                status, _ = await self.http.request("POST", "/_worker/tasks/result", 300, body)
                if status == 200:
                    return
                log(f"result answered with {status}")
            except (ClientError, asyncio.TimeoutError) as error:
                log(f"result failed: {error}")
            await asyncio.sleep(delay)
            delay *= 2
        log("result dropped")

    async def send_progress(self, task_id, job_id, progress, message=""):
        if self.socket is None:
            return
        report = {
            "type": "progress_update",
            "task_id": task_id,
            "job_id": job_id,
            "progress": progress,
            "message": message,
        }
        self.socket.send(1, json.dumps(report).encode())

    async def sockets(self):
        while True:
            try:
                self.socket = await Socket.open(ORCHESTRATOR_URL, "/_worker/ws")
                async for message in self.socket.messages():
                    if message.get("type") == "cancel_task" and message.get("task_id") in self.active:
                        self.active[message["task_id"]].cancel()
            except (ClientError, OSError, asyncio.IncompleteReadError) as error:
                log(f"no socket: {error}")
            self.socket = None
            await asyncio.sleep(float(env("SOCKET_RETRY_DELAY", "5")))


def log(text):
    print(text, file=sys.stderr, flush=True)


async def echo_task(params, **kwargs):
    message, multiply = params["message"], params.get("multiply", 1)
    data = {
        "processed_message": " ".join([message] * multiply),
        "original_message": message,
        "multiplied_by": multiply,
    }
    return {"status": "success", "data": data}


async def pause(params, *, task_id, job_id, send_progress, **kwargs):
    """Takes its time, and says how far it is."""
    steps = 20
    for step in range(steps):
        await send_progress(task_id, job_id, 100 * step / steps, "pausing")
        await asyncio.sleep(params["seconds"] / steps)
    return {"status": "success", "data": {"pid": os.getpid()}}


async def block(params, **kwargs):
    """Holds up the whole process, heartbeats included."""
    time.sleep(params["seconds"])
    return {"status": "success", "data": {"pid": os.getpid()}}


async def flaky(params, **kwargs):
    """Fails until it has been called often enough."""
    calls.append(1)
    if len(calls) < params["calls"]:
        raise RuntimeError(f"call {len(calls)} fails")
    return {"status": "success", "data": {"calls": len(calls)}}


calls = []


async def run():
    worker = Worker({"echo_task": echo_task, "pause": pause, "block": block, "flaky": flaky})
    main = asyncio.ensure_future(worker.main())

    def interrupt():
        # As asyncio.run does: everything is cancelled, and what is cancelled reports so. SIGTERM just kills.
        main.cancel()
        for task in list(worker.active.values()):
            task.cancel()

    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, interrupt)
    try:
        await main
    except asyncio.CancelledError:
        await asyncio.gather(*worker.active.values(), return_exceptions=True)


if __name__ == "__main__":
    asyncio.run(run())
