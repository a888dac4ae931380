"""Threads, processes, pipes, sockets, temporary files, a database, TLS."""
import asyncio
import concurrent.futures
import ctypes
import multiprocessing
import os
import socket
import sqlite3
import ssl
import subprocess
import tempfile
import threading


def square(n):
    return n * n


async def echo():
    async def serve(reader, writer):
        writer.write((await reader.readline()).upper())
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    reader, writer = await asyncio.open_connection("localhost", port)
    writer.write(b"hello\n")
    answer = await reader.readline()
    writer.close()
    server.close()
    return answer.decode().strip()


if __name__ == "__main__":
    total = []
    threads = [threading.Thread(target=lambda n=n: total.append(n)) for n in range(20)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    print("threads", sum(total))

    with multiprocessing.Pool(3) as pool:
        print("pool", pool.map(square, range(5)))
    spawn = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=spawn) as pool:
        print("spawn", list(pool.map(square, [6, 7])))
    queue = multiprocessing.Queue()
    child = multiprocessing.Process(target=queue.put, args=("queued",))
    child.start()
    print("queue", queue.get())
    child.join()

    done = subprocess.run(["sh", "-c", "tr a-z A-Z; exit 3"], input="abc", capture_output=True, text=True)
    print("subprocess", done.stdout, done.returncode)

    with tempfile.TemporaryDirectory() as name:
        path = os.path.join(name, "db")
        db = sqlite3.connect(path)
        db.execute("pragma journal_mode=wal")
        db.execute("create table t(n)")
        db.executemany("insert into t values(?)", [(n,) for n in range(1000)])
        db.commit()
        print("sqlite", db.execute("select sum(n) from t").fetchone()[0], sorted(os.listdir(name)))
        db.close()

    print("tls", ssl.create_default_context().cert_store_stats()["x509_ca"] > 0)
    print("asyncio", asyncio.run(echo()))
    left, right = socket.socketpair()
    left.sendmsg([b"fd"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, bytes(ctypes.c_int(1)))])
    print("socketpair", right.recvmsg(10, 100)[0].decode())
    print("services", socket.getservbyname("https"), socket.getprotobyname("tcp"))
    print("ctypes", ctypes.CDLL(None).abs(-5))
