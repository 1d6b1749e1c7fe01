-- Body inspection at the egress gateway. Runs in Envoy's Lua filter, after authorization.
-- In front of this text, egress/layers/inspection.py writes the table HOSTS, for example:
--   HOSTS["example.com"] = {enforce = true, max = 1048576, rules = {{name = "key", text = "sensitiveData"}}}
-- A rule has `text`, compared byte by byte (`lower`: with the body in lower case), or `pattern`, a Lua pattern of bounded length.
-- Neither the client nor the log is ever told what matched: the log must not become the leak.

local READABLE = {["utf-8"] = true, ["utf8"] = true, ["us-ascii"] = true, ["iso-8859-1"] = true}
local JSON_ESCAPES = {b = "\b", f = "\f", n = "\n", r = "\r", t = "\t"}

local PERCENT = {}
for byte = 0, 255 do
  local character, hex = string.char(byte), string.format("%02x", byte)
  local high, low = hex:sub(1, 1), hex:sub(2, 2)
  for _, one in ipairs({high, high:upper()}) do
    for _, other in ipairs({low, low:upper()}) do
      PERCENT[one .. other] = character
    end
  end
end

-- The host that a request is for, as the routes and the authorization compare it: without case and port.
local function host_of(authority)
  local host = string.lower(authority or "")
  host = string.gsub(host, ":%d*$", "")
  host = string.gsub(host, "%.+$", "")
  return host
end

local function utf8(code)
  if code < 0x80 then
    return string.char(code)
  elseif code < 0x800 then
    return string.char(0xC0 + math.floor(code / 0x40), 0x80 + code % 0x40)
  end
  return string.char(0xE0 + math.floor(code / 0x1000), 0x80 + math.floor(code / 0x40) % 0x40, 0x80 + code % 0x40)
end

local function json_unescaped(escape, hex)
  if escape == "u" and #hex == 4 then
    return utf8(tonumber(hex, 16))
  end
  return (JSON_ESCAPES[escape] or escape) .. hex
end

-- A text as it is, and as its receiver may read it: percent-decoded as forms and queries are, and with JSON's escapes undone.
local function readings(text)
  local found = {text}
  if text:find("[%%+]") then
    local spaced = text:gsub("+", " ")
    found[#found + 1] = (spaced:gsub("%%(%x%x)", PERCENT))
  end
  if text:find("\\", 1, true) then
    found[#found + 1] = (text:gsub("\\(.)(%x?%x?%x?%x?)", json_unescaped))
  end
  return found
end

-- The name of the first rule that the text breaks.
local function broken_rule(rules, text)
  for _, reading in ipairs(readings(text)) do
    local lower
    for _, rule in ipairs(rules) do
      local where = reading
      if rule.lower then
        lower = lower or reading:lower()
        where = lower
      end
      if rule.text and where:find(rule.text, 1, true) or rule.pattern and where:find(rule.pattern) then
        return rule.name
      end
    end
  end
  return nil
end

-- Why nobody could read this request's body: status and words; nothing if it is readable.
local function unreadable(headers, max)
  if headers:get("upgrade") or headers:get(":method") == "CONNECT" then
    return 400, "the request asks for a connection of another protocol, which cannot be read"
  end
  for _, name in ipairs({"content-encoding", "grpc-encoding"}) do
    local encoding = headers:get(name)
    if encoding and encoding:lower() ~= "identity" then
      return 415, "the body is encoded and cannot be read"
    end
  end
  local charset = (headers:get("content-type") or ""):lower():match("charset%s*=%s*\"?([^\";%s]*)")
  if charset and not READABLE[charset] then
    return 415, "the body's character set cannot be read"
  end
  local length = headers:get("content-length")
  if length and not (tonumber(length) and tonumber(length) <= max) then
    return 413, "the body is too large to be read"
  end
end

-- The whole body, held back until it is here; nil if it is longer than `max`.
local function held(handle, max)
  local body = handle:body()
  if not body then
    return ""
  end
  local length = body:length()
  if length > max then
    return nil
  end
  return length == 0 and "" or body:getBytes(0, length)
end

-- The same from a copy of what passes by; nothing is held back.
local function passing(handle, max)
  local parts, total = {}, 0
  for chunk in handle:bodyChunks() do
    local length = chunk:length()
    total = total + length
    if total > max then
      return nil
    end
    if length > 0 then
      parts[#parts + 1] = chunk:getBytes(0, length)
    end
  end
  return table.concat(parts)
end

-- What is wrong with a request: status and words; nothing if it may leave.
local function judge(handle, host)
  local headers = handle:headers()
  local rule = broken_rule(host.rules, headers:get(":path") or "")
  if rule then
    return 400, "the path or query breaks the rule " .. rule
  end
  local status, words = unreadable(headers, host.max)
  if status then
    return status, words
  end
  local body = (host.enforce and held or passing)(handle, host.max)
  if not body then
    return 413, "the body is too large to be read"
  end
  rule = broken_rule(host.rules, body)
  if rule then
    return 400, "the body breaks the rule " .. rule
  end
end

-- Who sent it, by the certificate of the mesh.
local function sender(handle)
  return handle:streamInfo():downstreamSslConnection():uriSanPeerCertificate()[1]
end

function envoy_on_request(handle)
  -- An error that leaves this function would let the request pass.
  local found, name = pcall(function()
    return host_of(handle:headers():get(":authority"))
  end)
  local host = HOSTS[found and name]
  if found and not host then
    return
  end
  local ran, status, words = false, nil, nil
  if found then
    ran, status, words = pcall(judge, handle, host)
  end
  if not ran then
    status, words = 500, "the inspection itself failed"
  end
  if not status then
    return
  end
  local enforce = not host or host.enforce
  local known, who = pcall(sender, handle)
  pcall(function()
    handle:logWarn(string.format(
      "egress inspection: %s; host=%s status=%d reason=\"%s\" from=%s",
      enforce and "refused" or "would refuse", found and name or "unknown", status, words, known and who or "unknown"
    ))
  end)
  if enforce then
    handle:respond(
      {[":status"] = tostring(status), ["content-type"] = "text/plain"},
      "Refused by the egress gateway: " .. words .. ".\n"
    )
  end
end
