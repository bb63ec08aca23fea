#!/usr/bin/env python3
"""A MySQL server that does what it should not, for FakeMysql.pm.

    fake_mysql.py server          a server that only gets as far as logging in
    fake_mysql.py proxy PORT      between a client and the server at PORT

The first line of output is the port at 127.0.0.1; then each line of input is a
command in JSON, answered by one line in JSON.  Nothing here is meant to be fast.
"""
import hashlib
import json
import os
import re
import select
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time

CAP_MYSQL = 1
CAP_COMPRESS = 0x20
CAP_PROTOCOL_41 = 0x200
CAP_SSL = 0x800
CAP_SECURE = 0x8000
CAP_PLUGIN_AUTH = 1 << 19
CAP_LENENC_AUTH = 1 << 21
CAP_SESSION_TRACK = 1 << 23
CAP_DEPRECATE_EOF = 1 << 24
CAP_OPTIONAL_METADATA = 1 << 25
CAP_ZSTD = 1 << 26
CAP_QUERY_ATTRIBUTES = 1 << 27
CAP_OF_SERVER = 0x1FFFFFF & ~(CAP_COMPRESS | CAP_SSL | CAP_DEPRECATE_EOF | CAP_SESSION_TRACK)
NOT_THROUGH_PROXY = (CAP_SSL | CAP_COMPRESS | CAP_ZSTD | CAP_DEPRECATE_EOF | CAP_QUERY_ATTRIBUTES |
                     CAP_SESSION_TRACK | CAP_OPTIONAL_METADATA)

COM_QUIT, COM_QUERY, COM_BINLOG_DUMP, COM_REGISTER, COM_BINLOG_DUMP_GTID = 0x01, 0x03, 0x12, 0x15, 0x1E


class Gone(Exception):
    pass


def recv_exactly(sock, n):
    data = b''
    while len(data) < n:
        piece = sock.recv(min(n - len(data), 1 << 20))
        if not piece:
            raise Gone
        data += piece
    return data


def read_packet(sock):
    """Returns (sequence, payload); payloads of several packets are joined."""
    payload = b''
    while True:
        header = recv_exactly(sock, 4)
        n = header[0] | header[1] << 8 | header[2] << 16
        payload += recv_exactly(sock, n)
        if n < 0xFFFFFF:
            return header[3], payload


def packets(seq, payload):
    """The bytes of a payload and the sequence number behind it."""
    out = b''
    while True:
        piece, payload = payload[:0xFFFFFF], payload[0xFFFFFF:]
        out += struct.pack('<I', len(piece))[:3] + bytes([seq & 0xFF]) + piece
        seq += 1
        if len(piece) < 0xFFFFFF:
            return out, seq


def lenenc(n):
    if n < 0xFB:
        return bytes([n])
    if n < 1 << 16:
        return b'\xfc' + struct.pack('<H', n)
    if n < 1 << 24:
        return b'\xfd' + struct.pack('<I', n)[:3]
    return b'\xfe' + struct.pack('<Q', n)


def read_lenenc(data, at):
    first = data[at]
    if first == 0xFB:
        return None, at + 1
    if first < 0xFB:
        return first, at + 1
    n = {0xFC: 2, 0xFD: 3, 0xFE: 8}[first]
    return int.from_bytes(data[at + 1:at + 1 + n], 'little'), at + 1 + n


def error_packet(number, text, state=b'HY000'):
    return b'\xff' + struct.pack('<H', number) + b'#' + state + text


def xor(a, b):
    return bytes(x ^ b[i % len(b)] for i, x in enumerate(a))


def native_proof(password, scramble):
    once = hashlib.sha1(password).digest()
    return xor(once, hashlib.sha1(scramble + hashlib.sha1(once).digest()).digest())


def sha2_proof(password, scramble):
    once = hashlib.sha256(password).digest()
    return xor(once, hashlib.sha256(hashlib.sha256(once).digest() + scramble).digest())


PROOFS = {'mysql_native_password': native_proof, 'caching_sha2_password': sha2_proof}


# --- a server that only gets as far as logging in

