# SPDX-License-Identifier: MIT
"""How exact is the delay of `pushmark link` with many connections?

    python3 bench/link/accuracy.py build/release/bin/pushmark [CONNECTIONS
        [RTT_MS [MESSAGES_A_SECOND [SECONDS]]]]

Messages go through a relay, alternately each way, over connections taken in
turn. The delay of each is from the sending call to the kernel's stamp of its
arrival (SO_TIMESTAMPNS), so that this script's own lag does not count. The
same without delay shows what the stamps and the two more sockets cost.
"""

import resource
import select
import socket
import struct
import subprocess
import sys
import time

SO_TIMESTAMPNS = 35
ECHO = struct.Struct("=d")


def pairs(relay_port, listener, count):
    """Connections through the relay: (near, far) sockets."""
    near = [socket.create_connection(("127.0.0.1", relay_port))
            for _ in range(count)]
    for number, one in enumerate(near):
        one.sendall(struct.pack("=i", number))
    made = []
    for _ in range(count):
        far, _address = listener.accept()
        (number,) = struct.unpack("=i", far.recv(4, socket.MSG_WAITALL))
        made.append((near[number], far))
    for one in (one for pair in made for one in pair):
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        one.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        one.setblocking(False)
    return made


def receive(one, delays):
    data, control, _flags, _address = one.recvmsg(64, 64)
    if len(data) != ECHO.size:
        return
    (sent,) = ECHO.unpack(data)
    for _level, _kind, stamp in control:
        seconds, nanoseconds = struct.unpack("=qq", stamp)
        delays.append((seconds - sent + nanoseconds * 1e-9) * 1e3)


def measure(program, connections, rtt_ms, rate, seconds):
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    relay = subprocess.Popen(
        [program, "link", "--listen", ":0", "--to",
         f":{listener.getsockname()[1]}", "--rtt", f"{rtt_ms}ms"],
        stdout=subprocess.PIPE, text=True)
    port = int(relay.stdout.readline().rsplit(":", 1)[1])
    poll = select.epoll()
    delays, sockets, turn = [], {}, 0
    try:
        made = pairs(port, listener, connections)
        for pair in made:
            for one in pair:
                sockets[one.fileno()] = one
                poll.register(one, select.EPOLLIN)
        begin = time.monotonic()
        while (now := time.monotonic()) < begin + seconds:
            due = begin + turn / rate
            for fd, _events in poll.poll(max(0, due - now), 16):
                receive(sockets[fd], delays)
            if time.monotonic() >= due:
                near, far = made[turn % connections]
                one = far if turn // connections % 2 else near
                one.send(ECHO.pack(time.time()))
                turn += 1
    finally:
        relay.terminate()
        relay.wait()
    delays.sort()
    return delays


def main():
    program = sys.argv[1]
    given = [float(x) for x in sys.argv[2:]]
    connections, rtt, rate, seconds = given + [1000, 100, 2000, 5][len(given):]
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    for rtt_ms in (0, rtt):
        delays = measure(program, int(connections), rtt_ms, rate, seconds)
        at = [delays[int(len(delays) * q)] for q in (0.01, 0.5, 0.9, 0.99)]
        print(f"one way, rtt {rtt_ms:g} ms: {len(delays)} messages, "
              f"p1 {at[0]:.3f}, median {at[1]:.3f}, p90 {at[2]:.3f}, "
              f"p99 {at[3]:.3f} ms; median off by "
              f"{at[1] - rtt_ms / 2:+.3f}")


if __name__ == "__main__":
    main()
