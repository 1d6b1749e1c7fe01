"""A small fake of what Envoy gives to a Lua filter, on the same Lua: LuaJIT, the filter as a coroutine,
bodies that arrive later.

Like Envoy: `body` and `bodyChunks` suspend the script until there is something; `respond` suspends it for
good; whoever calls `body` gets nothing if the request has none; an error that leaves the script lets the
request pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from lupa.luajit21 import LuaRuntime

FAKE = b"""
function run(headers, chunks, failing, log, respond)
  local position = 0
  local function buffer(text)
    local function bytes(_, from, count) return text:sub(from + 1, from + count) end
    return {length = function() return #text end, getBytes = bytes}
  end
  local function fails(what) if failing == what then error(what .. " fails") end end
  local handle = {}
  function handle:headers()
    fails("headers")
    return {get = function(_, name) fails(name) return headers[name] end}
  end
  function handle:body()
    coroutine.yield("body")
    fails("body")
    if #chunks == 0 then return nil end
    return buffer(table.concat(chunks))
  end
  function handle:bodyChunks()
    return function()
      coroutine.yield("chunk")
      fails("body")
      position = position + 1
      return chunks[position] and buffer(chunks[position])
    end
  end
  function handle:streamInfo()
    return {downstreamSslConnection = function()
      fails("certificate")
      return {uriSanPeerCertificate = function() return {"spiffe://cluster.local/ns/team-a/sa/app"} end}
    end}
  end
  function handle:logWarn(text) fails("log") log(text) end
  function handle:respond(reply, body) respond(reply[":status"], body) coroutine.yield("responded") end
  local held = false
  local script = coroutine.create(envoy_on_request)
  for _ = 1, #chunks + 10 do
    local ran, waits_for = coroutine.resume(script, handle)
    if not ran then return "error: " .. tostring(waits_for), held end
    if waits_for == "responded" then return "responded", held end
    if coroutine.status(script) == "dead" then return "passed", held end
    if waits_for == "body" then held = true end
  end
  return "endless", held
end
"""


@dataclass
class Outcome:
    """What became of one request."""

    ended: str = ""
    """`passed`, `responded`, or an error that left the script."""
    held: bool = False
    """Whether anything was kept back until the whole body was there."""
    status: int | None = None
    reason: str = ""
    log: list[str] = field(default_factory=list)


class Filter:
    """A filter's source, loaded as Envoy loads it."""

    def __init__(self, source: str) -> None:
        self._lua: Any = LuaRuntime(encoding=None, register_eval=False, unpack_returned_tuples=True)
        self._lua.execute(source.encode())
        self._lua.execute(FAKE)

    def request(
        self,
        headers: dict[str, str] | None = None,
        *chunks: bytes,
        authority: str = "api.example.com",
        failing: str = "",
    ) -> Outcome:
        """Send a request; `failing` names what raises an error inside Envoy's part."""
        given = {":authority": authority, ":path": "/", ":method": "POST"} | (headers or {})
        outcome = Outcome()

        def respond(status: bytes, body: bytes) -> None:
            outcome.status, outcome.reason = int(status), body.decode()

        table = self._lua.table_from({name.encode(): value.encode() for name, value in given.items()})
        ended, held = self._lua.globals()[b"run"](
            table,
            self._array(chunks),
            failing.encode(),
            lambda text: outcome.log.append(text.decode()),
            respond,
        )
        outcome.ended, outcome.held = ended.decode(), bool(held)
        return outcome

    def value(self, expression: str) -> Any:
        """What a Lua expression is, as bytes or number."""
        return self._lua.execute(b"return " + expression.encode())

    def find(self, body: bytes, pattern: bytes) -> bool:
        return self._lua.globals()[b"string"][b"find"](body, pattern) is not None

    def _array(self, chunks: Sequence[bytes]) -> Any:
        return self._lua.table(*chunks)
