#!/usr/bin/env python3
"""registry_front.py PORT TLS_PORT CERTIFICATE CA REGISTRY: what stands between a test and
its schema registry.  The first part of a path says how requests are met:

	plain		as the registry answers
	basic		only to the user reader with the password "p:ä ss"
	bearer		only to the token of a test
	client		by TLS only, to a certificate of the CA
	silent		never			slow	a byte a second		close	at once, with nothing
	redirect	to /stolen, which notes what credentials come there
	huge		without end		html	with a page			error	with HTTP status 500
	broken		with a schema that is none; nested: one of 5000 levels; self: one that refers to itself
	some		but for schemas 900001, by HTTP status 500, and 900002, by what is none
	file		with a redirect to file:///etc/passwd

/asked is how often each path was asked for, /stolen what came there.
"""
import base64
import collections
import json
import ssl
import sys
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

port, tls_port, certificate, ca, registry = sys.argv[1:]
asked = collections.Counter()
stolen = []
BASIC = 'Basic ' + base64.b64encode('reader:p:ä ss'.encode()).decode()
BEARER = 'Bearer token.of.a-test'


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *args):
        pass

    def answer(self, status, body, kind='application/vnd.schemaregistry.v1+json', **headers):
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
        body = body.encode() if isinstance(body, str) else body
        self.send_response(status)
        self.send_header('Content-Type', kind)
        self.send_header('Content-Length', str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def pass_on(self, path):
        try:
            with urllib.request.urlopen(registry + path) as r:
                self.answer(r.status, r.read())
        except urllib.error.HTTPError as e:
            self.answer(e.code, e.read())

    def do_GET(self):
        asked[self.path] += 1
        _, manner, rest = (self.path + '/').split('/', 2)
        rest = '/' + rest.rstrip('/')
        who = self.headers.get('Authorization')
        if manner == 'asked':
            self.answer(200, dict(asked))
        elif manner == 'stolen':
            stolen.append(who)
            self.answer(200, stolen)
        elif manner in ('basic', 'bearer'):
            if who == (BASIC if manner == 'basic' else BEARER):
                self.pass_on(rest)
            else:
                self.answer(401, {'error_code': 40101, 'message': 'Unauthorized\x1b[31m' + 'x' * 500})
        elif manner == 'client':
            if getattr(self.connection, 'getpeercert', lambda: None)():
                self.pass_on(rest)
            else:
                self.answer(403, {'error_code': 40301, 'message': 'no certificate'})
        elif manner == 'silent':
            time.sleep(60)
        elif manner == 'close':
            self.connection.close()
        elif manner == 'slow':
            self.send_response(200)
            self.end_headers()
            try:
                for c in b'{"schema": "' + b' ' * 60:
                    self.wfile.write(bytes([c]))
                    self.wfile.flush()
                    time.sleep(1)
            except OSError:
                pass
        elif manner == 'huge':
            self.send_response(200)
            self.end_headers()
            try:
                self.wfile.write(b'{"schema": "')
                while True:
                    self.wfile.write(b'x' * 65536)
            except OSError:
                pass
        elif manner == 'redirect':
            self.answer(302, '', Location='http://127.0.0.1:%s/stolen' % port)
        elif manner == 'file':
            self.answer(302, '', Location='file:///etc/passwd')
        elif manner == 'html':
            self.answer(200, '<html><p>secret of another service</html>', 'text/html')
        elif manner == 'error':
            self.answer(500, {'error_code': 50001, 'message': 'Error in the backend data store'})
        elif manner == 'broken':
            self.answer(200, {'schema': '{"type": "record", "name": "R"}'})
        elif manner == 'nested':
            self.answer(200, {'schema': '{"type":"array","items":' * 5000 + '"int"' + '}' * 5000})
        elif manner == 'self':
            self.answer(200, {'schema': '"int"', 'references': [
                {'name': 'a', 'subject': 's/%d' % asked.total(), 'version': 1}]})
        elif manner == 'some' and rest == '/schemas/ids/900001':
            self.answer(500, {'error_code': 50001, 'message': 'Error in the backend data store'})
        elif manner == 'some' and rest == '/schemas/ids/900002':
            self.answer(200, {})
        else:
            self.pass_on(rest)


plain = ThreadingHTTPServer(('127.0.0.1', int(port)), Handler)
threading.Thread(target=plain.serve_forever, daemon=True).start()
secure = ThreadingHTTPServer(('127.0.0.1', int(tls_port)), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate)
context.load_verify_locations(ca)
context.verify_mode = ssl.CERT_OPTIONAL
secure.socket = context.wrap_socket(secure.socket, server_side=True, do_handshake_on_connect=False)
secure.serve_forever()
