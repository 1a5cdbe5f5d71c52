"""Sockets: the listeners, TLS with a certificate for every name, and the CONNECT proxy."""

import datetime as dt
import platform
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, ClassVar

import trustme

from tests.azure.faults import Expired, Faults, NotYetValid, SelfSigned, TLSFault, WrongName
from tests.azure.log import Log, Request, kind_of
from tests.azure.wire import Call, Handler, HangUp, Reply, json_reply

BACKLOG = 1024


@dataclass(frozen=True)
class Site:
    """Who answers for a host name, and under which listener it is recorded."""

    listener: str
    answer: Callable[[Call], Reply]


class Desk:
    """Records a call, applies its fault and delay, and has it answered."""

    def __init__(self, log: Log, faults: Faults, delay: Callable[[str], float]) -> None:
        self._log = log
        self._delay = delay
        self.faults = faults

    def serve(self, handler: Handler, call: Call, site: Site) -> Reply | None:
        """Sends the answer, and returns it; None when there was none."""
        kind = kind_of(site.listener, call.method, call.path)
        number = self._log.enter(
            Request(
                time.time(),
                site.listener,
                call.host,
                call.method,
                call.path,
                call.query,
                call.headers,
                call.form,
            )
        )
        try:
            reply = self._reply(kind, call, site)
            self._log.answered(number, reply.status)
            try:
                handler.send(call, reply)
            finally:
                reply.close()
        except HangUp as end:
            handler.hang_up(end)
            return None
        handler.finish_call(call)
        return reply

    def _reply(self, kind: str, call: Call, site: Site) -> Reply:
        self.faults.wait(self._delay(kind))
        fault = self.faults.take(kind, call.host)
        if fault is None:
            return site.answer(call)
        return fault.apply(lambda: site.answer(call), self.faults.closing)


class Connections:
    """Open sockets, so that stopping wakes every thread that reads one."""

    def __init__(self) -> None:
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._ended = False

    @contextmanager
    def hold(self, connection: socket.socket) -> Iterator[None]:
        with self._lock:
            if self._ended:
                raise ConnectionAbortedError
            self._open.add(connection)
        try:
            yield
        finally:
            with self._lock:
                self._open.discard(connection)

    def end(self) -> None:
        with self._lock:
            self._ended = True
            for connection in self._open:
                with suppress(OSError):  # not ssl's own shutdown: a thread may be reading
                    socket.socket.shutdown(connection, socket.SHUT_RDWR)


class Listener:
    """Accepts connections, one thread each."""

    def __init__(
        self,
        address: str,
        port: int,
        connections: Connections,
        serve: Callable[[socket.socket], object],
    ) -> None:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._serve = serve
        self._connections = connections
        self._threads: set[threading.Thread] = set()
        self._socket = socket.create_server((address, port), family=family, backlog=BACKLOG)
        self.address: str = self._socket.getsockname()[0]
        self.port: int = self._socket.getsockname()[1]
        self._acceptor = threading.Thread(target=self._accept, name="fake-azure", daemon=True)
        self._acceptor.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._run, args=(connection,), daemon=True)
            self._threads.add(thread)
            thread.start()

    def _run(self, connection: socket.socket) -> None:
        # A client that goes away is no event.
        with connection, self._connections.hold(connection), suppress(OSError, HangUp):
            self._serve(connection)
        self._threads.discard(threading.current_thread())

    def stop(self) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)  # wakes accept()
        self._socket.close()
        self._acceptor.join(5)

    def join(self) -> None:
        for thread in tuple(self._threads):
            thread.join(5)