class Server:
    """The scenario of the next connections, set by a command:

    tls: {cert, key} or null; plugin: what the greeting names; drop: capabilities
    that are not offered; switch: plugins to ask for, one after the other;
    full: caching_sha2_password asks for the password; key: file of the private RSA
    key whose public half is handed out; greeting, first: bytes (hex) to be sent in
    place of the greeting, or as the answer to the first packet; password: what must not be seen.
    """

    def __init__(self):
        self.scenario = {}
        self.seen = []
        self.lock = threading.Lock()

    def command(self, what):
        if 'scenario' in what:
            with self.lock:
                self.scenario, self.seen = what['scenario'], []
            return {}
        deadline = time.time() + 10
        while time.time() < deadline:        # what was said last, once all have hung up
            with self.lock:
                if all(login['done'] for login in self.seen):
                    return {'logins': [{k: v for k, v in login.items()} for login in self.seen]}
            time.sleep(0.01)
        return {'logins': None}

    def serve(self, sock):
        login = {'done': False, 'encrypted': False, 'names': [], 'leaks': [], 'inside': False, 'answered': False,
                 'proved': []}
        with self.lock:
            scenario = dict(self.scenario)
            self.seen.append(login)
        try:
            sock.settimeout(20)
            Login(sock, scenario, login).run()
        except (Gone, OSError, ValueError, IndexError, ssl.SSLError):
            pass
        finally:
            login['done'] = True
            sock.close()


class Login:
    def __init__(self, sock, scenario, login):
        self.sock, self.scenario, self.login = sock, scenario, login
        self.seq = 0
        self.password = scenario['password'].encode()
        self.scrambles = []

    def send(self, payload):
        data, self.seq = packets(self.seq, payload)
        self.sock.sendall(data)

    def receive(self):
        seq, payload = read_packet(self.sock)
        self.seq = seq + 1
        self.look(payload)
        return payload

    def look(self, payload):
        """Takes note of how the password can be had from what the client sent."""
        found = []
        if self.password in payload:
            found.append('clear')
        for scramble in self.scrambles:
            for turn in range(len(payload) - len(self.password) + 1):
                if xor(payload[turn:turn + len(self.password)], scramble) == self.password:
                    found.append('xor')
                    break
        if self.scenario.get('key') and len(payload) == 256:
            done = subprocess.run(['openssl', 'pkeyutl', '-decrypt', '-inkey', self.scenario['key'],
                                   '-pkeyopt', 'rsa_padding_mode:oaep'], input=payload,
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            if done.returncode == 0 and any(self.password in xor(done.stdout, s) for s in self.scrambles):
                found.append('rsa')
        if found and self.login['encrypted']:
            self.login['inside'] = True
        elif found:
            self.login['leaks'] += found

    def scramble(self):
        data = bytes(0x21 + b % 0x5D for b in os.urandom(20))
        self.scrambles.append(data)
        return data

    def greeting(self):
        caps = CAP_OF_SERVER | (CAP_SSL if self.scenario.get('tls') else 0)
        for name in self.scenario.get('drop', []):
            caps &= ~{'plugin_auth': CAP_PLUGIN_AUTH, 'protocol_41': CAP_PROTOCOL_41, 'secure': CAP_SECURE}[name]
        data = self.scramble()
        return (b'\x0a8.0.99\0' + struct.pack('<I', 7) + data[:8] + b'\0' + struct.pack('<H', caps & 0xFFFF) +
                b'\x2d\x02\x00' + struct.pack('<H', caps >> 16) + b'\x15' + b'\0' * 10 + data[8:] + b'\0' +
                self.scenario.get('plugin', 'caching_sha2_password').encode() + b'\0')

    def run(self):
        s = self.scenario
        self.send(bytes.fromhex(s['greeting']) if 'greeting' in s else self.greeting())
        payload = self.receive()
        caps = int.from_bytes(payload[:4], 'little')
        if caps & CAP_SSL and s.get('tls') and len(payload) == 32:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(s['tls']['cert'], s['tls']['key'])
            self.sock = context.wrap_socket(self.sock, server_side=True)
            self.login['encrypted'] = True
            payload = self.receive()
        self.login['answered'] = True           # the client told its name
        if 'first' in s:
            self.send(bytes.fromhex(s['first']))
            payload = self.receive()
        for plugin in s.get('switch', []):
            self.login['names'].append(plugin)
            self.authenticate(plugin)
        self.send(error_packet(1045, b'Access denied, of course', b'28000'))

    def authenticate(self, plugin):
        data = self.scramble()
        if plugin in ('client_ed25519', 'parsec'):
            data = os.urandom(32)
        if plugin == 'mysql_old_password':
            self.send(b'\xfe')
        elif plugin == 'dialog':
            self.send(b'\xfedialog\0' + b'\x04Password: ')
        else:
            self.send(b'\xfe' + plugin.encode() + b'\0' + data + b'\0' * (plugin != 'client_ed25519'))
        payload = self.receive()
        if plugin in PROOFS and payload == PROOFS[plugin](self.password, data):
            self.login['proved'].append(plugin)
        if plugin == 'caching_sha2_password' and self.scenario.get('full'):
            self.send(b'\x01\x04')
            payload = self.receive()
        if payload in (b'\x01', b'\x02') and self.scenario.get('key'):
            public = subprocess.run(['openssl', 'pkey', '-in', self.scenario['key'], '-pubout'],
                                    stdout=subprocess.PIPE, check=True).stdout
            self.send(b'\x01' + public)
            self.receive()


# --- between a client and a server

class Proxy:
    """Commands: {"falsify": kind, "match": regex, "skip": n} falsifies the answers to
    queries that match, but not the first n of them; {"falsify": null} ends that.
    "busy": true: to SHOW PROCESSLIST, every connection is at work.
    {"queries": true} gives the queries since the last such command, in their order, with
    the number of columns and rows of their answers.
    """

    def __init__(self, upstream):
        self.upstream = upstream
        self.lock = threading.Lock()
        self.rule = {'falsify': None}
        self.queries = []

    def command(self, what):
        with self.lock:
            if 'queries' in what:
                queries, self.queries = self.queries, []
                return {'queries': queries}
            hits = self.rule.get('hits', 0)
            self.rule = dict(what, hits=0)
            return {'hits': hits}

    def serve(self, client):
        server = None
        try:
            server = socket.create_connection(('127.0.0.1', self.upstream))
            Session(self, client, server).run()
        except (Gone, OSError, IndexError, KeyError):
            pass
        finally:
            client.close()
            if server:
                server.close()

    def kind_for(self, sql, columns, rows):
        with self.lock:
            self.queries.append([sql, columns, rows])
            rule = self.rule
            if rule.get('busy') and sql == 'SHOW PROCESSLIST':
                return 'busy'
            if not rule['falsify'] or not re.search(rule['match'], sql):
                return None
            if rule.get('skip', 0) > 0:
                rule['skip'] -= 1
                return None
            rule['hits'] += 1
            return rule['falsify']


class Session:
    def __init__(self, proxy, client, server):
        self.proxy, self.client, self.server = proxy, client, server

    def relay(self):
        """Whatever comes, until one side hangs up."""
        while True:
            for sock in select.select([self.client, self.server], [], [])[0]:
                data = sock.recv(1 << 16)
                if not data:
                    raise Gone
                (self.server if sock is self.client else self.client).sendall(data)

    def log_in(self):
        seq, hello = read_packet(self.server)
        at = hello.index(b'\0', 1) + 1 + 4 + 8 + 1
        low, high = struct.unpack_from('<H', hello, at)[0], struct.unpack_from('<H', hello, at + 5)[0]
        caps = (low | high << 16) & ~NOT_THROUGH_PROXY
        hello = bytearray(hello)
        struct.pack_into('<H', hello, at, caps & 0xFFFF)
        struct.pack_into('<H', hello, at + 5, caps >> 16)
        hello[at + 8 + 6:at + 8 + 10] = b'\0' * 4            # MariaDB's own
        self.client.sendall(packets(seq, bytes(hello))[0])
        first = True
        while True:
            for sock in select.select([self.client, self.server], [], [])[0]:
                seq, payload = read_packet(sock)
                if first and sock is self.client:        # some clients do not look at what is offered
                    flags = struct.unpack_from('<I', payload)[0] & ~NOT_THROUGH_PROXY
                    payload, first = struct.pack('<I', flags) + payload[4:], False
                (self.server if sock is self.client else self.client).sendall(packets(seq, payload)[0])
                if sock is self.server and payload[:1] in (b'\0', b'\xff'):
                    return

    def run(self):
        self.log_in()
        while True:
            seq, payload = read_packet(self.client)
            self.server.sendall(packets(seq, payload)[0])
            command = payload[0]
            if command in (COM_BINLOG_DUMP, COM_BINLOG_DUMP_GTID):
                self.relay()
            if command == COM_QUIT:
                raise Gone
            if command == COM_QUERY:
                self.answer(payload[1:].decode('utf-8', 'replace'))
            else:
                seq, payload = read_packet(self.server)
                self.client.sendall(packets(seq, payload)[0])

    def answer(self, sql):
        first = read_packet(self.server)[1]
        columns, rows, last = [], [], None
        if first[:1] not in (b'\0', b'\xff'):
            count = read_lenenc(first, 0)[0]
            columns = [read_packet(self.server)[1] for _ in range(count)]
            end = read_packet(self.server)[1]
            while last is None:
                row = read_packet(self.server)[1]
                if row[:1] == b'\xff' or (row[:1] == b'\xfe' and len(row) < 9):
                    last = row
                else:
                    rows.append(self.cells(row, count))
        kind = self.proxy.kind_for(sql, len(columns), len(rows))
        if not columns:
            return self.falsified(kind, first) if kind else self.send([first])
        if kind:
            return self.falsified(kind, first, columns, rows, end, last)
        return self.send(self.result(columns, rows, end, last))

    @staticmethod
    def cells(row, count):
        cells, at = [], 0
        for _ in range(count):
            n, at = read_lenenc(row, at)
            cells.append(None if n is None else row[at:at + n])
            at += n or 0
        return cells

    @staticmethod
    def row(cells):
        return b''.join(b'\xfb' if c is None else lenenc(len(c)) + c for c in cells)

    def result(self, columns, rows, end, last):
        return [lenenc(len(columns)), *columns, end, *(self.row(r) for r in rows), last]

    def send(self, payloads, delay=None):
        seq, out = 1, b''
        for payload in payloads:
            data, seq = packets(seq, payload)
            out += data
        if delay is None:
            return self.client.sendall(out)
        for i in range(len(out)):
            self.client.sendall(out[i:i + 1])
            time.sleep(delay)

    def endless(self, head, again):
        """head, and then again for as long as somebody reads."""
        seq, out = 1, b''
        for payload in head:
            data, seq = packets(seq, payload)
            out += data
        while True:
            for _ in range(256):
                data, seq = packets(seq, again)
                out += data
            self.client.sendall(out)
            out = b''

    def falsified(self, kind, first, columns=(), rows=(), end=b'\xfe\0\0\2\0', last=b'\xfe\0\0\2\0'):
        kind, _, number = kind.partition(':')
        columns, rows = list(columns), [list(r) for r in rows]
        column = columns[-1] if columns else b'\x03def\0\0\0\x01x\0\x0c\x2d\0\xff\0\0\0\xfd\0\0\0\0\0'
        some = rows or [[b'x'] * max(len(columns), 1)]
        if kind == 'ok':
            return self.send([b'\0\0\0\2\0\0\0'])
        if kind == 'infile':
            self.send([b'\xfb/etc/passwd'])
            raise Gone
        if kind == 'error':
            return self.send([error_packet(1105, b'bad \x1b[31mred\x07\xff ' + b'long ' * 4000)])
        if kind == 'short_error':
            return self.send([b'\xff\x51\x04#'])
        if kind == 'cut':
            raise Gone
        if kind == 'garbage':
            self.client.sendall(os.urandom(4000))
            raise Gone
        if kind == 'many_columns':
            return self.send([b'\xfe' + struct.pack('<Q', int(number))] + [column] * 64 + [end] +
                             [self.row([b'x'])] * 64 + [last])
        if kind == 'endless_columns':
            return self.endless([lenenc(1)], column)
        if kind == 'endless':
            return self.endless([lenenc(len(columns) or 1), *(columns or [column]), end], self.row(some[0]))
        if kind == 'huge':
            some[0][-1] = b'x' * (100 << 20)
            return self.send(self.result(columns or [column], some, end, last))
        if kind == 'slow':
            return self.send(self.result(columns, rows, end, last) if columns else [first], float(number or 0.5))
        if not columns:
            return self.send([first])
        if kind == 'fewer':
            if len(columns) == 1:
                return self.send([b'\0\0\0\2\0\0\0'])
            columns.pop()
            rows = [r[:-1] for r in rows]
        elif kind == 'more':
            columns.append(columns[-1])
            rows = [r + r[-1:] for r in rows]
        elif kind == 'short_rows':
            rows = [r[:-1] for r in some]
        elif kind == 'empty':
            rows = []
        elif kind == 'null':
            rows = [[None if number in ('', str(i)) else c for i, c in enumerate(r)] for r in some]
        elif kind == 'utf8':
            rows = [[b'\x1b[31m\xff\xfe'] * len(columns) for r in some]
        elif kind == 'nul':
            rows = [[b'a\0b'] * len(columns) for r in some]
        elif kind == 'words':
            rows = [[b'nonsense'] * len(columns) for r in some]
        elif kind == 'numbers':
            rows = [[b'-99999999999999999999'] * len(columns) for r in some]
        elif kind == 'busy':
            rows = [[b'Query' if i == 4 else c for i, c in enumerate(r)] for r in rows]
        elif kind == 'blank':
            rows = [[b''] * len(columns) for r in some]
        elif kind == 'names':
            columns = [b'\x03def\0\0\0' + b'\x01x' + b'\0\x0c\x2d\0\xff\0\0\0\xfd\0\0\0\0\0' for c in columns]
        return self.send(self.result(columns, rows, end, last))


def main():
    role = Server() if sys.argv[1] == 'server' else Proxy(int(sys.argv[2]))
    listen = socket.socket()
    listen.bind(('127.0.0.1', 0))
    listen.listen(64)

    def accept():
        while True:
            sock = listen.accept()[0]
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=role.serve, args=(sock,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    print(listen.getsockname()[1], flush=True)
    for line in sys.stdin:
        print(json.dumps(role.command(json.loads(line))), flush=True)


main()