class Certificates:
    """A server certificate for every name, issued when it is first asked for."""

    PAST = dt.datetime(2001, 1, 1, tzinfo=dt.UTC)

    def __init__(self, ca: trustme.CA) -> None:
        self._contexts: dict[tuple[str, type[TLSFault] | None], ssl.SSLContext] = {}
        self._lock = threading.Lock()
        self._issue: dict[type[TLSFault] | None, Callable[[str], trustme.LeafCert]] = {
            None: lambda name: ca.issue_cert(name, **self._life()),
            WrongName: lambda _name: ca.issue_cert("wrong-name.example"),
            Expired: lambda name: ca.issue_cert(name, not_after=self.PAST),
            NotYetValid: lambda name: ca.issue_cert(name, not_before=self.future()),
            SelfSigned: lambda name: trustme.CA().issue_cert(name),
        }

    @staticmethod
    def future() -> dt.datetime:
        return dt.datetime.now(dt.UTC) + dt.timedelta(days=1)

    @staticmethod
    def _life() -> dict[str, Any]:
        """macOS accepts no server certificate of more than 825 days; clocks are moved elsewhere only."""
        if platform.system() != "Darwin":  # in words that a type checker does not decide
            return {}
        now = dt.datetime.now(dt.UTC)
        return {"not_before": now - dt.timedelta(days=1), "not_after": now + dt.timedelta(days=365)}

    def context(self, name: str, problem: type[TLSFault] | None = None) -> ssl.SSLContext:
        with self._lock:
            key = (name, problem)
            if key not in self._contexts:
                self._contexts[key] = self._new(name, problem)
            return self._contexts[key]

    def _new(self, name: str, problem: type[TLSFault] | None) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        self._issue[problem](name).configure_cert(context)
        return context


class SiteHandler(Handler):
    """Requests for the sites behind one listener."""

    desk: ClassVar[Desk]
    route: ClassVar[Callable[[str], Site]]

    def answer(self) -> None:
        call = self.call()
        self.desk.serve(self, call, type(self).route(call.host))


class TLS:
    """Serves the sites over TLS, on any connected socket: the listener's own or the proxy's."""

    def __init__(
        self,
        certificates: Certificates,
        connections: Connections,
        handler: type[SiteHandler],
        name: str,
    ) -> None:
        self._certificates = certificates
        self._handler = handler
        self._connections = connections
        self._context = certificates.context(name)
        self._front = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._front.minimum_version = ssl.TLSVersion.TLSv1_2
        self._front.set_alpn_protocols(["http/1.1"])
        self._front.sni_callback = self._choose

    def _choose(
        self, connection: ssl.SSLSocket | ssl.SSLObject, name: str | None, _: ssl.SSLContext
    ) -> int | None:
        if not name:
            connection.context = self._context
            return None
        fault = self._handler.desk.faults.take("tls", name)
        try:
            if fault:
                fault.apply(lambda: Reply(200), self._handler.desk.faults.closing)
        except HangUp:
            return ssl.ALERT_DESCRIPTION_INTERNAL_ERROR
        problem = type(fault) if isinstance(fault, TLSFault) else None
        connection.context = self._certificates.context(name, problem)
        return None

    def serve(self, connection: socket.socket) -> None:
        secure = self._front.wrap_socket(
            connection, server_side=True, do_handshake_on_connect=False
        )
        with secure, self._connections.hold(secure):
            secure.do_handshake()
            self._handler(secure, secure.getpeername(), None)  # type: ignore[arg-type]


class ProxyHandler(Handler):
    """An HTTPS proxy for which every host is the fake Azure."""

    desk: ClassVar[Desk]
    tls: ClassVar[TLS]
    missing: ClassVar[Callable[[str], bool]]
    known: ClassVar[Callable[[str], bool]]

    def answer(self) -> None:
        call = self.call()
        call.host, _, port = call.target.rpartition(":")
        call.path = call.target
        call.host = call.host.lower()
        reply = self.desk.serve(self, call, Site("proxy", lambda _call: self._open(call, port)))
        self.close_connection = True
        if reply and call.method == "CONNECT" and reply.status == 200:
            self.tls.serve(self.connection)

    def _open(self, call: Call, port: str) -> Reply:
        if call.method != "CONNECT":
            return json_reply(502, {"error": "this proxy only opens tunnels"})
        if port != "443" and not type(self).known(f"{call.host}:{port}"):
            return Reply(403)
        if type(self).missing(call.host):  # what a proxy says to a name without an address
            return Reply(502)
        return Reply(200)
